"""Content that is a file of this machine."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Opened = Callable[[], AbstractContextManager[BinaryIO]]

_CHUNK = 1 << 20


class FileContent(AsyncGenerator[bytes, None]):
    """The content of a file, in chunks; or the file, for those who let the kernel read it.

    Attributes:
        opened: Opens the file, from its beginning.
    """

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self._chunks = _read(opened)

    async def asend(self, value: None) -> bytes:
        """Return the next chunk."""
        return await self._chunks.asend(value)

    async def athrow(self, *error: Any) -> bytes:  # noqa: ANN401 - as the base class
        """Raise an error where the file is read."""
        return await self._chunks.athrow(*error)

    async def aclose(self) -> None:
        """Close the file."""
        await self._chunks.aclose()


async def _read(opened: Opened) -> AsyncGenerator[bytes, None]:
    with opened() as file:
        while chunk := file.read(_CHUNK):
            yield chunk
