"""A solve of the fake daemon, as the scripts of tests see it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from bakex._pb import bk_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.testing.buildkit_peer import Peer


def failure(
    message: str, *, status: Status = Status.UNKNOWN, details: Mapping[str, bytes] | None = None
) -> GRPCError:
    """Return the error with which a script fails as the daemon does.

    Args:
        message: The text.
        status: The gRPC status.
        details: Type name, such as ``errdefs.Vertex``, -> JSON.
    """
    encoded = [
        pb.Any(type_url=f"github.com/moby/buildkit/{name}+json", value=value)
        for name, value in (details or {}).items()
    ]
    answer = pb.Status(code=status.value, message=message, details=encoded)
    return GRPCError(status, message, answer.SerializeToString() if encoded else None)


@dataclass(slots=True)
class Build:
    """A solve that is running, as the script sees it.

    Attributes:
        request: What was asked.
        session: The session that serves it; None if it names none.
        cancelled: Whether the client cancelled it.
        updates: What is on its way on the status stream; None ends it.
        returned: Set once a gateway client has handed over its result.
        result: That result.
        error: What it returned instead.
        loaded: Steps that a gateway client had run without a frontend.
        stopped: Set once the solve has ended, one way or another.
    """

    request: pb.SolveRequest
    session: Peer | None = None
    cancelled: bool = False
    updates: asyncio.Queue[pb.StatusResponse | None] = field(
        default_factory=asyncio.Queue[pb.StatusResponse | None]
    )
    returned: asyncio.Event = field(default_factory=asyncio.Event)
    result: pb.Result | None = None
    error: pb.Status | None = None
    loaded: list[pb.Definition] = field(default_factory=list[pb.Definition])
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def emit(self, response: pb.StatusResponse) -> None:
        """Send a message on the status stream."""
        self.updates.put_nowait(response)

    async def call(
        self, method: str, *messages: bytes, metadata: Sequence[tuple[str, str]] = ()
    ) -> list[bytes]:
        """Call a service of the session.

        Raises:
            GRPCError: The service failed, or is not offered.
        """
        if self.session is None:
            raise failure("no active session")
        return await self.session.call(method, messages, metadata)
