"""All independent faults of some files at once, instead of the first one only.

Evaluation goes on behind a fault. What fails only because something else has failed says nothing
new and is dropped: it raises the same fault at the same place, or one that was caused by it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from bakex.bake.values.problems import LimitError
from bakex.errors import CycleError, DefinitionError

if TYPE_CHECKING:
    from collections.abc import Generator

    from bakex.diagnostics import Diagnostic

MAX_FINDINGS = 100  # behind that many faults nobody reads on


class Findings:
    """Faults in the order in which they were met; the first is what the caller is told first."""

    def __init__(self) -> None:
        self._errors: list[DefinitionError] = []
        self._known: set[object] = set()

    def __bool__(self) -> bool:
        return bool(self._errors)

    @contextmanager
    def gathering(self) -> Generator[None]:
        """Keep the fault of what is done inside, and go on behind it.

        Raises:
            DefinitionError: Going on makes no sense: the files need more work than is allowed.
        """
        try:
            yield
        except DefinitionError as error:
            self.add(error)

    def add(self, error: DefinitionError) -> None:
        """Keep a fault, unless it is known or follows from a known one."""
        identity = _identity(error)
        follows = any(_identity(cause) in self._known for cause in _causes(error))
        if identity not in self._known and not follows and len(self._errors) < MAX_FINDINGS:
            self._errors.append(error)
        self._known.add(identity)
        if isinstance(error, LimitError):
            self.settle()
            raise error  # settled already, by the gathering inside this one

    def settle(self) -> None:
        """Raise what was found, if anything.

        Raises:
            DefinitionError: The first fault; it carries the others.
        """
        if not self._errors:
            return
        first, *rest = self._errors
        others: list[Diagnostic] = [found for error in rest for found in error.diagnostics()]
        self._errors = []
        first.more = (*first.more, *others)
        raise first


def _identity(error: DefinitionError) -> object:
    if isinstance(error, CycleError) and error.members:
        return error.members
    return error.span, error.summary


def _causes(error: BaseException) -> Generator[DefinitionError]:
    while error.__cause__ is not None:
        error = error.__cause__
        if isinstance(error, DefinitionError):
            yield error
