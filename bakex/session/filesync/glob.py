r"""Go's ``filepath.Match`` patterns: their syntax, and matching of one path component.

``*`` any characters, ``?`` one character, ``[a-z]`` and ``[^a-z]`` classes, ``\x`` the character
x; nothing crosses a slash. A class must not be empty, and ``]`` and ``-`` in it need a backslash.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class PatternError(ValueError):
    """A pattern is malformed; translated by whoever got the pattern from outside."""


def check(pattern: str) -> None:
    """Check the syntax.

    Raises:
        PatternError: A class is empty or not closed, or a backslash is the last character.
    """
    _segments(pattern)


def compiled(pattern: str) -> Callable[[str], bool]:
    """Return a test whether a whole name is described by the pattern; linear in the name.

    Raises:
        PatternError: The pattern is malformed.
    """
    first, *rest = _segments(pattern)
    regex = first
    if rest:
        # What a star covers need not be reconsidered once the fixed part behind it was found,
        # except at the end: atomic groups say so, and many stars stay cheap.
        *middle, last = rest
        regex += "".join(f"(?>[^/]*?{part})" for part in middle) + f"[^/]*{last}"
    fullmatch = re.compile(regex, re.DOTALL).fullmatch
    return lambda name: fullmatch(name) is not None


def has_wildcards(name: str) -> bool:
    """Return whether a name contains an unescaped ``*``, ``?`` or ``[``."""
    return re.search(r"[*?\[]", re.sub(r"\\.", "", name, flags=re.DOTALL)) is not None


def _segments(pattern: str) -> list[str]:
    """Return regular expressions for what is before, between and after the stars."""
    segments = [""]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "*":
            segments.append("")
            at += 1
        elif char == "?":
            segments[-1] += "[^/]"
            at += 1
        elif char == "[":
            part, at = _class(pattern, at + 1)
            segments[-1] += part
        else:
            char, at = _escaped(pattern, at)
            segments[-1] += re.escape(char)
    return segments


def _escaped(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at] != "\\":
        return pattern[at], at + 1
    if at + 1 == len(pattern):
        raise PatternError(f"pattern {pattern!r} ends with a backslash")
    return pattern[at + 1], at + 2


def _class(pattern: str, at: int) -> tuple[str, int]:
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[tuple[str, str]] = []
    while not (ranges and pattern[at] == "]"):
        low, at = _member(pattern, at)
        high = low
        if pattern[at] == "-":
            high, at = _member(pattern, at + 1)
        ranges.append((low, high))
    # Go accepts a range that runs backwards; nothing is in it.
    inside = "".join(f"{re.escape(a)}-{re.escape(b)}" for a, b in ranges if a <= b)
    if not inside:
        return ("." if negated else "(?!)"), at + 1
    return f"[{'^' if negated else ''}{inside}]", at + 1


def _member(pattern: str, at: int) -> tuple[str, int]:
    if at >= len(pattern) or pattern[at] in "-]":
        raise PatternError(f"pattern {pattern!r} has a malformed character class")
    char, at = _escaped(pattern, at)
    if at >= len(pattern):
        raise PatternError(f"pattern {pattern!r} has a character class without an end")
    return char, at
