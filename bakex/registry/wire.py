"""The bytes of one connection: asyncio's callbacks as calls that wait, for so long at most.

What breaks is told in httpx's own errors, because that is what a transport of httpx raises.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator

_HELD = 1 << 20  # bytes that came in and are not wanted yet
_UNSENT = 256 << 10  # bytes that a writer leaves behind without waiting
_FAMILY_S = 0.25  # before the next address of a name is tried beside the first one (RFC 8305)


class Wire(asyncio.Protocol):
    """An open connection. One task reads and one writes at a time, at most."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._parts = deque[bytes]()
        self._held = 0
        self._arrival: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._full = False
        self._error: Exception | None = None
        self.ended = False  # nothing more comes in

    @classmethod
    async def connect(
        cls, url: httpx.URL, context: ssl.SSLContext | None, within_s: float | None
    ) -> Wire:
        """Open a connection to the origin of a URL; with a context, a secure one.

        Raises:
            httpx.ConnectError: It cannot be opened.
            httpx.ConnectTimeout: It takes too long.
        """
        host = url.raw_host.decode("ascii")
        port = url.port or (80 if context is None else 443)
        try:
            async with asyncio.timeout(within_s):
                _, wire = await asyncio.get_running_loop().create_connection(
                    cls,
                    host,
                    port,
                    ssl=context,
                    server_hostname=None if context is None else host,
                    # Cancelled, asyncio's race leaves its winner to the garbage collector; where
                    # there is one address, there is no need for a race.
                    happy_eyeballs_delay=None if _is_address(host) else _FAMILY_S,
                )
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"{host}:{port} does not answer") from error
        except (OSError, ValueError) as error:  # ValueError: a name that cannot be one
            raise httpx.ConnectError(_words(error)) from error
        return wire

    @property
    def silent(self) -> bool:
        """Whether nothing has come in that was not taken, and more may come."""
        return not self._parts and not self.ended

    def take(self) -> bytes:
        """Return bytes that have come in; none if a `read` would have to wait."""
        if not self._parts:
            return b""
        part = self._parts.popleft()
        self._held -= len(part)
        if self._held <= _HELD and not self.ended:
            self._transport.resume_reading()
        return part

    async def read(self, within_s: float | None) -> bytes:
        """Return the next bytes; none at the end.

        Raises:
            httpx.ReadError: The connection broke.
            httpx.ReadTimeout: Nothing came in time.
        """
        if self.silent:
            self._arrival = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(within_s):
                    await self._arrival
            except TimeoutError as error:
                raise httpx.ReadTimeout(f"nothing came for {within_s:g} s") from error
        part = self.take()
        if not part and self._error is not None:
            raise httpx.ReadError(_words(self._error)) from self._error
        return part

    async def write(self, data: bytes, within_s: float | None) -> None:
        """Send bytes; waits while too many are on their way.

        Raises:
            httpx.WriteError: The connection broke.
            httpx.WriteTimeout: The other side takes nothing.
        """
        self._check()
        self._transport.write(data)
        async with _taken(within_s):
            while self._full:
                self._room = asyncio.get_running_loop().create_future()
                await self._room
                self._check()

    async def write_file(
        self, file: BinaryIO, start: int, size: int, within_s: float | None
    ) -> int:
        """Send a piece of a file without reading it; returns how much of it there was.

        Raises:
            httpx.WriteError: The connection broke, or the file cannot be read.
            httpx.WriteTimeout: The other side takes nothing.
            RuntimeError: The connection is a secure one, or does not lead into the kernel.
        """
        self._check()
        loop = asyncio.get_running_loop()
        async with _taken(within_s):
            try:
                return await loop.sendfile(self._transport, file, start, size, fallback=False)
            except OSError as error:
                raise httpx.WriteError(_words(error)) from error

    def close(self) -> None:
        """Drop the connection; safe to repeat."""
        self._transport.abort()

    def _check(self) -> None:
        if self._error is not None or self._transport.is_closing():
            raise httpx.WriteError(_words(self._error)) from self._error

    # What asyncio calls:

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_UNSENT)

    def data_received(self, data: bytes) -> None:
        """Keep bytes until they are wanted; too many make the other side wait."""
        self._parts.append(data)
        self._held += len(data)
        if self._held > _HELD:
            self._transport.pause_reading()
        _wake(self._arrival)

    def eof_received(self) -> bool:
        """Note the end; returns whether the connection is left open, for a request to be sent."""
        self.ended = True
        _wake(self._arrival)
        return self._transport.get_extra_info("ssl_object") is None

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the loss."""
        self._error = exc or ConnectionResetError("the connection was closed")
        self.ended = True
        _wake(self._arrival)
        _wake(self._room)

    def pause_writing(self) -> None:
        """Make writers wait."""
        self._full = True

    def resume_writing(self) -> None:
        """Let writers go on."""
        self._full = False
        _wake(self._room)


@asynccontextmanager
async def _taken(within_s: float | None) -> AsyncGenerator[None, None]:
    try:
        async with asyncio.timeout(within_s):
            yield
    except TimeoutError as error:
        raise httpx.WriteTimeout(f"nothing was taken for {within_s:g} s") from error


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)


def _words(error: Exception | None) -> str:
    return str(error) or "the connection was closed"
