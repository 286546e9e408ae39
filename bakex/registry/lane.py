"""One HTTP/1.1 connection to a registry: h11 says what the bytes mean, asyncio moves them.

httpx leaves connections to httpcore and anyio, which take longer for a request than the registry
does for the answer, cannot hand a file to the kernel, and do not listen while they send (ADR 0016).

* A server may answer before it has read all, and may close then: the answer counts, the rest of the
  body is not sent, and the connection is not used again.
* An idle connection that is old, or on which something came, is replaced before a request.
* A connection is used again only after a whole request and a whole answer.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, cast

import h11
import httpx

from bakex.registry.wire import Wire

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Generator

    from bakex.oci.file import Opened

FILE = "bakex.file"
"""The extension of a request whose body is a file: opens it. Its length is that of the header."""

IDLE_S = 30.0
"""Until an idle connection is old: servers, and what is in front of them, close them after a minute
or so."""

_HEAD = 100 << 10  # bytes in the head of an answer
_TOGETHER = 64 << 10  # bytes of a body that are worth copying to save a write
_PIECE = 1 << 20  # bytes of a file between two looks at whether there is an answer
_LARGEST = 8 << 20  # on a fast link, where
_BRISK_S = 0.5  # is enough for a piece


class Lane(httpx.AsyncBaseTransport):
    """A connection that is opened by the first request, and again after a loss.

    One request at a time. Failures close it; the next request opens another one.
    """

    def __init__(self, context: ssl.SSLContext | None) -> None:
        """Take the TLS context; None for plain HTTP. Nothing is opened yet."""
        self._context = context
        self._wire: Wire | None = None
        self._http: h11.Connection
        self._used = 0.0
        self._early: h11.Response | None = None
        self._read_s: float | None = None
        self._write_s: float | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and return the answer with its body still to be read.

        Raises:
            httpx.TransportError: No answer.
        """
        bounds = request.extensions.get("timeout", {})
        self._read_s, self._write_s = bounds.get("read"), bounds.get("write")
        self._early = None
        try:
            with _translated():
                wire = await self._open(request.url, bounds.get("connect"))
                # A server that answered and closed is heard although it did not take all.
                with suppress(httpx.WriteError):
                    await self._send(wire, request)
                head = await self._head()
        except BaseException:
            self.drop()
            raise
        return httpx.Response(
            head.status_code, headers=head.headers.raw_items(), stream=_Body(self)
        )

    async def _open(self, url: httpx.URL, within_s: float | None) -> Wire:
        now = asyncio.get_running_loop().time()
        if self._wire is not None and self._wire.silent and now - self._used < IDLE_S:
            return self._wire
        self.drop()
        self._wire = await Wire.connect(url, self._context, within_s)
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD)
        return self._wire

    async def _send(self, wire: Wire, request: httpx.Request) -> None:
        head = self._sent(
            h11.Request(
                method=request.method,
                target=request.url.raw_path,
                headers=request.headers.raw,
            )
        )
        file: Opened | None = request.extensions.get(FILE)
        if file is not None and self._context is None:
            await wire.write(head, self._write_s)
            await self._send_file(wire, file, int(request.headers["content-length"]))
            return
        async for chunk in cast("httpx.AsyncByteStream", request.stream):
            if not chunk:  # what httpx makes of no body
                continue
            if self._answered(wire):
                return
            if len(chunk) > _TOGETHER:
                await wire.write(head, self._write_s)
                head = b""
            await wire.write(head + self._sent(h11.Data(data=chunk)), self._write_s)
            head = b""
            await asyncio.sleep(0)  # a server that takes all at once must not hold up the others
        await wire.write(head + self._sent(h11.EndOfMessage()), self._write_s)

    async def _send_file(self, wire: Wire, opened: Opened, size: int) -> None:
        loop = asyncio.get_running_loop()
        start, most = 0, _PIECE
        with opened() as file:
            while start < size:
                if self._answered(wire):
                    return
                began, piece = loop.time(), _Piece(min(most, size - start))
                self._http.send_with_data_passthrough(h11.Data(data=cast("bytes", piece)))
                if await wire.write_file(file, start, len(piece), self._write_s) < len(piece):
                    raise httpx.LocalProtocolError("the file has become shorter")
                # Nothing is read while a file is sent. It takes two rounds of the event loop to
                # hear what has come in: one asks the system, and the other one delivers it.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                # The bound is for one piece: on a slow link it must be a small one.
                most = min(2 * most, _LARGEST) if loop.time() - began < _BRISK_S else _PIECE
                start += len(piece)
        self._sent(h11.EndOfMessage())

    def _sent(self, event: h11.Event) -> bytes:
        return self._http.send(event) or b""

    def _answered(self, wire: Wire) -> bool:
        """Return whether the answer, or the end, has come before all was sent."""
        while self._early is None and (part := wire.take()):
            self._http.receive_data(part)
            while isinstance(event := self._http.next_event(), h11.InformationalResponse):
                pass
            if isinstance(event, h11.Response):
                self._early = event
        return self._early is not None or wire.ended

    async def _head(self) -> h11.Response:
        if self._early is not None:
            return self._early
        while isinstance(event := await self.event(), h11.InformationalResponse):
            pass
        return cast("h11.Response", event)

    async def event(self) -> h11.Event | type[h11.PAUSED]:
        """Return what comes next of the answer.

        Raises:
            httpx.TransportError: The connection broke, or what comes is no HTTP.
        """
        if self._wire is None:
            raise httpx.ReadError("the connection was closed")
        with _translated():
            while (event := self._http.next_event()) is h11.NEED_DATA:
                data = await self._wire.read(self._read_s)
                if not data and self._http.their_state is h11.SEND_RESPONSE:
                    raise httpx.RemoteProtocolError("the server closed the connection")
                self._http.receive_data(data)
        return cast("h11.Event", event)

    def finish(self) -> None:
        """Get ready for the next request; drops the connection if this one was not completed."""
        if self._wire is None:
            return
        states = {self._http.our_state, self._http.their_state}
        # What comes after an answer must not be taken for the next one.
        if states == {h11.DONE} and self._http.trailing_data == (b"", False):
            self._http.start_next_cycle()
            self._used = asyncio.get_running_loop().time()
        else:
            self.drop()

    def drop(self) -> None:
        """Close the connection; safe to repeat."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    async def aclose(self) -> None:
        """Close the connection; safe to repeat."""
        self.drop()
        # The event loop closes the socket in its next round, and there may be no other.
        await asyncio.sleep(0)


class _Body(httpx.AsyncByteStream):
    """The body of an answer."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        while isinstance(event := await self._lane.event(), h11.Data):
            yield bytes(event.data)

    async def aclose(self) -> None:
        self._lane.finish()


class _Piece:
    """Stands for so many bytes that are sent without h11, which only counts them."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


@contextmanager
def _translated() -> Generator[None, None, None]:
    try:
        yield
    except h11.RemoteProtocolError as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error)) from error
