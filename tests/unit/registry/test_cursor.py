"""Pieces of content that comes as a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import DigestMismatchError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.oci.copy import once
from bakex.oci.verified import check
from bakex.registry.cursor import Cursor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DATA = bytes(range(200))


async def piece(cursor: Cursor, start: int, end: int) -> bytes:
    return b"".join([chunk async for chunk in cursor.read(start, end)])


@given(
    size=st.integers(1, 60),
    cuts=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=8),
)
async def test_every_piece_is_right(size: int, cuts: list[tuple[int, int]]) -> None:
    async def content() -> AsyncIterator[bytes]:
        for start in range(0, len(DATA), size):
            yield DATA[start : start + size]

    cursor = Cursor(content)
    for start, end in cuts:
        assert await piece(cursor, start, end) == DATA[start:end]
    await cursor.aclose()


async def test_reading_on_makes_no_new_iterator() -> None:
    made = 0

    async def content() -> AsyncIterator[bytes]:
        nonlocal made
        made += 1
        yield DATA

    cursor = Cursor(content)
    for start in range(0, 200, 20):
        await piece(cursor, start, start + 20)
    assert made == 1
    await piece(cursor, 100, 120)
    assert made == 2
    await cursor.aclose()


async def test_the_content_is_checked_at_its_end() -> None:
    wrong = Descriptor(media_type="x", digest=Digest.of(b"other"), size=len(DATA))
    cursor = Cursor(lambda: check(once(DATA), wrong))
    await piece(cursor, 0, 100)
    with pytest.raises(DigestMismatchError):
        await piece(cursor, 100, 200)
    await cursor.aclose()
