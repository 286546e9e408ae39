"""What goes wrong with the records of runs: they do not belong together, or do not suffice."""

from __future__ import annotations

from bakex.errors.base import BakexError


class RevisionMismatchError(BakexError):
    """Parts of a bake were built from different commits."""

    code = "BX5601"
    exit_code = 8


class ConflictingResultsError(BakexError):
    """Two records have different results for one cell."""

    code = "BX5603"
    exit_code = 8


class IncompleteResultError(BakexError):
    """Results that are needed are in no record."""

    code = "BX5602"
    exit_code = 9
