"""Which kind of file it is: by its first bytes, as the kernel does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.platforms import elf, macho, pe
from bakex.platforms.program import Script

if TYPE_CHECKING:
    from bakex.platforms.excerpt import Excerpt
    from bakex.platforms.program import Content

_SHEBANG = 256  # bytes that the kernel reads of a first line (BINPRM_BUF_SIZE)


def recognise(excerpt: Excerpt) -> Content:
    """Return what a file says about the processor or the interpreter that it needs.

    Returns:
        The programs in it, usually one; the interpreter of a script; None if it says nothing.
    """
    magic = excerpt.head[:4]
    if magic == elf.MAGIC:
        found = elf.parse(excerpt)
        return (found,) if found else None
    if magic[:2] == pe.MAGIC:
        found = pe.parse(excerpt)
        return (found,) if found else None
    if magic in macho.MAGICS:
        return macho.parse(excerpt) or None
    return script(excerpt.head) if magic[:2] == b"#!" else None


def script(content: bytes) -> Script | None:
    """Return what a first line says; None if it is none, or names nothing. As Linux reads it."""
    if not content.startswith(b"#!"):
        return None
    line = content[2:_SHEBANG].split(b"\n", 1)[0].strip(b" \t").decode("utf-8", "replace")
    words = line.replace("\t", " ").split(" ", 1)
    if not words[0]:
        return None
    return Script(interpreter=words[0], argument=words[1].strip(" ") if len(words) > 1 else "")
