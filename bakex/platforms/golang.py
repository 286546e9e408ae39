"""What Go's linker writes into programs: the only thing that tells which ARM a Go program is for.

Source: cmd/internal/buildinfo of Go 1.18 and later, whose texts are in the section itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bakex.platforms.attributes import number

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAGIC = b"\xff Go buildinf:"
_ALIGNED = 16  # bytes
_HEADER = 32  # bytes, padding included
_INLINE = 2  # flag
_SENTINEL = 16  # bytes before and behind the texts of modules
_LEVEL = re.compile(r"v?([0-9])(?:,[a-z]+)?")


def settings(data: bytes) -> Mapping[str, str]:
    """Return the settings of the build, such as ``GOARM``; empty if there are none.

    Args:
        data: The beginning of the writable data; what is looked for is at the very front, or behind
            what the system's own linker has put there.
    """
    at = data.find(_MAGIC)
    while at >= 0 and at % _ALIGNED:
        at = data.find(_MAGIC, at + 1)
    if at < 0 or len(data) < at + _HEADER or not data[at + len(_MAGIC) + 1] & _INLINE:
        return {}
    size, at = number(data, at + _HEADER)  # the version of Go
    size, at = number(data, at + size)
    text = data[at + _SENTINEL : at + max(size - _SENTINEL, _SENTINEL)]
    found: dict[str, str] = {}
    for line in text.decode("utf-8", "replace").split("\n"):
        kind, _, pair = line.partition("\t")
        if kind == "build":
            key, _, value = pair.partition("=")
            found[key] = value
    return found


def level(found: Mapping[str, str], name: str) -> int:
    """Return the number that a setting begins with: 6 for ``6,softfloat``, 3 for ``v3``; or 0."""
    match = _LEVEL.fullmatch(found.get(name, ""))
    return int(match[1]) if match else 0
