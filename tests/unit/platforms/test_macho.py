from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.platforms.excerpt import HEAD, Excerpt
from bakex.platforms.macho import MAGICS, parse
from bakex.platforms.program import EXECUTABLE, LIBRARY, MACHO, OBJECT, OTHER
from bakex.testing.binaries import fat, macho

X86_64, ARM64, PPC = 0x01000007, 0x0100000C, 18


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(1, OBJECT), (2, EXECUTABLE), (6, LIBRARY), (8, LIBRARY), (4, OTHER)],
)
def test_kinds(kind: int, expected: str) -> None:
    (found,) = parse(Excerpt.whole(macho(ARM64, kind=kind)))
    assert (found.format, found.machine, found.bits, found.kind) == (MACHO, ARM64, 64, expected)


def test_the_other_order() -> None:
    (found,) = parse(Excerpt.whole(macho(PPC, big=True)))
    assert (found.machine, found.bits, found.endian) == (PPC, 32, "big")


def test_several_processors() -> None:
    made = fat((X86_64, macho(X86_64)), (ARM64, macho(ARM64)))
    assert [p.machine for p in parse(Excerpt.whole(made))] == [X86_64, ARM64]
    # Only the beginning was kept: the entries tell the processors.
    front = parse(Excerpt(size=len(made), parts=((0, made[:64]),)))
    assert [(p.machine, p.bits, p.unread) for p in front] == [
        (X86_64, 64, ("header",)),
        (ARM64, 64, ("header",)),
    ]
    wide = struct.pack(">IIIIQQII", 0xCAFEBABF, 1, ARM64, 0, HEAD, 9, 0, 0)
    assert [p.machine for p in parse(Excerpt.whole(wide))] == [ARM64]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xca\xfe\xba\xbe",
        bytes.fromhex("cafebabe00000041000a"),  # a class of Java 21
        bytes.fromhex("cafebabe00000000"),
        bytes.fromhex("cafebabe00000002aa"),
        b"\xcf\xfa\xed\xfe",
        b"#!/bin/sh",
    ],
)
def test_what_is_none(content: bytes) -> None:
    assert parse(Excerpt.whole(content)) == ()


@given(st.sampled_from(sorted(MAGICS)), st.binary(max_size=200))
def test_noise_is_no_crash(magic: bytes, noise: bytes) -> None:
    parse(Excerpt.whole(magic + noise))
