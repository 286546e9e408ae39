"""A protocol that watches the beginning of a stream, then steps aside.

What a tunnel or a TLS peer has to complain about comes after the stream was opened and before the
daemon has said anything. The first byte of the daemon ends the watch, and costs nothing after it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable


class Tap(asyncio.Protocol):
    """Stands between a transport and a protocol until the first byte.

    Args:
        inner: The protocol that the stream is for.
        failed: Called if the stream ends before its first byte, with the error if there is one.
    """

    def __init__(self, inner: asyncio.Protocol, failed: Callable[[Exception | None], None]) -> None:
        self._inner = inner
        self._failed = failed
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass the transport on."""
        self._transport = cast("asyncio.Transport", transport)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass the first bytes on and step aside."""
        if self._transport is not None:
            self._transport.set_protocol(self._inner)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass on that nothing more will come."""
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that, and pass it on."""
        self._failed(exc)
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass it on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._inner.resume_writing()
