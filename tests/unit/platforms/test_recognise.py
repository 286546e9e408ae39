from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.platforms.excerpt import Excerpt
from bakex.platforms.program import Script
from bakex.platforms.recognise import recognise, script
from bakex.testing.binaries import Elf, fat, macho, pe


@pytest.mark.parametrize(
    ("content", "formats"),
    [
        (Elf(machine=62).build(), ["elf"]),
        (pe(0x8664), ["pe"]),
        (macho(0x0100000C), ["macho"]),
        (fat((7, macho(7)), (0x0100000C, macho(0x0100000C))), ["macho", "macho"]),
    ],
)
def test_programs(content: bytes, formats: list[str]) -> None:
    found = recognise(Excerpt.whole(content))
    assert isinstance(found, tuple)
    assert [program.format for program in found] == formats


@pytest.mark.parametrize(
    "content",
    [b"", b"text", b"\x7fELF", b"MZ", b"\xca\xfe\xba\xbe\0\0\0\x41", b"#!", b"#! \n", b"PK\3\4"],
)
def test_what_says_nothing(content: bytes) -> None:
    assert recognise(Excerpt.whole(content)) is None


@pytest.mark.parametrize(
    ("line", "interpreter", "argument"),
    [
        (b"#!/bin/sh\necho", "/bin/sh", ""),
        (b"#! /bin/sh -e \n", "/bin/sh", "-e"),
        (b"#!/usr/bin/env\tpython3 -S\n", "/usr/bin/env", "python3 -S"),
        (b"#!/bin/sh", "/bin/sh", ""),
        (b"#!python\n", "python", ""),
        (b"#!/b\xff\n", "/b\ufffd", ""),
        (b"#!/" + b"x" * 500 + b"\n", "/" + "x" * 253, ""),
    ],
)
def test_scripts(line: bytes, interpreter: str, argument: str) -> None:
    expected = Script(interpreter=interpreter, argument=argument)
    assert recognise(Excerpt.whole(line)) == script(line) == expected


def test_no_script() -> None:
    assert script(b"echo") is None


@given(st.binary(max_size=300))
def test_noise_is_no_crash(noise: bytes) -> None:
    for magic in (b"", b"#!", b"MZ", b"\x7fELF", b"\xfe\xed\xfa\xce"):
        recognise(Excerpt.whole(magic + noise))
