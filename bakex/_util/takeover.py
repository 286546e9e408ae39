"""A connection on which one protocol asks, and another one talks after the answer."""

from __future__ import annotations

import asyncio
from typing import cast


class Takeover(asyncio.Protocol):
    """Sends a request, then passes everything on to the protocol that takes over.

    A subclass finds the answer in what is received, in `data_received`, and says what the end of
    the connection means, in `connection_lost`.
    """

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._received = b""
        self._inner: asyncio.Protocol | None = None
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        cast("asyncio.Transport", transport).write(self._request)

    def take_over(self, inner: asyncio.Protocol, transport: asyncio.Transport, rest: bytes) -> None:
        """Let a protocol have the connection, and what came behind the answer."""
        self._inner = inner
        inner.connection_made(transport)
        if self._paused:
            inner.pause_writing()
        # What arrived between the answer and now stands behind the answer's own remainder.
        rest, self._received = rest + self._received, b""
        if rest:
            self.data_received(rest)

    def eof_received(self) -> bool | None:
        """Pass it on; without anybody to pass it to, the connection ends."""
        return self._inner.eof_received() if self._inner is not None else False

    def pause_writing(self) -> None:
        """Pass it on, now or when somebody takes over."""
        self._paused = True
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._paused = False
        if self._inner is not None:
            self._inner.resume_writing()
