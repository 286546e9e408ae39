from __future__ import annotations

import pytest

from bakex.platforms.binfmt import Handler, handler_of, parse
from bakex.platforms.profile import Emulation

ENTRY = """\
enabled
interpreter /usr/libexec/qemu-binfmt/arm-binfmt-P
flags: POF
offset 0
magic 7f454c4601010100000000000000000002002800
mask ffffffffffffff00fffffffffffffffffeffffff
"""
ARM = Emulation(
    program="qemu-arm",
    magic=bytes.fromhex("7f454c4601010100000000000000000002002800"),
    mask=bytes.fromhex("ffffffffffffff00fffffffffffffffffeffffff"),
)


def entry(text: str = ENTRY) -> Handler:
    found = parse("qemu-arm", text)
    assert found is not None
    return found


def test_an_entry() -> None:
    assert entry() == Handler(
        name="qemu-arm",
        enabled=True,
        interpreter="/usr/libexec/qemu-binfmt/arm-binfmt-P",
        flags="FOP",
        offset=0,
        magic=ARM.magic,
        mask=ARM.mask,
    )
    assert entry().takes(ARM)


@pytest.mark.parametrize(
    ("old", "new", "takes"),
    [
        ("enabled", "disabled", False),
        ("02002800", "0200b700", False),
        ("mask ffffffffffffff00fffffffffffffffffeffffff\n", "", True),
        ("offset 0", "offset 4", False),
        ("flags: POF", "flags: ", True),
    ],
)
def test_what_it_takes(old: str, new: str, takes: bool) -> None:
    assert entry(ENTRY.replace(old, new)).takes(ARM) is takes


def test_a_part_of_the_header_may_do() -> None:
    assert entry("enabled\ninterpreter /x\nflags: \noffset 18\nmagic 2800\n").takes(ARM)
    assert not entry("enabled\ninterpreter /x\nflags: \noffset 18\nmagic 280000\n").takes(ARM)
    assert not entry("enabled\ninterpreter /x\nflags: \noffset 0\nmagic\n").takes(ARM)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "enabled\ninterpreter /usr/bin/jar\nflags: \nextension .jar\n",
        ENTRY.replace("magic 7f", "magic 7"),
        ENTRY.replace("offset 0", "offset x"),
        ENTRY.replace("mask ff", "mask "),
    ],
)
def test_what_cannot_be_read(text: str) -> None:
    assert parse("x", text) is None


def test_the_first_that_fits() -> None:
    off = entry(ENTRY.replace("enabled", "disabled"))
    assert handler_of(ARM, [off, entry()]) == entry()
    assert handler_of(ARM, [off]) is None
