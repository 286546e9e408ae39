"""The build attributes of ARM programs (ARM IHI 0045, "Addenda to the ABI", chapter 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

_Order = Literal["little", "big"]
_CPU_ARCH, _SIMD, _VFP_ARGS, _COMPATIBILITY = 6, 12, 28, 32
_TEXTS = frozenset(
    {4, 5, 65, 67}
)  # Tag_CPU_raw_name, _CPU_name, _also_compatible_with, _conformance
# Tag_CPU_arch -> the number in the names of platforms. v6T2 has Thumb-2, which came with v7 for all
# that platforms tell apart; those of microcontrollers (v6-M, v7E-M, v8-M ...) are no platforms.
_ARCHITECTURES = {
    **dict.fromkeys((1, 2), 4),
    **dict.fromkeys((3, 4, 5), 5),
    **dict.fromkeys((6, 7, 9), 6),
    **dict.fromkeys((8, 10), 7),
    **dict.fromkeys((14, 18, 19, 20), 8),
    22: 9,
}
_MOST = 1000  # attributes; there are about a hundred tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What they say; 0, empty and false where they do not.

    Attributes:
        architecture: The number of the ARM architecture.
        float: ``hard`` if floating-point arguments are in VFP registers, else ``soft``.
        simd: Whether there is code for NEON.
    """

    architecture: int = 0
    float: str = ""
    simd: bool = False


def arm(section: bytes, *, big: bool = False) -> Attributes:
    """Return what a section ``.ARM.attributes`` says about the whole file. Never fails."""
    blocks = _of_file(section, "big" if big else "little")
    tags = {tag: value for content in blocks for tag, value in _pairs(content)}
    if not tags:
        return Attributes()
    passed = {0: "soft", 1: "hard"}.get(tags.get(_VFP_ARGS, 0), "")
    return Attributes(
        architecture=_ARCHITECTURES.get(tags.get(_CPU_ARCH, 0), 0),
        float=passed,
        simd=tags.get(_SIMD, 0) > 0,
    )


def _of_file(section: bytes, order: _Order) -> Iterator[bytes]:
    """Yield the lists of attributes that the vendor "aeabi" gives to the whole file."""
    if section[:1] != b"A":
        return
    for vendor in _blocks(section[1:], order, 0):
        name, zero, rest = vendor.partition(b"\0")
        if not zero or name != b"aeabi":
            continue
        for block in _blocks(rest, order, 1):
            if block[0] == 1:  # Tag_File
                yield block[5:]


def _blocks(content: bytes, order: _Order, before: int) -> Iterator[bytes]:
    """Yield blocks with their length, which counts itself and the tag of `before` bytes before it.

    The length is left out of blocks that begin with it.
    """
    at = 0
    while at + before + 4 <= len(content):
        start = at + before
        size = int.from_bytes(content[start : start + 4], order)
        if size < before + 5:
            return
        yield content[at if before else start + 4 : at + size]
        at += size


def _pairs(content: bytes) -> Iterator[tuple[int, int]]:
    at = 0
    for _ in range(_MOST):
        tag, at = number(content, at)
        if at > len(content):
            return
        value = 0
        if tag not in _TEXTS and (tag <= _COMPATIBILITY or not tag % 2):
            value, at = number(content, at)
        if tag in _TEXTS or tag == _COMPATIBILITY or (tag > _COMPATIBILITY and tag % 2):
            end = content.find(b"\0", at)
            if end < 0:
                return
            at = end + 1
        if at > len(content):
            return
        yield tag, value


def number(content: bytes, at: int) -> tuple[int, int]:
    """Return a number in ULEB128 and the offset behind it; beyond the end if it is cut off."""
    value = 0
    for shift in range(0, 64, 7):
        if at >= len(content):
            return 0, len(content) + 1
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    return 0, len(content) + 1
