"""Content without its compression, in pieces of a bounded size.

What it is compressed with, if at all, is seen from its first bytes, as every runtime does it: media
types are wrong too often. gzip (RFC 1952) may have several members and zstd (RFC 8878) several
frames, skippable ones among them; both mean one after the other. What decoding needs of memory is
bounded by the formats: 32 KiB, and 128 MiB, which is what libzstd accepts by itself.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from typing import TYPE_CHECKING, Protocol

from bakex.errors import ContentError
from bakex.oci.verified import closing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

_PIECE = 1 << 18
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"  # behind a byte from 0x50 to 0x5f
_GZIP_WITH_HEADER = 31  # window bits of zlib


class _Decoder(Protocol):
    """Takes compressed bytes, and gives the others a piece at a time."""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what comes out of more bytes."""
        ...

    @property
    def is_complete(self) -> bool:
        """Whether it may end here."""
        ...


async def unpacked(
    chunks: AsyncIterator[bytes], *, most: int, name: str
) -> AsyncGenerator[bytes, None]:
    """Yield content without its compression; content that has none as it is.

    Gives other tasks their turn at every piece. The source is closed at the end.

    Args:
        chunks: The content.
        most: How many bytes it may become.
        name: What messages call it.

    Raises:
        ContentError: It is damaged, cut short, or becomes more than `most`.
    """
    count = 0
    async with closing(chunks):
        decoder, start = await _begun(chunks)
        async for chunk in _behind(start, chunks):
            for piece in _decoded(decoder, chunk, name):
                count += len(piece)
                if count > most:
                    raise ContentError(
                        f"{name} unpacks to more than {most} bytes, far more than its own size"
                    )
                yield piece
                await asyncio.sleep(0)
    if not decoder.is_complete:
        raise ContentError(f"{name} is compressed, and cut short")


async def _begun(chunks: AsyncIterator[bytes]) -> tuple[_Decoder, bytes]:
    start = b""
    async for chunk in chunks:
        start += chunk
        if len(start) >= len(_ZSTD):
            break
    if start.startswith(_GZIP):
        return _Gzip(), start
    is_skippable = start[:1] and start[0] & 0xF0 == 0x50 and start[1:4] == _SKIPPABLE
    if start.startswith(_ZSTD) or is_skippable:
        return _Zstd(), start
    return _Plain(), start


async def _behind(start: bytes, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    if start:
        yield start
    async for chunk in chunks:
        yield chunk


def _decoded(decoder: _Decoder, chunk: bytes, name: str) -> Iterator[bytes]:
    pieces = decoder.pieces(chunk)
    while True:
        try:
            piece = next(pieces, None)
        except (zlib.error, ValueError) as error:
            raise ContentError(f"{name} is compressed, and damaged", detail=f"{error}.") from None
        if piece is None:
            return
        if piece:
            yield piece


class _Plain:
    is_complete = True

    def pieces(self, data: bytes) -> Iterator[bytes]:
        yield data


class _Gzip:
    """Members, one after the other; what follows the last one must be another one."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_WITH_HEADER)
        self.is_complete = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP_WITH_HEADER)
            yield self._member.decompress(data, _PIECE)
            self.is_complete = self._member.eof
            data = self._member.unused_data if self.is_complete else self._member.unconsumed_tail


class _Zstd:
    """Frames, likewise."""

    def __init__(self) -> None:
        # Imported here: few images need it.
        if sys.version_info >= (3, 14):
            from compression import zstd  # noqa: PLC0415
        else:
            from backports import zstd  # noqa: PLC0415

        self._new = zstd.ZstdDecompressor
        self._error = zstd.ZstdError
        self._frame = self._new()
        self.is_complete = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while data or not (self._frame.needs_input or self._frame.eof):
            if self._frame.eof:
                self._frame = self._new()
            try:
                yield self._frame.decompress(data, _PIECE)
            except self._error as error:
                raise ValueError(error) from None
            self.is_complete = self._frame.eof
            data = self._frame.unused_data if self.is_complete else b""
