"""PE files, the programs of Windows (Microsoft's "PE Format")."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from bakex.platforms.program import EXECUTABLE, LIBRARY, PE, Program

if TYPE_CHECKING:
    from bakex.platforms.excerpt import Excerpt

MAGIC = b"MZ"
_DLL = 0x2000
_BITS = {0x10B: 32, 0x20B: 64}


def parse(excerpt: Excerpt) -> Program | None:
    """Return what a PE file says; None if it is none, such as a program for DOS. Never fails."""
    start = excerpt.read(0, 64)
    if start is None or start[:2] != MAGIC:
        return None
    (offset,) = struct.unpack_from("<I", start, 60)
    header = excerpt.read(offset, 26)
    if header is None or header[:4] != b"PE\0\0":
        return None
    (machine,) = struct.unpack_from("<H", header, 4)
    flags, magic = struct.unpack_from("<HH", header, 22)
    if magic not in _BITS:
        return None
    kind = LIBRARY if flags & _DLL else EXECUTABLE
    return Program(format=PE, machine=machine, bits=_BITS[magic], kind=kind)
