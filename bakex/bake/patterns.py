"""Patterns over names: ``*``, ``?`` and ``[a-c]``, by the rules of Go's ``path.Match``."""

from __future__ import annotations

import re

_MAGIC = frozenset("*?[")


class PatternError(ValueError):
    """The pattern is malformed."""


def is_pattern(text: str) -> bool:
    """Return whether a name contains ``*``, ``?`` or ``[``."""
    return not _MAGIC.isdisjoint(text)


def compiled(pattern: str) -> re.Pattern[str]:
    """Return the regular expression whose `fullmatch` is the pattern's.

    A backslash takes the next character literally; ``*`` and ``?`` do not match a slash.

    Raises:
        PatternError: An unclosed class, an empty range or a backslash at the end.
    """
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "[":
            part, position = _class(pattern, position + 1)
            parts.append(part)
            continue
        if character == "\\":
            position += 1
            if position == len(pattern):
                raise PatternError(pattern)
            parts.append(re.escape(pattern[position]))
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(character) or re.escape(character))
        position += 1
    return re.compile("".join(parts), re.DOTALL)


def _class(pattern: str, position: int) -> tuple[str, int]:
    negated = pattern.startswith("^", position)
    position += negated
    ranges: list[str] = []
    # A bracket may come first only behind a backslash: an empty class is malformed.
    while not (ranges and pattern.startswith("]", position)):
        low, position = _member(pattern, position)
        high = low
        if pattern.startswith("-", position):
            high, position = _member(pattern, position + 1)
        # An empty range is no error: it matches nothing, like a class without members.
        ranges.append(f"{re.escape(low)}-{re.escape(high)}" if low <= high else "")
    body = "".join(ranges)
    if not body:
        return (r"[\s\S]" if negated else r"(?!)"), position + 1
    return f"[{'^' if negated else ''}{body}]", position + 1


def _member(pattern: str, position: int) -> tuple[str, int]:
    escaped = pattern.startswith("\\", position)
    position += escaped
    if position >= len(pattern) or (not escaped and pattern[position] in "-]"):
        raise PatternError(pattern)
    return pattern[position], position + 1
