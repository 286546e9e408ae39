"""ELF files: headers, dynamic section, notes and attributes, of hostile files too.

Sources: the System V gABI, chapters 4 and 5, and the supplements of each processor: ARM IHI 0044
and 0045, RISC-V and LoongArch psABI, 64-bit ELF V2 ABI of OpenPOWER, x86-64 psABI section 2.1.3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from bakex.platforms import attributes, golang
from bakex.platforms.excerpt import RANGE
from bakex.platforms.program import ELF, EXECUTABLE, LIBRARY, OBJECT, OTHER, Program

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from bakex.platforms.excerpt import Excerpt, Range

MAGIC = b"\x7fELF"
EM_386, EM_MIPS, EM_PPC64, EM_ARM, EM_X86_64 = 3, 8, 21, 40, 62
EM_RISCV, EM_LOONGARCH = 243, 258
_TYPES = {1: OBJECT, 2: EXECUTABLE, 3: LIBRARY}
_SEGMENTS, _SECTIONS, _ENTRIES = 128, 4096, 4096  # more are not looked at; programs have a tenth
_NEEDED, _NAME = 256, 4096  # libraries of one program, bytes of a name
_LOAD, _DYNAMIC, _INTERP, _NOTE = 1, 2, 3, 4
_GNU_PROPERTY = 0x6474E553
_ATTRIBUTES = 0x70000003  # a type of sections
# ARM's sections are of 32-bit files.
_SECTION = "IIIIIIIIII"
_DT_NEEDED, _DT_STRTAB, _DT_SONAME, _DT_FLAGS_1 = 1, 5, 14, 0x6FFFFFFB
_DT_RPATH, _DT_RUNPATH = 15, 29
_DF_1_PIE = 0x08000000
_X86_ISA_NEEDED = 0xC0008002


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """The file's header, and how the words of this file are read."""

    wide: bool
    order: str
    type: int
    machine: int
    os_abi: int
    flags: int
    segments: tuple[int, int, int]  # offset, size of one, count
    sections: tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Segment:
    type: int
    offset: int
    address: int
    size: int
    flags: int

    @property
    def is_data(self) -> bool:
        """Whether it is loaded where the program may write."""
        return self.type == _LOAD and bool(self.flags & 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    type: int
    offset: int
    size: int


def wanted(excerpt: Excerpt) -> list[Range]:
    """Return which parts of a file are needed besides its beginning and its end."""
    header = _header(excerpt)
    if header is None:
        return []
    kinds = {_DYNAMIC, _INTERP, _NOTE, _GNU_PROPERTY}
    segments = _segments(excerpt, header) or []
    found = (s for s in segments if s.type in kinds or s.is_data)
    return [(s.offset, min(s.size, RANGE)) for s in found if s.size]


def parse(excerpt: Excerpt) -> Program | None:
    """Return what an ELF file says; None if it is none. Never fails, whatever is in it."""
    header = _header(excerpt)
    if header is None:
        return None
    program = Program(
        format=ELF,
        machine=header.machine,
        bits=64 if header.wide else 32,
        endian="little" if header.order == "<" else "big",
        kind=_TYPES.get(header.type, OTHER),
        os_abi=header.os_abi,
        float=_float(header),
        abi=_abi(header),
    )
    segments = _segments(excerpt, header)
    if segments is None:
        return replace(program, unread=("segments",))
    program = _linked(program, excerpt, header, segments)
    if header.machine in {EM_386, EM_X86_64}:
        program = replace(program, x86_64=_x86_level(excerpt, header, segments))
    return _from_go(_from_attributes(program, excerpt, header), excerpt, segments)


def _header(excerpt: Excerpt) -> _Header | None:
    ident = excerpt.read(0, 16)
    if ident is None or ident[:4] != MAGIC or ident[4] not in {1, 2} or ident[5] not in {1, 2}:
        return None
    wide, order = ident[4] == 2, "<" if ident[5] == 1 else ">"
    form = order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH")
    rest = excerpt.read(16, struct.calcsize(form))
    if rest is None:
        return None
    (kind, machine, _, _, phoff, shoff, flags, _, phsize, phnum, shsize, shnum, _) = struct.unpack(
        form, rest
    )
    return _Header(
        wide=wide,
        order=order,
        type=kind,
        machine=machine,
        os_abi=ident[7],
        flags=flags,
        segments=(phoff, phsize, phnum),
        sections=(shoff, shsize, shnum),
    )


def _table(
    excerpt: Excerpt, header: _Header, place: tuple[int, int, int], form: str, most: int
) -> Iterator[tuple[int, ...]] | None:
    """Return the rows of a table of headers; None if it is not there."""
    offset, size, count = place
    form = header.order + form
    if not count:
        return iter(())
    if size < struct.calcsize(form) or count > most:
        return None
    content = excerpt.read(offset, size * count)
    if content is None:
        return None
    return (struct.unpack_from(form, content, index * size) for index in range(count))


def _segments(excerpt: Excerpt, header: _Header) -> list[_Segment] | None:
    form = "IIQQQQQQ" if header.wide else "IIIIIIII"
    rows = _table(excerpt, header, header.segments, form, _SEGMENTS)
    if rows is None:
        return None
    if header.wide:
        return [_Segment(type=r[0], offset=r[2], address=r[3], size=r[5], flags=r[1]) for r in rows]
    return [_Segment(type=r[0], offset=r[1], address=r[2], size=r[4], flags=r[6]) for r in rows]


def _attributes(excerpt: Excerpt, header: _Header) -> _Section | None:
    """Return the section with the attributes of an ARM program, if it has one."""
    if header.machine != EM_ARM:
        return None
    rows = _table(excerpt, header, header.sections, _SECTION, _SECTIONS) or ()
    found = (_Section(type=r[1], offset=r[4], size=r[5]) for r in rows)
    return next((section for section in found if section.type == _ATTRIBUTES), None)


def _linked(
    program: Program, excerpt: Excerpt, header: _Header, segments: list[_Segment]
) -> Program:
    """Return a program with what its segments say about linking."""
    unread: list[str] = []
    interpreter = ""
    for segment in segments:
        if segment.type == _INTERP:
            content = excerpt.read(segment.offset, min(segment.size, _NAME))
            interpreter = _text(content or b"")
            if not interpreter:
                unread.append("interpreter")
            break
    entries = _dynamic(excerpt, header, segments)
    if entries is None:
        unread.append("dynamic section")
        entries = []
    flags = {tag: value for tag, value in entries if tag in {_DT_STRTAB, _DT_SONAME, _DT_FLAGS_1}}
    names = partial(_names, excerpt, segments, flags.get(_DT_STRTAB), entries)
    needed, paths = names({_DT_NEEDED}), names({_DT_RUNPATH}) or names({_DT_RPATH})
    if needed is None or paths is None:
        unread.append("needed libraries")
    kind = program.kind
    is_pie = bool(flags.get(_DT_FLAGS_1, 0) & _DF_1_PIE)
    if kind == LIBRARY and (is_pie or (interpreter and _DT_SONAME not in flags)):
        kind = EXECUTABLE
    return replace(
        program,
        kind=kind,
        interpreter=interpreter,
        needed=needed or (),
        runpath=tuple(part for path in paths or () for part in path.split(":") if part),
        unread=tuple(unread),
    )


def _dynamic(
    excerpt: Excerpt, header: _Header, segments: list[_Segment]
) -> list[tuple[int, int]] | None:
    for segment in segments:
        if segment.type != _DYNAMIC:
            continue
        form = header.order + ("QQ" if header.wide else "II")
        step = struct.calcsize(form)
        count = min(segment.size // step, _ENTRIES)
        content = excerpt.read(segment.offset, count * step)
        if content is None:
            return None
        return list(struct.iter_unpack(form, content))
    return []


def _names(
    excerpt: Excerpt,
    segments: list[_Segment],
    table: int | None,
    entries: list[tuple[int, int]],
    tags: Collection[int],
) -> tuple[str, ...] | None:
    """Return the texts that entries point at; None if one of them cannot be read."""
    offsets = [value for tag, value in entries if tag in tags][:_NEEDED]
    if not offsets:
        return ()
    start = None if table is None else _offset(segments, table)
    if start is None:
        return None
    found: list[str] = []
    for offset in offsets:
        room = min(_NAME, max(0, excerpt.size - start - offset))
        name = ""
        # The nearer the end of what was kept, the shorter the piece that can be had.
        while room and not name:
            name = _text(excerpt.read(start + offset, room) or b"")
            room //= 2
        if not name:
            return None
        found.append(name)
    return tuple(found)


def _offset(segments: list[_Segment], address: int) -> int | None:
    for s in segments:
        if s.type == _LOAD and s.address <= address < s.address + s.size:
            return s.offset + address - s.address
    return None


def _text(content: bytes) -> str:
    """Return the text before the first zero byte; empty if there is no such byte."""
    text, zero, _ = content.partition(b"\0")
    return text.decode("utf-8", "replace") if zero else ""


def _x86_level(excerpt: Excerpt, header: _Header, segments: list[_Segment]) -> int:
    level = 0
    for segment in segments:
        if segment.type in {_NOTE, _GNU_PROPERTY}:
            content = excerpt.read(segment.offset, min(segment.size, RANGE)) or b""
            level = max(level, _needed_level(content, header))
    return level


def _needed_level(notes: bytes, header: _Header) -> int:
    """Return the highest level that notes of the type NT_GNU_PROPERTY_TYPE_0 ask for."""
    align, at = 8 if header.wide else 4, 0
    while at + 16 <= len(notes):
        name_size, size, kind = struct.unpack_from(header.order + "III", notes, at)
        name = notes[at + 12 : at + 16]
        start = at + 12 + _padded(name_size, 4)
        if (name_size, kind, name) == (4, 5, b"GNU\0"):
            return _property(notes[start : start + size], header, align)
        at = start + _padded(size, 4)
    return 0


def _property(content: bytes, header: _Header, align: int) -> int:
    at = 0
    while at + 12 <= len(content):
        kind, size = struct.unpack_from(header.order + "II", content, at)
        if kind == _X86_ISA_NEEDED and size == 4:
            bits: int = struct.unpack_from(header.order + "I", content, at + 8)[0]
            return (bits & 0xF).bit_length()
        at += 8 + _padded(size, align)
    return 0


def _padded(size: int, align: int) -> int:
    return (size + align - 1) // align * align


def _float(header: _Header) -> str:
    flags = header.flags
    match header.machine:
        case 40:  # EABI version 5 is the only one with these flags
            known = {0x200: "soft", 0x400: "hard"} if flags >> 24 == 5 else {}
            return known.get(flags & 0x600, "")
        case 243:
            return {0: "soft", 2: "single", 4: "double"}.get(flags & 6, "quad")
        case 258:
            return {1: "soft", 2: "single", 3: "double"}.get(flags & 7, "")
        case _:
            return ""


def _abi(header: _Header) -> str:
    flags = header.flags
    if header.machine == EM_PPC64:
        return {1: "elfv1", 2: "elfv2"}.get(flags & 3, "")
    if header.machine != EM_MIPS:
        return ""
    release6 = "-r6" if flags >> 28 in {9, 10} else ""
    if header.wide:
        return "n64" + release6
    return ("n32" if flags & 0x20 else "o32") + release6


def _from_attributes(program: Program, excerpt: Excerpt, header: _Header) -> Program:
    section = _attributes(excerpt, header)
    if section is None:
        return program
    content = excerpt.read(section.offset, min(section.size, RANGE))
    if content is None:
        return replace(program, unread=(*program.unread, "attributes"))
    found = attributes.arm(content, big=program.endian == "big")
    return replace(
        program,
        arm=found.architecture,
        simd=found.simd,
        float=program.float or found.float,
    )


def _from_go(program: Program, excerpt: Excerpt, segments: list[_Segment]) -> Program:
    for segment in segments:
        if not segment.is_data:
            continue
        settings = golang.settings(excerpt.read(segment.offset, min(segment.size, RANGE)) or b"")
        if settings:
            return replace(
                program,
                arm=program.arm or golang.level(settings, "GOARM"),
                x86_64=program.x86_64 or golang.level(settings, "GOAMD64"),
            )
    return program
