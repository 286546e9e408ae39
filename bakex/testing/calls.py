"""Calls of a session without a connection: two ends of a pair of bounded queues."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bakex.session.attachable import CallError, Metadata, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.session.attachable import Handler


class MemoryCall:
    """One end of a call; what one end sends the other receives.

    The service gets one end (it is a `bakex.session.attachable.Call`), the test or another service
    the other. Queues are bounded, so a side that only sends must have a peer that receives.

    Attributes:
        metadata: What came with the request.
        sent: Messages this end has sent, if it was asked to keep them.
    """

    def __init__(
        self,
        metadata: Metadata,
        incoming: asyncio.Queue[bytes | Exception | None],
        outgoing: asyncio.Queue[bytes | Exception | None],
        *,
        keep: bool,
    ) -> None:
        self.metadata = metadata
        self.sent: list[bytes] = []
        self._incoming = incoming
        self._outgoing = outgoing
        self._keep = keep
        self._ended = False

    @classmethod
    def pair(
        cls, *metadata: tuple[str, str], depth: int = 64, keep: bool = False
    ) -> tuple[MemoryCall, MemoryCall]:
        """Return the service's end and the daemon's end of a new call.

        Args:
            *metadata: Key and value pairs of the request.
            depth: How many messages may be under way in each direction; 0 for any number.
            keep: Whether both ends keep what they send.
        """
        to_service = asyncio.Queue[bytes | Exception | None](depth)
        to_daemon = asyncio.Queue[bytes | Exception | None](depth)
        request = Metadata(metadata)
        return (
            cls(request, to_service, to_daemon, keep=keep),
            cls(request, to_daemon, to_service, keep=keep),
        )

    async def receive(self) -> bytes | None:
        """Return the next message; None, again and again, once the peer has ended.

        Raises:
            Exception: What the peer aborted the call with.
        """
        if self._ended:
            return None
        message = await self._incoming.get()
        if isinstance(message, Exception):
            raise message
        self._ended = message is None
        return message

    async def receive_some(self) -> list[bytes]:
        """Return the next message, as if no other one were there; none after the last."""
        message = await self.receive()
        return [] if message is None else [message]

    async def send(self, message: bytes) -> None:
        """Send a message; waits while the peer does not receive."""
        if self._keep:
            self.sent.append(message)
        await self._outgoing.put(message)

    async def send_all(self, messages: Sequence[bytes]) -> None:
        """Send messages, one by one."""
        for message in messages:
            await self.send(message)

    async def end(self) -> None:
        """Send no more: the peer's `receive` returns None."""
        await self._outgoing.put(None)

    async def abort(self, error: Exception) -> None:
        """Fail the call: the peer's `receive` raises."""
        await self._outgoing.put(error)

    async def receive_all(self) -> list[bytes]:
        """Return all messages up to the peer's end."""
        messages: list[bytes] = []
        while (message := await self.receive()) is not None:
            messages.append(message)
        return messages


async def serve(handler: Handler, call: MemoryCall) -> None:
    """Run a handler as a transport would: when it returns, the call ends.

    Raises:
        CallError: What the handler raised; the peer's `receive` raises it too.
    """
    try:
        await handler(call)
    except CallError as error:
        await call.abort(error)
        raise
    await call.end()


async def unary(handler: Handler, request: bytes, *metadata: tuple[str, str]) -> bytes:
    """Make a call with one request and return its one answer.

    Raises:
        CallError: The handler's status, or INTERNAL if it did not send exactly one message.
    """
    answers = await exchange(handler, [request], *metadata)
    if len(answers) != 1:
        raise CallError(Status.INTERNAL, f"{len(answers)} answers to a unary call")
    return answers[0]


async def exchange(
    handler: Handler, requests: Sequence[bytes], *metadata: tuple[str, str]
) -> list[bytes]:
    """Send all requests, end, and return all answers.

    Raises:
        CallError: The handler's status.
    """
    service, daemon = MemoryCall.pair(*metadata, depth=0)
    for request in requests:
        await daemon.send(request)
    await daemon.end()
    await serve(handler, service)
    return await daemon.receive_all()
