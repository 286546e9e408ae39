"""What a fake daemon needs of the other roles: dockerd's upgrade, and calls into a session."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from grpclib.client import Channel
from grpclib.client import Handler as ClientHandler
from grpclib.const import Cardinality, Status
from grpclib.exceptions import GRPCError
from multidict import CIMultiDict, MultiDict

from bakex.session.wire import RawCodec, RawDetailsCodec, WireProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from grpclib.client import Stream
    from grpclib.server import Handler


class _PeerProtocol(WireProtocol):
    """A session's connection, which tells when it has ended."""

    def __init__(self, on_lost: Callable[[], object]) -> None:
        super().__init__(ClientHandler(), client=True)
        self._on_lost = on_lost

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._on_lost()


def peer_protocol(on_lost: Callable[[], object]) -> WireProtocol:
    """Return the protocol of a session's byte stream, in which the daemon is the client."""
    return _PeerProtocol(on_lost)


class _PeerChannel(Channel):
    """A channel over a connection that the other side has opened."""

    def __init__(self, protocol: WireProtocol) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - `ssl` may be a lazy module
            "localhost", 80, codec=RawCodec(), status_details_codec=RawDetailsCodec()
        )
        self._protocol = protocol

    def __del__(self) -> None:
        # The connection belongs to the client that opened it.
        pass


@dataclass(frozen=True, slots=True)
class Peer:
    """A session as the daemon sees it.

    Attributes:
        id: Its id.
        shared_key: Names its directories across builds.
        methods: What it advertised.
        protocol: The connection.
        ended: Set once the connection is gone.
    """

    id: str
    shared_key: str
    methods: tuple[str, ...]
    protocol: WireProtocol
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def open(self, method: str, metadata: Sequence[tuple[str, str]] = ()) -> Stream[bytes, bytes]:
        """Return a call to be driven by hand."""
        pairs: MultiDict[Any] = MultiDict(metadata)
        return _PeerChannel(self.protocol).request(
            method, Cardinality.STREAM_STREAM, bytes, bytes, metadata=pairs
        )

    async def call(
        self, method: str, messages: Sequence[bytes], metadata: Sequence[tuple[str, str]] = ()
    ) -> list[bytes]:
        """Call a method with messages and return the answers.

        Raises:
            GRPCError: The method failed; UNIMPLEMENTED if it was not advertised.
        """
        if method.lower() not in {name.lower() for name in self.methods}:
            raise GRPCError(Status.UNIMPLEMENTED, f"{method} was not advertised")
        return await self.call_anyway(method, messages, metadata)

    async def call_anyway(
        self, method: str, messages: Sequence[bytes], metadata: Sequence[tuple[str, str]] = ()
    ) -> list[bytes]:
        """Call a method whether or not it was advertised, as daemons do with some."""
        async with self.open(method, metadata) as stream:
            await stream.send_request()
            for message in messages:
                await stream.send_message(message)
            await stream.end()
            return [message async for message in stream]


class UpgradeServer(asyncio.Protocol):
    """dockerd's side of ``Upgrade: h2c``."""

    def __init__(
        self,
        upgraded: Callable[[str, MultiDict[str]], asyncio.Protocol | None],
        transports: list[asyncio.BaseTransport],
    ) -> None:
        self._upgraded = upgraded
        self._transports = transports
        self._received = b""
        self._inner: asyncio.Protocol | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection."""
        self._transports.append(transport)
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer the request, then pass on."""
        if self._inner is not None:
            self._inner.data_received(data)
            return
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if end and self._transport is not None:
            self._answer(self._transport, head.decode(), rest)

    def _answer(self, transport: asyncio.Transport, head: str, rest: bytes) -> None:
        line, *lines = head.split("\r\n")
        pairs = (text.split(": ", 1) for text in lines)
        headers: MultiDict[str] = CIMultiDict((name, value) for name, value in pairs)
        method, path, _ = line.split(" ")
        wanted = (method, headers.get("connection"), headers.get("upgrade"))
        inner = self._upgraded(path, headers) if wanted == ("POST", "Upgrade", "h2c") else None
        if inner is None:
            body = json.dumps({"message": "page not found"}).encode()
            transport.write(
                b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            transport.close()
            return
        transport.write(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        self._inner = inner
        inner.connection_made(transport)
        if rest:
            inner.data_received(rest)

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass the end on."""
        if self._inner is not None:
            self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass congestion on."""
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass the end of congestion on."""
        if self._inner is not None:
            self._inner.resume_writing()


class Recorded(WireProtocol):
    """A server's connection that the daemon can drop."""

    def __init__(self, handler: Handler, transports: list[asyncio.BaseTransport]) -> None:
        super().__init__(handler, client=False)
        self._transports = transports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection."""
        self._transports.append(transport)
        super().connection_made(transport)


class Rude(asyncio.Protocol):
    """Closes a connection as soon as something is said."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a word."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hang up."""
        del data
        self._transport.close()
