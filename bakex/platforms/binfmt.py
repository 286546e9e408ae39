"""What the kernel's table of interpreters says: ``/proc/sys/fs/binfmt_misc``.

Source: Linux, Documentation/admin-guide/binfmt-misc.rst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bakex.platforms.profile import Emulation


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """An entry of the table.

    Attributes:
        flags: ``F``: the interpreter was opened when it was registered, so that it works in every
            container; ``P``, ``O``, ``C``: see the source.
    """

    name: str
    enabled: bool
    interpreter: str
    flags: str
    offset: int
    magic: bytes
    mask: bytes

    def takes(self, emulation: Emulation) -> bool:
        """Return whether programs of a platform are run by this interpreter."""
        header = emulation.magic
        end = self.offset + len(self.magic)
        if not self.enabled or not self.magic or end > len(header):
            return False
        mask = self.mask or b"\xff" * len(self.magic)
        here = header[self.offset : end]
        return all((a ^ b) & bits == 0 for a, b, bits in zip(here, self.magic, mask, strict=True))


def parse(name: str, text: str) -> Handler | None:
    """Return an entry; None if it is one for names of files, or cannot be read."""
    words: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        words[key] = value
    try:
        magic = bytes.fromhex(words["magic"])
        mask = bytes.fromhex(words.get("mask", ""))
        offset = int(words.get("offset", "0"))
    except (KeyError, ValueError):
        return None
    if mask and len(mask) != len(magic):
        return None
    return Handler(
        name=name,
        enabled="enabled" in words,
        interpreter=words.get("interpreter", ""),
        flags="".join(sorted(words.get("flags:", "").strip())),
        offset=offset,
        magic=magic,
        mask=mask,
    )


def handler_of(emulation: Emulation, handlers: Iterable[Handler]) -> Handler | None:
    """Return the entry that runs a platform's programs, if there is one."""
    return next((handler for handler in handlers if handler.takes(emulation)), None)
