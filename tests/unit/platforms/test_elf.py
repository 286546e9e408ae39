"""Headers that are made here; real programs are in tests/engine/test_binaries.py."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.platforms import elf
from bakex.platforms.excerpt import Excerpt, Gatherer
from bakex.platforms.program import EXECUTABLE, LIBRARY, OBJECT, OTHER, Program
from bakex.testing.binaries import Elf, arm_attributes, gnu_property, go_settings

ATTRIBUTES = arm_attributes((5, "7-A"), (6, 10), (12, 1), (28, 1))


def parsed(content: bytes) -> Program:
    found = elf.parse(Excerpt.whole(content))
    assert found is not None
    return found


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("big", [False, True])
def test_what_a_dynamic_program_says(bits: int, big: bool) -> None:
    made = Elf(machine=22, bits=bits, big=big, interpreter="/lib/ld", needed=("libc.so", "libm.so"))
    found = parsed(made.build())
    assert (found.machine, found.bits, found.endian) == (22, bits, "big" if big else "little")
    assert (found.kind, found.interpreter) == (EXECUTABLE, "/lib/ld")
    assert found.needed == ("libc.so", "libm.so")
    assert not found.is_static
    assert found.unread == ()


@pytest.mark.parametrize(
    ("made", "kind", "static"),
    [
        (Elf(machine=62), EXECUTABLE, True),
        (Elf(machine=62, kind="object"), OBJECT, False),
        (Elf(machine=62, kind="library", soname="libx.so.1"), LIBRARY, False),
        (Elf(machine=62, kind="library", needed=("libc.so",)), LIBRARY, False),
        (Elf(machine=62, kind="library", pie=True), EXECUTABLE, True),
        (Elf(machine=62, kind="library", interpreter="/lib/ld", needed=("c",)), EXECUTABLE, False),
        # libc.so.6 may be run, and is a library all the same
        (
            Elf(machine=62, kind="library", interpreter="/lib/ld", soname="libc.so.6"),
            LIBRARY,
            False,
        ),
    ],
)
def test_kinds(made: Elf, kind: str, static: bool) -> None:
    found = parsed(made.build())
    assert (found.kind, found.is_static) == (kind, static)


def test_an_unknown_kind() -> None:
    content = bytearray(Elf(machine=62).build())
    content[16] = 4  # a memory dump
    assert parsed(bytes(content)).kind == OTHER


@pytest.mark.parametrize(
    ("machine", "bits", "flags", "passed", "abi"),
    [
        (elf.EM_ARM, 32, 0x05000400, "hard", ""),
        (elf.EM_ARM, 32, 0x05000200, "soft", ""),
        (elf.EM_ARM, 32, 0x05000000, "", ""),
        (elf.EM_ARM, 32, 0x04000400, "", ""),
        (elf.EM_RISCV, 64, 0x0005, "double", ""),
        (elf.EM_RISCV, 64, 0x0002, "single", ""),
        (elf.EM_RISCV, 64, 0x0001, "soft", ""),
        (elf.EM_RISCV, 64, 0x0006, "quad", ""),
        (elf.EM_LOONGARCH, 64, 0x43, "double", ""),
        (elf.EM_LOONGARCH, 64, 0x41, "soft", ""),
        (elf.EM_LOONGARCH, 64, 0x40, "", ""),
        (elf.EM_PPC64, 64, 2, "", "elfv2"),
        (elf.EM_PPC64, 64, 1, "", "elfv1"),
        (elf.EM_PPC64, 64, 0, "", ""),
        (elf.EM_MIPS, 64, 0x80000007, "", "n64"),
        (elf.EM_MIPS, 64, 0xA0000407, "", "n64-r6"),
        (elf.EM_MIPS, 32, 0x80000027, "", "n32"),
        (elf.EM_MIPS, 32, 0x70001007, "", "o32"),
        (elf.EM_X86_64, 64, 0x400, "", ""),
    ],
)
def test_flags(machine: int, bits: int, flags: int, passed: str, abi: str) -> None:
    found = parsed(Elf(machine=machine, bits=bits, flags=flags).build())
    assert (found.float, found.abi) == (passed, abi)


@pytest.mark.parametrize("level", [1, 2, 3, 4])
@pytest.mark.parametrize(("machine", "bits"), [(62, 64), (3, 32)])
def test_levels_of_x86_64(machine: int, bits: int, level: int) -> None:
    assert parsed(Elf(machine=machine, bits=bits, x86_64=level).build()).x86_64 == level


def test_a_level_among_other_notes_and_properties() -> None:
    build_id = struct.pack("<III", 4, 20, 3) + b"GNU\0" + bytes(20)
    other = struct.pack("<II", 0xC0000002, 4) + bytes(8)
    note = struct.pack("<III", 4, len(other) + 16, 5) + b"GNU\0" + other + gnu_property(7)[16:]
    made = Elf(machine=62, x86_64=1).build()
    content = made.replace(gnu_property(1), build_id + note)
    # The note is the last piece: the segment that names it must become longer, as must the first.
    content = content.replace(struct.pack("<QQ", 32, 32), struct.pack("<QQ", 84, 84))
    assert parsed(content).x86_64 == 3


def test_notes_of_other_processors_are_no_levels() -> None:
    assert parsed(Elf(machine=183, x86_64=3).build()).x86_64 == 0


def test_attributes_of_arm() -> None:
    found = parsed(Elf(machine=elf.EM_ARM, bits=32, attributes=ATTRIBUTES).build())
    assert (found.arm, found.float, found.simd) == (7, "hard", True)
    flagged = Elf(machine=elf.EM_ARM, bits=32, attributes=ATTRIBUTES, flags=0x05000200).build()
    assert parsed(flagged).float == "soft"  # the header is what the loader looks at
    foreign = Elf(machine=62, bits=32, attributes=ATTRIBUTES).build()
    assert (parsed(foreign).arm, parsed(foreign).simd) == (0, False)


def test_programs_of_go() -> None:
    old = Elf(machine=elf.EM_ARM, bits=32, data=go_settings(CGO_ENABLED="0", GOARM="6")).build()
    assert parsed(old).arm == 6
    assert parsed(Elf(machine=62, data=go_settings(GOAMD64="v3")).build()).x86_64 == 3
    assert parsed(Elf(machine=62, data=b"something else").build()).x86_64 == 0
    both = Elf(machine=40, bits=32, data=go_settings(GOARM="5"), attributes=ATTRIBUTES).build()
    assert parsed(both).arm == 7  # C code in it needs more


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x7fELF",
        b"\x7fELF\x02\x01\x01" + bytes(9),
        b"\x7fELF\x03\x01\x01" + bytes(60),
        b"\x7fELF\x02\x03\x01" + bytes(60),
        b"no ELF file, but as long as one" * 4,
    ],
)
def test_what_is_no_elf_file(content: bytes) -> None:
    assert elf.parse(Excerpt.whole(content)) is None
    assert elf.wanted(Excerpt.whole(content)) == []


MADE = Elf(
    machine=elf.EM_ARM,
    bits=32,
    kind="library",
    interpreter="/lib/ld",
    needed=("libc.so",),
    attributes=ATTRIBUTES,
    data=go_settings(GOARM="6"),
).build()


def test_what_cannot_be_read_is_said() -> None:
    head = 52 + 32 * 5
    assert parsed(MADE[:60]).unread == ("segments",)
    assert parsed(MADE[:head]).unread == ("interpreter", "dynamic section")
    cut = bytearray(MADE)
    at = MADE.index(struct.pack("<II", 5, 0x10000 + MADE.index(b"\0libc.so\0")))
    cut[at + 4 : at + 8] = struct.pack("<I", 0x7FFF0000)  # the names are nowhere
    assert parsed(bytes(cut)).unread == ("needed libraries",)
    cut[at : at + 4] = struct.pack("<I", 99)  # nothing says where they are
    assert parsed(bytes(cut)).unread == ("needed libraries",)
    lost = MADE.replace(struct.pack("<I", MADE.index(ATTRIBUTES)), struct.pack("<I", 1 << 30))
    assert "attributes" in parsed(lost).unread


@given(st.integers(0, len(MADE)))
def test_any_beginning_of_a_file_is_no_crash(size: int) -> None:
    content = MADE[:size]
    assert (elf.parse(Excerpt.whole(content)) is None) == (size < 52)
    elf.wanted(Excerpt.whole(content))


@given(
    st.sampled_from([MADE, Elf(machine=62, x86_64=2, needed=("a",)).build()]),
    st.lists(st.tuples(st.integers(0, 700), st.binary(min_size=1, max_size=9)), max_size=12),
)
def test_no_change_of_a_file_is_a_crash(made: bytes, changes: list[tuple[int, bytes]]) -> None:
    content = bytearray(made)
    for at, change in changes:
        content[at : at + len(change)] = change
    gatherer = Gatherer(elf.wanted)
    gatherer.feed(bytes(content))
    found = elf.parse(gatherer.excerpt())
    for name in found.needed if found else ():
        assert len(name) < 5000


@given(st.binary(max_size=600))
def test_noise_behind_the_magic_is_no_crash(noise: bytes) -> None:
    for ident in (b"\x7fELF\x02\x01\x01", b"\x7fELF\x01\x02\x01"):
        elf.parse(Excerpt.whole(ident + noise))


def test_tables_without_end_are_not_walked() -> None:
    content = bytearray(Elf(machine=62).build())
    content[56:58] = b"\xff\xff"  # e_phnum
    assert parsed(bytes(content)).unread == ("segments",)
    content[54:56] = b"\x01\x00"  # e_phentsize
    content[56:58] = b"\x01\x00"
    assert parsed(bytes(content)).unread == ("segments",)


def test_what_streams_by_is_kept_where_the_headers_point_at() -> None:
    whole = Elf(machine=40, bits=32, needed=("libc.so",), attributes=ATTRIBUTES, padding=3 << 20)
    gatherer = Gatherer(elf.wanted)
    content = whole.build()
    for at in range(0, len(content), 10_007):
        gatherer.feed(content[at : at + 10_007])
    assert elf.parse(gatherer.excerpt()) == parsed(content)
