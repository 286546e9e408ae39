"""Compressions: seen by their first bytes, in pieces, bounded."""

from __future__ import annotations

import gzip
import struct
import zlib
from typing import TYPE_CHECKING

import pytest

from bakex.errors import ContentError
from bakex.oci.unpacked import unpacked
from tests.unit.oci.packing import zstd

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

CONTENT = b"".join(b"%d\n" % number for number in range(60_000))


async def chunks(data: bytes, size: int) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def whole(data: bytes, *, size: int = 1 << 16, most: int = 1 << 30) -> bytes:
    pieces = [piece async for piece in unpacked(chunks(data, size), most=most, name="it")]
    assert all(0 < len(piece) <= max(size, 1 << 18) for piece in pieces)
    return b"".join(pieces)


def skippable(data: bytes) -> bytes:
    return b"\x5a\x2a\x4d\x18" + struct.pack("<I", len(data)) + data


@pytest.mark.parametrize(
    "packed",
    [
        CONTENT,
        gzip.compress(CONTENT),
        gzip.compress(CONTENT[:1000]) + gzip.compress(b"") + gzip.compress(CONTENT[1000:]),
        zstd.compress(CONTENT),
        zstd.compress(CONTENT[:1000]) + skippable(b"x" * 99) + zstd.compress(CONTENT[1000:]),
        skippable(b"first") + zstd.compress(CONTENT),
    ],
    ids=["plain", "gzip", "members", "zstd", "frames", "skippable"],
)
@pytest.mark.parametrize("size", [97, 1 << 16, 1 << 24])
async def test_what_it_is_compressed_with_is_seen(packed: bytes, size: int) -> None:
    if size < 100 and packed is CONTENT:
        packed = CONTENT[:5000]
        assert await whole(packed, size=size) == packed
        return
    assert await whole(packed, size=size) == CONTENT


@pytest.mark.parametrize("data", [b"", b"a", b"\x1f", b"(\xb5", b"Z*M"])
async def test_what_is_too_short_to_be_compressed_is_not(data: bytes) -> None:
    assert await whole(data) == data


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
async def test_content_that_ends_too_early(pack: type) -> None:
    packed: bytes = pack(CONTENT)
    for end in (10, len(packed) // 2, len(packed) - 1):
        with pytest.raises(ContentError, match="it is compressed, and cut short"):
            await whole(packed[:end])


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(CONTENT)[:-8] + bytes(8),
        zstd.compress(CONTENT)[:20] + b"\xff" * 200_000,
        gzip.compress(CONTENT) + b"garbage",
        zstd.compress(CONTENT) + b"garbage",
    ],
    ids=["checksum", "block", "behind gzip", "behind zstd"],
)
async def test_damaged_content(packed: bytes) -> None:
    with pytest.raises(ContentError, match="it is compressed, and damaged") as caught:
        await whole(packed)
    assert caught.value.detail


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
async def test_a_bomb_ends_at_the_bound(pack: type) -> None:
    bomb: bytes = pack(bytes(64 << 20))
    with pytest.raises(ContentError, match="unpacks to more than 1048576 bytes"):
        await whole(bomb, most=1 << 20)
    assert len(await whole(bomb, most=64 << 20)) == 64 << 20


async def test_a_window_that_takes_too_much_memory_is_refused() -> None:
    parameter = zstd.CompressionParameter
    options: dict[int, int] = {parameter.window_log: 29, parameter.content_size_flag: 0}
    compressor = zstd.ZstdCompressor(options=options)
    packed = compressor.compress(CONTENT) + compressor.flush()
    with pytest.raises(ContentError, match="damaged") as caught:
        await whole(packed)
    assert "memory" in caught.value.detail


async def test_the_source_is_closed() -> None:
    closed: list[bool] = []

    async def source() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield zlib.compress(b"x")
        finally:
            closed.append(True)

    pieces = unpacked(source(), most=1 << 20, name="it")
    await anext(pieces)
    await pieces.aclose()
    assert closed == [True]
