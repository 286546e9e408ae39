from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.platforms.excerpt import Excerpt
from bakex.platforms.pe import parse
from bakex.platforms.program import EXECUTABLE, LIBRARY, PE, Program
from bakex.testing.binaries import pe


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (pe(0x8664), Program(format=PE, machine=0x8664, bits=64, kind=EXECUTABLE)),
        (pe(0x14C, wide=False), Program(format=PE, machine=0x14C, bits=32, kind=EXECUTABLE)),
        (pe(0xAA64, library=True), Program(format=PE, machine=0xAA64, bits=64, kind=LIBRARY)),
    ],
)
def test_programs(content: bytes, expected: Program) -> None:
    assert parse(Excerpt.whole(content)) == expected


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"MZ",
        b"MZ" + bytes(62),
        pe(0x8664)[:80],
        pe(1).replace(b"\x0b\x02", b"\x07\x01"),
        b"X" * 99,
    ],
)
def test_what_is_none(content: bytes) -> None:
    assert parse(Excerpt.whole(content)) is None


@given(st.binary(max_size=200))
def test_noise_is_no_crash(noise: bytes) -> None:
    parse(Excerpt.whole(b"MZ" + noise))
