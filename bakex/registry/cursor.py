"""A position in content that comes as a stream: for uploads in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.oci.verified import closing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from bakex.registry.request import Body


class Cursor:
    """Reads pieces of content in order with one iterator, and goes back by making another one."""

    def __init__(self, content: Body) -> None:
        """Take what makes iterators over the whole content."""
        self._content = content
        self._chunks: AsyncIterator[bytes] | None = None
        self._rest = b""
        self._position = 0

    async def read(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` up to `end`; the content is checked when its end is reached.

        Raises:
            ContentError: The content is not what it should be.
        """
        if start < self._position or self._chunks is None:
            await self.aclose()
            self._chunks = self._content()
        while self._position < end:
            chunk = self._rest or await anext(self._chunks, b"")
            if not chunk:
                return
            first = max(0, start - self._position)
            piece = chunk[first : end - self._position]
            used = min(len(chunk), end - self._position)
            self._rest, self._position = chunk[used:], self._position + used
            if piece:
                yield piece
        # A source that checks itself does so at its end, before the last byte is acknowledged.
        if not self._rest:
            self._rest = await anext(self._chunks, b"")

    async def aclose(self) -> None:
        """Give the iterator up; safe to repeat."""
        chunks, self._chunks = self._chunks, None
        self._rest, self._position = b"", 0
        if chunks is not None:
            async with closing(chunks):
                pass
