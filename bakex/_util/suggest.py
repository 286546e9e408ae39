"""Did you mean: the nearest of some names, always the same one for the same names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 64


def closest(word: str, candidates: Iterable[str], *, limit: int = 2) -> str | None:
    """Return the candidate with the fewest edits to `word`, the first alphabetically if several.

    Args:
        word: What was written.
        candidates: What there is; the order does not matter.
        limit: The most edits (insert, delete, replace one character) that still count as a slip.

    Nothing is near to a word of more than 64 characters: nobody mistypes one, and comparing takes
    time that grows with the square of the length.
    """
    if len(word) > _LONGEST:
        return None
    best: tuple[int, str] | None = None
    for candidate in sorted(set(candidates)):
        if abs(len(candidate) - len(word)) > limit:
            continue
        edits = distance(word, candidate)
        if edits <= limit and (best is None or edits < best[0]):
            best = (edits, candidate)
    return best[1] if best else None


def distance(left: str, right: str) -> int:
    """Return the Levenshtein distance in characters."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(right, start=1):
            diagonal, row[j] = (
                row[j],
                min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b)),
            )
    return row[-1]
