"""Hints for mistyped names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex._util.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 100  # characters; comparing takes the square of it
_SHORT = 3  # names up to this long may be one edit off only: two of three would be anything


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return a hint that names the candidate nearest to a name; empty if none is near."""
    if len(name) > _LONGEST:
        return ""
    near = closest(name, candidates, limit=1 if len(name) <= _SHORT else 2)
    return f'did you mean "{near}"?' if near else ""
