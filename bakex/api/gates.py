"""Gates in a run: which failures it survives, and what is not published because of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.errors import BlockedError
from bakex.events import TargetBlocked
from bakex.model.publication import blocked_by
from bakex.plan.gates import blocking, dispensable

if TYPE_CHECKING:
    from collections.abc import Collection

    from bakex.errors import BakexError
    from bakex.events import EventSink
    from bakex.interfaces import Clock
    from bakex.model.plan import Cell, CellId, Plan
    from bakex.model.publication import Report


class Gates:
    """The gates of one run.

    Attributes:
        failures: The cells that failed without ending the run, with their errors.
        blocked: What is not published -> the cells because of which it is not; complete after
            `settle`.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._dispensable = dispensable(plan)
        self.failures: dict[CellId, BakexError] = {}
        self.blocked: dict[str, tuple[CellId, ...]] = {}

    def tolerates(self, cell: Cell, error: BakexError) -> bool:
        """Return whether the run goes on although a cell failed, and remember that it did."""
        if cell.id not in self._dispensable:
            return False
        self.failures[cell.id] = error
        return True

    def settle(self, done: Collection[CellId], events: EventSink, clock: Clock) -> tuple[str, ...]:
        """Find out what is blocked, when every cell has ended, and tell.

        Args:
            done: The cells that have a result.
            events: Gets a `TargetBlocked` for each target that is.
            clock: Dates the events.

        Returns:
            The requested targets that may be published.
        """
        for name in self._plan.requested:
            by = blocking(self._plan, name, done, self.failures)
            if by:
                self.blocked[name] = by
                events.emit(TargetBlocked(at=clock.now(), target=name, by=by))
        return tuple(name for name in self._plan.requested if name not in self.blocked)

    @property
    def lines(self) -> list[str]:
        """One line about each target that is blocked."""
        return [f"{name}: {blocked_by(name, by)}" for name, by in self.blocked.items()]

    def verdict(self, report: Report) -> Report:
        """Return the report of a run if no gate failed.

        Raises:
            BlockedError: Some did; carries their failures and the report.
        """
        if not self.failures:
            return report
        count, total = len(self.blocked), len(self._plan.requested)
        rest = "What does not depend on the gates was published." if count < total else ""
        error = BlockedError(
            f"{count} of {total} targets not published",
            detail="\n".join(filter(None, [*self.lines, rest])),
            hint="mend what the gates found, and bake again: finished steps are cached",
        )
        error.causes = [self.failures[c.id] for c in self._plan.cells if c.id in self.failures]
        error.report = report
        raise error
