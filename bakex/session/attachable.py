"""What the client serves during a build: calls from the daemon, and who answers them.

The transport (grpclib over whatever byte stream) is kept out of the services: a service sees calls
that carry raw protobuf messages, so hot paths may encode by hand and tests need no HTTP/2.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol
from urllib.parse import unquote_plus


class Status(IntEnum):
    """The gRPC status codes that services answer with (grpc/status.md)."""

    OK = 0
    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    FAILED_PRECONDITION = 9
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


class CallError(Exception):
    """The answer to a call is a gRPC status other than OK; the daemon sees code and message."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Metadata:
    """The request metadata of a call; keys are lower case and may repeat."""

    pairs: tuple[tuple[str, str], ...]

    def values(self, key: str) -> list[str]:
        """Return all values of a key, in order; undoes BuildKit's ``<key>-encoded: 1`` form."""
        found = [value for name, value in self.pairs if name == key]
        if (f"{key}-encoded", "1") in self.pairs:
            return [unquote_plus(value) for value in found]
        return found

    def value(self, key: str, default: str = "") -> str:
        """Return the first value of a key."""
        return next(iter(self.values(key)), default)


class Call(Protocol):
    """One call of the daemon: a stream of messages in each direction."""

    @property
    def metadata(self) -> Metadata:
        """What came with the request."""
        ...

    async def receive(self) -> bytes | None:
        """Return the next message; None once the daemon has sent its last."""
        ...

    async def receive_some(self) -> list[bytes]:
        """Return the messages that are there, after waiting for one; none after the last.

        For many small messages: it costs a fraction of receiving them one by one.
        """
        ...

    async def send(self, message: bytes) -> None:
        """Send a message; waits while the connection is congested."""
        ...

    async def send_all(self, messages: Sequence[bytes]) -> None:
        """Send messages, in order, as `send` would one by one, but at a fraction of the cost.

        For many small messages. One task at a time may send: a message that waits for room is
        under way in parts.
        """
        ...


Handler = Callable[[Call], Awaitable[None]]


class Attachable(Protocol):
    """A service of the session."""

    def services(self) -> Mapping[str, Handler]:
        """Return ``/package.Service/Method`` -> handler; returning from a handler ends with OK."""
        ...
