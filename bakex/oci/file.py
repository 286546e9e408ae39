"""Content that is a file of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from bakex.oci.chunks import Chunks

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractContextManager

    Opened = Callable[[], AbstractContextManager[BinaryIO]]

_CHUNK = 1 << 20


class FileContent(Chunks):
    """The content of a file, in chunks; or the file, for those who let the kernel read it.

    Attributes:
        opened: Opens the file, from its beginning.
    """

    def __init__(self, opened: Opened) -> None:
        super().__init__(_read(opened))
        self.opened = opened


async def _read(opened: Opened) -> AsyncGenerator[bytes, None]:
    with opened() as file:
        while chunk := file.read(_CHUNK):
            yield chunk
