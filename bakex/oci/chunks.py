"""Content that comes in chunks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any


class Chunks(AsyncGenerator[bytes, None]):
    """The chunks of a generator, with something to say about them: what a subclass adds."""

    def __init__(self, chunks: AsyncGenerator[bytes, None]) -> None:
        self._chunks = chunks

    async def asend(self, value: None) -> bytes:
        """Return the next chunk."""
        return await self._chunks.asend(value)

    async def athrow(self, *error: Any) -> bytes:  # noqa: ANN401 - as the base class
        """Raise an error in the source."""
        return await self._chunks.athrow(*error)

    async def aclose(self) -> None:
        """Close the source."""
        await self._chunks.aclose()
