"""What a reader sees as one character: grapheme clusters.

The rules of Unicode 15, annex 29, without GB9c (conjuncts of Indic scripts), as go-textseg v15
applies them. Python has no table of the break property; it follows from the general category but
for the code points listed here (GraphemeBreakProperty.txt, emoji-data.txt).
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from unicodedata import category

# White space: what Go's unicode.IsSpace accepts.
SPACE = (
    " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

# Pairs of first and last code point, flat and in order.
_EXTEND = (
    0x9BE, 0x9BE, 0x9D7, 0x9D7, 0xB3E, 0xB3E, 0xB57, 0xB57, 0xBBE, 0xBBE, 0xBD7, 0xBD7,
    0xCC2, 0xCC2, 0xCD5, 0xCD6, 0xD3E, 0xD3E, 0xD57, 0xD57, 0xDCF, 0xDCF, 0xDDF, 0xDDF,
    0x1B35, 0x1B35, 0x200C, 0x200C, 0x302E, 0x302F, 0xFF9E, 0xFF9F, 0x1133E, 0x1133E,
    0x11357, 0x11357, 0x114B0, 0x114B0, 0x114BD, 0x114BD, 0x115AF, 0x115AF, 0x11930, 0x11930,
    0x1D165, 0x1D165, 0x1D16E, 0x1D172, 0x1F3FB, 0x1F3FF, 0xE0020, 0xE007F,
)  # fmt: skip
_PREPEND = (
    0x600, 0x605, 0x6DD, 0x6DD, 0x70F, 0x70F, 0x890, 0x891, 0x8E2, 0x8E2, 0xD4E, 0xD4E,
    0x110BD, 0x110BD, 0x110CD, 0x110CD, 0x111C2, 0x111C3, 0x1193F, 0x1193F, 0x11941, 0x11941,
    0x11A3A, 0x11A3A, 0x11A84, 0x11A89, 0x11D46, 0x11D46, 0x11F02, 0x11F02,
)  # fmt: skip
_NOT_SPACING = (
    0x102B, 0x102C, 0x1038, 0x1038, 0x1062, 0x1064, 0x1067, 0x106D, 0x1083, 0x1083,
    0x1087, 0x108C, 0x108F, 0x108F, 0x109A, 0x109C, 0x1A61, 0x1A61, 0x1A63, 0x1A64,
    0xAA7B, 0xAA7B, 0xAA7D, 0xAA7D, 0x11720, 0x11721,
)  # fmt: skip
_PICTOGRAPHIC = (
    0xA9, 0xA9, 0xAE, 0xAE, 0x203C, 0x203C, 0x2049, 0x2049, 0x2122, 0x2122, 0x2139, 0x2139,
    0x2194, 0x2199, 0x21A9, 0x21AA, 0x231A, 0x231B, 0x2328, 0x2328, 0x2388, 0x2388,
    0x23CF, 0x23CF, 0x23E9, 0x23F3, 0x23F8, 0x23FA, 0x24C2, 0x24C2, 0x25AA, 0x25AB,
    0x25B6, 0x25B6, 0x25C0, 0x25C0, 0x25FB, 0x25FE, 0x2600, 0x2605, 0x2607, 0x2612,
    0x2614, 0x2685, 0x2690, 0x2705, 0x2708, 0x2712, 0x2714, 0x2714, 0x2716, 0x2716,
    0x271D, 0x271D, 0x2721, 0x2721, 0x2728, 0x2728, 0x2733, 0x2734, 0x2744, 0x2744,
    0x2747, 0x2747, 0x274C, 0x274C, 0x274E, 0x274E, 0x2753, 0x2755, 0x2757, 0x2757,
    0x2763, 0x2767, 0x2795, 0x2797, 0x27A1, 0x27A1, 0x27B0, 0x27B0, 0x27BF, 0x27BF,
    0x2934, 0x2935, 0x2B05, 0x2B07, 0x2B1B, 0x2B1C, 0x2B50, 0x2B50, 0x2B55, 0x2B55,
    0x3030, 0x3030, 0x303D, 0x303D, 0x3297, 0x3297, 0x3299, 0x3299, 0x1F000, 0x1F0FF,
    0x1F10D, 0x1F10F, 0x1F12F, 0x1F12F, 0x1F16C, 0x1F171, 0x1F17E, 0x1F17F, 0x1F18E, 0x1F18E,
    0x1F191, 0x1F19A, 0x1F1AD, 0x1F1E5, 0x1F201, 0x1F20F, 0x1F21A, 0x1F21A, 0x1F22F, 0x1F22F,
    0x1F232, 0x1F23A, 0x1F23C, 0x1F23F, 0x1F249, 0x1F3FA, 0x1F400, 0x1F53D, 0x1F546, 0x1F64F,
    0x1F680, 0x1F6FF, 0x1F774, 0x1F77F, 0x1F7D5, 0x1F7FF, 0x1F80C, 0x1F80F, 0x1F848, 0x1F84F,
    0x1F85A, 0x1F85F, 0x1F888, 0x1F88F, 0x1F8AE, 0x1F8FF, 0x1F90C, 0x1F93A, 0x1F93C, 0x1F945,
    0x1F947, 0x1FAFF, 0x1FC00, 0x1FFFD,
)  # fmt: skip
_CONTROL = (0x2065, 0x2065, 0xFFF0, 0xFFF8, 0xE0000, 0xE001F, 0xE0080, 0xE00FF, 0xE01F0, 0xE0FFF)

_BY_CATEGORY = {
    "Mn": "extend",
    "Me": "extend",
    "Mc": "spacing",
    "Cc": "control",
    "Cf": "control",
    "Zl": "control",
    "Zp": "control",
    "Cs": "control",
}
_RANGES = (
    (_EXTEND, "extend"),
    (_PREPEND, "prepend"),
    (_NOT_SPACING, "other"),
    (_PICTOGRAPHIC, "pictographic"),
    (_CONTROL, "control"),
    ((0x200D, 0x200D), "joiner"),
    ((0xE33, 0xE33, 0xEB3, 0xEB3), "spacing"),
    ((0x1F1E6, 0x1F1FF), "flag"),
    ((0x1100, 0x115F, 0xA960, 0xA97C), "leading"),
    ((0x1160, 0x11A7, 0xD7B0, 0xD7C6), "vowel"),
    ((0x11A8, 0x11FF, 0xD7CB, 0xD7FB), "trailing"),
)
_NO_BREAK = frozenset(
    {
        ("leading", "leading"), ("leading", "vowel"), ("leading", "syllable"),
        ("leading", "closed"), ("vowel", "vowel"), ("syllable", "vowel"),
        ("vowel", "trailing"), ("syllable", "trailing"), ("trailing", "trailing"),
        ("closed", "trailing"),
    }
)  # fmt: skip


def length(text: str) -> int:
    """Return how many grapheme clusters a text has; linear."""
    if text.isascii():
        return len(text) - text.count("\r\n")
    return len(boundaries(text))


def clusters(text: str) -> list[str]:
    """Return the grapheme clusters of a text, in order; linear."""
    if text.isascii() and "\r" not in text:
        return list(text)
    starts = boundaries(text)
    return [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def boundaries(text: str) -> list[int]:
    """Return where the clusters of a text start."""
    starts: list[int] = []
    previous = ""
    emoji = False  # whether the cluster so far is a pictograph and its modifiers
    flags = 0  # how many regional indicators end the cluster so far
    for at, char in enumerate(text):
        current = _property(char)
        if not _joined(previous, current, emoji=emoji, flags=flags):
            starts.append(at)
            flags = 0
            emoji = False
        emoji = current == "pictographic" or (emoji and current in {"extend", "joiner"})
        flags = flags + 1 if current == "flag" else 0
        previous = current
    return starts


def _joined(previous: str, current: str, *, emoji: bool, flags: int) -> bool:
    """Tell whether there is no break between two code points."""
    if previous == "cr":
        return current == "lf"
    if not previous or previous in {"control", "lf"} or current in {"control", "cr", "lf"}:
        return False
    return (
        current in {"extend", "joiner", "spacing"}
        or previous == "prepend"
        or (previous, current) in _NO_BREAK
        or (emoji and previous == "joiner" and current == "pictographic")
        or (current == "flag" and flags % 2 == 1)
    )


@lru_cache(maxsize=4096)
def _property(char: str) -> str:
    """Return the grapheme break property of a code point, in our words."""
    if " " <= char <= "~":
        return "other"
    if char in "\r\n":
        return "cr" if char == "\r" else "lf"
    point = ord(char)
    if 0xAC00 <= point <= 0xD7A3:  # a Hangul syllable, with or without a trailing consonant
        return "closed" if (point - 0xAC00) % 28 else "syllable"
    for ranges, name in _RANGES:
        at = bisect_right(ranges, point)
        if at % 2 or (at and ranges[at - 1] == point):
            return name
    return _BY_CATEGORY.get(category(char), "other")
