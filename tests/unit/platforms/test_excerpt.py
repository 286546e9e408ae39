from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakex.platforms.excerpt import HEAD, RANGE, RANGES, TAIL, Excerpt, Gatherer

BIG = random.Random(7).randbytes(HEAD + 2 * TAIL)


def test_reading() -> None:
    found = Excerpt(size=100, parts=((0, b"0123456789"), (50, b"abcdef")))
    assert found.head == b"0123456789"
    assert found.read(2, 3) == b"234"
    assert found.read(0, 10) == b"0123456789"
    assert found.read(52, 4) == b"cdef"
    assert found.read(52, 0) == b""
    for offset, length in ((8, 3), (20, 1), (55, 2), (-1, 1), (0, -1), (200, 0)):
        assert found.read(offset, length) is None
    assert Excerpt(size=0, parts=()).head == b""


@pytest.mark.parametrize("size", [0, 1, HEAD - 1, HEAD, HEAD + 1, HEAD + TAIL, HEAD + TAIL + 9])
@pytest.mark.parametrize("chunk", [1 << 16, 99_991, 1 << 22])
def test_beginning_and_end_are_kept(size: int, chunk: int) -> None:
    content = BIG[:size]
    gatherer = Gatherer()
    for at in range(0, size, chunk):
        gatherer.feed(content[at : at + chunk])
    found = gatherer.excerpt()
    assert found.size == size
    assert found.head == content[:HEAD]
    last = min(size, TAIL if size > HEAD + TAIL else max(0, size - HEAD))
    assert found.read(size - last, last) == content[size - last :]
    assert sum(len(part) for _, part in found.parts) <= HEAD + TAIL


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(HEAD - 100, len(BIG)), st.integers(0, 2 * RANGE)), max_size=4),
    st.integers(4096, 1 << 20),
)
def test_ranges_are_kept(wanted: list[tuple[int, int]], chunk: int) -> None:
    gatherer = Gatherer(lambda _: wanted)
    for at in range(0, len(BIG), chunk):
        gatherer.feed(BIG[at : at + chunk])
    found = gatherer.excerpt()
    for offset, length in wanted:
        there = BIG[offset : offset + min(length, RANGE)]
        if there:
            assert found.read(offset, len(there)) == there


def test_memory_is_bounded_whatever_is_wanted() -> None:
    gatherer = Gatherer(lambda _: [(HEAD + i, 1 << 40) for i in range(1000)])
    for at in range(0, len(BIG), 1 << 16):
        gatherer.feed(BIG[at : at + (1 << 16)])
    kept = sum(len(part) for _, part in gatherer.excerpt().parts)
    assert kept <= HEAD + TAIL + RANGE * RANGES


def test_what_is_wanted_is_asked_once_with_the_beginning() -> None:
    asked: list[Excerpt] = []

    def wanted(excerpt: Excerpt) -> list[tuple[int, int]]:
        asked.append(excerpt)
        return []

    gatherer = Gatherer(wanted)
    gatherer.feed(BIG[:HEAD])
    assert asked == []
    gatherer.feed(BIG[HEAD:])
    gatherer.feed(b"more")
    assert [excerpt.head for excerpt in asked] == [BIG[:HEAD]]
