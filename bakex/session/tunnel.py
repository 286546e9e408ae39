"""Ways for a session's byte stream to reach the daemon.

- dockerd upgrades ``POST /session`` on a connection of its own.
- buildkitd carries the bytes in messages of ``Control.Session``: the concatenation of their
  payloads is an HTTP/2 connection in which the daemon is the client. Message boundaries mean
  nothing; ending our side ends the session. Source: buildkit session/grpchijack.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import h2.exceptions
from google.protobuf.message import DecodeError
from grpclib.const import Cardinality
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError
from multidict import MultiDict

from bakex._pb import bk_pb2 as pb
from bakex.session.upgrade import upgrade

if TYPE_CHECKING:
    from grpclib.client import Channel, Stream

    from bakex.carriers import Dialer
    from bakex.session.session import Session

SESSION_METHOD = "/moby.buildkit.v1.Control/Session"
_CHUNK = 1 << 20  # bytes per message; daemons accept 4 MiB and more
_HIGH, _LOW = 1 << 20, 1 << 18  # bytes waiting to be sent at which the server is paused, resumed
# Everything that ends a tunnel from outside; what it means is said by the call that needs it.
_ENDS = (
    GRPCError,
    ProtocolError,
    StreamTerminatedError,
    h2.exceptions.H2Error,
    OSError,
    AssertionError,
    AttributeError,
    DecodeError,
)
_log = logging.getLogger(__name__)


class ByteStream(Protocol):
    """The call that carries a session."""

    async def send_message(self, message: bytes, *, end: bool = False) -> None:
        """Send one message."""
        ...

    async def recv_message(self) -> bytes | None:
        """Return the next message; None at the end."""
        ...


async def attach(session: Session, dialer: Dialer) -> asyncio.Transport:
    """Open a session on dockerd.

    Raises:
        DialError: No connection.
        NodeError: The daemon does not offer sessions.
    """
    transport, _ = await upgrade(dialer, "/session", session.headers(), session.protocol)
    return transport


async def serve(session: Session, channel: Channel, opened: asyncio.Event) -> None:
    """Carry a session in a call of Control.Session until one side ends it.

    Sets `opened` once the request is on its way, or has failed. Raises nothing but cancellation:
    a lost tunnel shows as a failed build, which is where it is explained.
    """
    metadata: MultiDict[Any] = MultiDict((name.lower(), value) for name, value in session.headers())
    call: Stream[bytes, bytes] = channel.request(
        SESSION_METHOD, Cardinality.STREAM_STREAM, bytes, bytes, metadata=metadata
    )
    try:
        async with call as stream:
            await stream.send_request()
            transport = Tunnel(session.protocol())
            opened.set()
            try:
                await _pump(stream, transport)
            finally:
                transport.lose()
    except Exception:  # noqa: BLE001 - see above; a group's other sessions must not suffer
        _log.debug("session tunnel ended", exc_info=True)
    finally:
        opened.set()


async def _pump(stream: ByteStream, transport: Tunnel) -> None:
    ended = asyncio.Event()

    async def up() -> None:
        with suppress(*_ENDS):
            while (data := await transport.outgoing()) is not None:
                message = pb.BytesMessage(data=data).SerializeToString()
                await stream.send_message(message)
        ended.set()

    async def down() -> None:
        with suppress(*_ENDS):
            while (message := await stream.recv_message()) is not None:
                transport.incoming(pb.BytesMessage.FromString(message).data)
        ended.set()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(up()), group.create_task(down())]
        await ended.wait()
        for task in tasks:
            task.cancel()


class Tunnel(asyncio.Transport):
    """A transport whose bytes are fetched and fed by somebody else."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._protocol = protocol
        self._queue: deque[bytes] = deque()
        self._size = 0
        self._wake = asyncio.Event()
        self._paused = False
        self._closing = False
        self._lost = False
        protocol.connection_made(self)

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Return nothing: there is no socket of its own."""
        del name
        return default

    def is_closing(self) -> bool:
        """Return whether the session has ended."""
        return self._closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Queue bytes; pauses the protocol when the call cannot keep up."""
        if self._closing:
            return
        self._queue.append(bytes(data))
        self._size += len(data)
        self._wake.set()
        if self._size > _HIGH and not self._paused:
            self._paused = True
            self._protocol.pause_writing()

    def close(self) -> None:
        """End the session once what is queued has been sent."""
        self._closing = True
        self._wake.set()

    def abort(self) -> None:
        """End the session at once."""
        self._queue.clear()
        self._size = 0
        self.close()

    async def outgoing(self) -> bytes | None:
        """Return the next bytes to send; None after the last."""
        while not self._queue:
            if self._closing:
                return None
            self._wake.clear()
            await self._wake.wait()
        parts: list[bytes] = []
        size = 0
        while self._queue and (not parts or size + len(self._queue[0]) <= _CHUNK):
            parts.append(self._queue.popleft())
            size += len(parts[-1])
        self._size -= size
        if self._paused and self._size < _LOW:
            self._paused = False
            self._protocol.resume_writing()
        return b"".join(parts)

    def incoming(self, data: bytes) -> None:
        """Hand over bytes that the daemon sent."""
        if not self._closing:
            self._protocol.data_received(data)

    def lose(self) -> None:
        """Tell the protocol that the tunnel is gone; safe to repeat."""
        self._closing = True
        if not self._lost:
            self._lost = True
            self._protocol.connection_lost(None)
