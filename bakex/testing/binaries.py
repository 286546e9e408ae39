"""Programs that were never compiled: headers with nothing behind them, for every processor."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import accumulate

_PAGE = 0x1000
_BASE = 0x10000  # address of the first byte of a file
_TYPES = {"object": 1, "executable": 2, "library": 3}
_LOAD, _DYNAMIC, _INTERP, _NOTE = 1, 2, 3, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """An ELF file to be.

    Attributes:
        machine: The number of the processor.
        bits: 32 or 64.
        big: Whether it is big-endian.
        kind: ``object``, ``executable`` or ``library``.
        flags: Of the processor.
        interpreter: Path of the dynamic linker; empty for none.
        needed: Names of libraries.
        soname: Its own name as a library.
        runpath: Where it looks for libraries.
        pie: Whether it says that it is an executable at any address.
        x86_64: The level that a GNU property asks for; 0 for no property.
        attributes: Content of ``.ARM.attributes``; empty for no such section.
        data: Content of the writable segment.
        padding: Bytes between what is loaded and the sections.
    """

    machine: int
    bits: int = 64
    big: bool = False
    kind: str = "executable"
    flags: int = 0
    interpreter: str = ""
    needed: tuple[str, ...] = ()
    soname: str = ""
    runpath: str = ""
    pie: bool = False
    x86_64: int = 0
    attributes: bytes = b""
    data: bytes = b""
    padding: int = 0

    @property
    def _wide(self) -> bool:
        return self.bits == 64

    @property
    def _order(self) -> str:
        return ">" if self.big else "<"

    def build(self) -> bytes:
        """Return the file."""
        wide, order = self._wide, self._order
        headers, entry = (64, 56) if wide else (52, 32)
        pieces = self._pieces()
        at = headers + entry * (len(pieces) + 1)
        body = b""
        table = [self._segment(_LOAD, 5, 0, _PAGE)]
        for kind, flags, content in pieces:
            table.append(self._segment(kind, flags, at, len(content)))
            body += content
            at += len(content)
        front = headers + entry * len(table)
        table[0] = self._segment(_LOAD, 5, 0, front + len(body))
        body += bytes(self.padding)
        sections, shoff = b"", 0
        if self.attributes:
            place = front + len(body)
            body += self.attributes
            shoff = front + len(body)
            sections = self._section(0, 0, 0)
            sections += self._section(0x70000003, place, len(self.attributes))
        counts = (headers, entry, len(table), 64 if wide else 40, 2 if sections else 0, 0)
        header = struct.pack(
            order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"),
            *(_TYPES[self.kind], self.machine, 1, 0, headers, shoff, self.flags, *counts),
        )
        ident = b"\x7fELF" + bytes([2 if wide else 1, 2 if self.big else 1, 1]) + bytes(9)
        return ident + header + b"".join(table) + body + sections

    def _pieces(self) -> list[tuple[int, int, bytes]]:
        found: list[tuple[int, int, bytes]] = []
        if self.interpreter:
            found.append((_INTERP, 4, self.interpreter.encode() + b"\0"))
        if self.x86_64:
            bits = (1 << self.x86_64) - 1
            found.append((_NOTE, 4, gnu_property(bits, order=self._order, wide=self._wide)))
        if self.data:
            found.append((_LOAD, 6, self.data))
        if self.needed or self.soname or self.runpath or self.pie:
            before = sum(len(content) for _, _, content in found)
            count = len(found) + 2 + 1  # with the names, the dynamic section, and the first one
            front = (64 + 56 * count) if self._wide else (52 + 32 * count)
            names, dynamic = self._dynamic(_BASE + front + before)
            found += [(_NOTE + 100, 4, names), (_DYNAMIC, 6, dynamic)]
        return found

    def _dynamic(self, address: int) -> tuple[bytes, bytes]:
        named = [(1, name) for name in self.needed]
        named += [(tag, text) for tag, text in ((14, self.soname), (29, self.runpath)) if text]
        texts = [text.encode() + b"\0" for _, text in named]
        starts = accumulate((len(text) for text in texts), initial=1)
        entries = [(tag, start) for (tag, _), start in zip(named, starts, strict=False)]
        entries.append((5, address))
        entries += [(0x6FFFFFFB, 0x08000000)] if self.pie else []
        form = self._order + ("QQ" if self._wide else "II")
        return b"\0" + b"".join(texts), b"".join(struct.pack(form, *e) for e in (*entries, (0, 0)))

    def _segment(self, kind: int, flags: int, at: int, size: int) -> bytes:
        place = (at, _BASE + at, _BASE + at, size, size)
        if self._wide:
            return struct.pack(self._order + "IIQQQQQQ", kind, flags, *place, 1)
        return struct.pack(self._order + "IIIIIIII", kind, *place, flags, 1)

    def _section(self, kind: int, at: int, size: int) -> bytes:
        return struct.pack(
            self._order + ("IIQQQQIIQQ" if self._wide else "IIIIIIIIII"),
            0,
            kind,
            0,
            0,
            at,
            size,
            0,
            0,
            1,
            0,
        )


def gnu_property(bits: int, *, order: str = "<", wide: bool = True) -> bytes:
    """Return a note that asks for levels of x86-64, one bit for each."""
    content = struct.pack(order + "III", 0xC0008002, 4, bits) + (bytes(4) if wide else b"")
    return struct.pack(order + "III", 4, len(content), 5) + b"GNU\0" + content


def arm_attributes(*pairs: tuple[int, int | str], big: bool = False) -> bytes:
    """Return a section ``.ARM.attributes`` with some tags and values for the whole file."""
    order = ">" if big else "<"
    content = b"".join(
        bytes([tag]) + (value.encode() + b"\0" if isinstance(value, str) else bytes([value]))
        for tag, value in pairs
    )
    block = b"\x01" + struct.pack(order + "I", len(content) + 5) + content
    return b"A" + struct.pack(order + "I", len(block) + 10) + b"aeabi\0" + block


def go_settings(**settings: str) -> bytes:
    """Return what Go's linker puts at the front of the writable data."""
    lines = "".join(f"build\t{key}={value}\n" for key, value in settings.items())
    text = b"\x30" * 16 + b"path\tcommand-line-arguments\n" + lines.encode() + b"\xf9" * 16
    sized = bytes([len(text) & 0x7F | 0x80, len(text) >> 7]) + text
    return b"\xff Go buildinf:\x08\x02".ljust(32, b"\0") + b"\x08go1.22.0" + sized


def pe(machine: int, *, wide: bool = True, library: bool = False) -> bytes:
    """Return the headers of a program for Windows."""
    start = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    flags = 0x2002 if library else 0x0002
    coff = struct.pack("<HHIIIHH", machine, 1, 0, 0, 0, 240 if wide else 224, flags)
    return start + b"PE\0\0" + coff + struct.pack("<H", 0x20B if wide else 0x10B) + bytes(64)


def macho(cpu: int, *, kind: int = 2, big: bool = False) -> bytes:
    """Return the header of a program for macOS; its size follows from the processor."""
    order, wide = ">" if big else "<", bool(cpu & 0x01000000)
    magic = 0xFEEDFACF if wide else 0xFEEDFACE
    return struct.pack(order + "IIIIIII", magic, cpu, 0, kind, 0, 0, 0) + bytes(64)


def fat(*parts: tuple[int, bytes]) -> bytes:
    """Return a program for macOS that is one for each of some processors."""
    starts = accumulate((len(content) for _, content in parts), initial=_PAGE)
    entries = [
        struct.pack(">IIIII", cpu, 0, start, len(content), 12)
        for (cpu, content), start in zip(parts, starts, strict=False)
    ]
    front = struct.pack(">II", 0xCAFEBABE, len(parts)) + b"".join(entries)
    return front.ljust(_PAGE, b"\0") + b"".join(content for _, content in parts)
