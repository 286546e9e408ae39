"""BuildKit's control API, typed: the calls that bakex makes and nothing else.

Source: buildkit api/services/control, frontend/gateway/pb.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from grpclib.const import Status

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit.transport import RpcError
from bakex.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bakex.engines.buildkit.transport import Connection

_CONTROL = "/moby.buildkit.v1.Control/"
_BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/"
SESSION_METHOD = _CONTROL + "Session"
QUICK_S = 20.0  # seconds for calls that answer at once


def new_ref() -> str:
    """Return an id for a build or a session: unique, and impossible to guess."""
    return secrets.token_hex(16)


class Control:
    """The control API of one daemon."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def workers(self) -> list[pb.WorkerRecord]:
        """Return the daemon's workers; the first one is the default.

        Raises:
            RpcError: The daemon refused.
            NodeError: It cannot be reached or is no BuildKit.
        """
        reply = await self._connection.unary(
            _CONTROL + "ListWorkers",
            pb.ListWorkersRequest(),
            pb.ListWorkersResponse,
            timeout_s=QUICK_S,
        )
        return list(reply.record)

    async def version(self) -> str:
        """Return the version that the daemon claims; empty when it has no such call.

        Raises:
            RpcError: The daemon refused.
            NodeError: It cannot be reached.
        """
        try:
            reply = await self._connection.unary(
                _CONTROL + "Info", pb.InfoRequest(), pb.InfoResponse, timeout_s=QUICK_S
            )
        except RpcError as error:
            if error.status is Status.UNIMPLEMENTED:
                return ""
            raise
        return reply.buildkit_version.version

    async def solve(self, request: pb.SolveRequest) -> dict[str, str]:
        """Run a build and return the exporters' response; cancelling this cancels the build.

        Raises:
            RpcError: The build failed.
            NodeError: The daemon was lost.
        """
        reply = await self._connection.unary(_CONTROL + "Solve", request, pb.SolveResponse)
        return dict(reply.exporter_response)

    async def status(self, ref: str) -> AsyncGenerator[pb.StatusResponse, None]:
        """Yield what happens in a build until it is over; may be called before `solve`.

        Raises:
            RpcError: There is no such build.
            NodeError: The daemon was lost.
        """
        request = pb.StatusRequest(ref=ref)
        replies = self._connection.replies(_CONTROL + "Status", request, pb.StatusResponse)
        async with aclosing(replies) as stream:
            async for reply in stream:
                yield reply

    async def capabilities(self) -> frozenset[str]:
        """Return the ids of the capabilities that the daemon has, of the gateway and of LLB.

        Only a frontend may ask, so a build without content is opened, asked and closed; it leaves
        no trace in the build history.

        Raises:
            RpcError: The daemon refused.
            NodeError: It cannot be reached.
        """
        ref = new_ref()
        request = pb.SolveRequest(ref=ref, internal=True, cache=pb.CacheOptions())
        bridge = [("buildkit-controlapi-buildid", ref)]
        outcome: list[pb.PongResponse | RpcError | NodeError] = []

        async def ask() -> None:
            try:
                pong = await self._connection.unary(
                    _BRIDGE + "Ping", pb.PingRequest(), pb.PongResponse,
                    metadata=bridge, timeout_s=QUICK_S,
                )  # fmt: skip
                await self._connection.unary(
                    _BRIDGE + "Return", pb.ReturnRequest(result=pb.Result()), pb.Empty,
                    metadata=bridge, timeout_s=QUICK_S,
                )  # fmt: skip
                outcome.append(pong)
            except (RpcError, NodeError) as error:
                outcome.append(error)

        async with asyncio.TaskGroup() as group:
            build = group.create_task(self._quiet_solve(request))
            await ask()
            pong = outcome[0]
            if not isinstance(pong, pb.PongResponse):
                build.cancel()
        if not isinstance(pong, pb.PongResponse):
            raise pong
        caps = (*pong.frontend_caps, *pong.llb_caps)
        return frozenset(cap.id for cap in caps if cap.enabled)

    async def _quiet_solve(self, request: pb.SolveRequest) -> None:
        """Keep the build open; how it ends does not matter once the question was answered."""
        with suppress(RpcError, NodeError):  # the question itself reports what is wrong
            await self.solve(request)
