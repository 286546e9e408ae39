"""Mach-O files, the programs of macOS, for one processor or for several (``mach-o/loader.h``)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from bakex.platforms.program import EXECUTABLE, LIBRARY, MACHO, OBJECT, OTHER, Program

if TYPE_CHECKING:
    from bakex.platforms.excerpt import Excerpt

_FAT = {b"\xca\xfe\xba\xbe": 20, b"\xca\xfe\xba\xbf": 32}  # magic -> size of an entry
_THIN = {
    b"\xce\xfa\xed\xfe": ("<", 32),
    b"\xcf\xfa\xed\xfe": ("<", 64),
    b"\xfe\xed\xfa\xce": (">", 32),
    b"\xfe\xed\xfa\xcf": (">", 64),
}
MAGICS = frozenset({*_FAT, *_THIN})
_MOST = 30  # processors; classes of Java have the same magic, and their version there, from 45 on
_ABI64 = 0x01000000
_KINDS = {1: OBJECT, 2: EXECUTABLE, 6: LIBRARY, 8: LIBRARY}


def parse(excerpt: Excerpt) -> tuple[Program, ...]:
    """Return what a Mach-O file says, for each processor; empty if it is none. Never fails."""
    magic = excerpt.read(0, 4)
    size = _FAT.get(magic or b"")
    if size is None:
        found = _thin(excerpt, 0)
        return (found,) if found else ()
    (count,) = struct.unpack(">I", excerpt.read(4, 4) or bytes(4))
    entries = excerpt.read(8, size * count) if 0 < count <= _MOST else None
    return (
        tuple(_entry(excerpt, entries[at : at + size]) for at in range(0, size * count, size))
        if entries
        else ()
    )


def _entry(excerpt: Excerpt, entry: bytes) -> Program:
    """Return one part of a fat file; by its entry alone if the part is too far inside."""
    cpu, _, offset = struct.unpack_from(">IIQ" if len(entry) == 32 else ">III", entry)
    found = _thin(excerpt, offset)
    if found is not None and found.machine == cpu:
        return found
    bits = 64 if cpu & _ABI64 else 32
    return Program(format=MACHO, machine=cpu, bits=bits, unread=("header",))


def _thin(excerpt: Excerpt, offset: int) -> Program | None:
    header = excerpt.read(offset, 16)
    form = _THIN.get(header[:4]) if header else None
    if header is None or form is None:
        return None
    order, bits = form
    cpu, _, kind = struct.unpack_from(order + "III", header, 4)
    return Program(
        format=MACHO,
        machine=cpu,
        bits=bits,
        endian="little" if order == "<" else "big",
        kind=_KINDS.get(kind, OTHER),
    )
