"""Second attempts at cells that are emulated and take long, on native nodes that are free.

* A cell is worth one when its attempt has taken as long as it is expected to take natively: then
  the second one ends, as expected, before twice of that has passed, whatever the first one does.
* Only what two nodes can hand over at the same time without getting into each other's way is built
  twice: images by digest, and nothing at all. Files and archives have one place.
* Each cell is raced once at most in a run.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bakex.events import RaceEnded
from bakex.model.node import Speed
from bakex.model.result import PushImage, SaveImage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bakex.interfaces import Clock
    from bakex.model.plan import Cell, CellId
    from bakex.model.result import ExportRequest
    from bakex.run.attempt import Attempt

LEAST_S = 30.0  # what is over sooner is not worth a second attempt


class Races:
    """Knows which attempts are worth a second one.

    Args:
        exports: Cell -> what its node must hand over.
        natively: How many seconds a cell is expected to take on a native node; 0 if unknown.
        clock: Tells how long attempts have taken.
    """

    def __init__(
        self,
        exports: Callable[[Cell], Sequence[ExportRequest]],
        natively: Callable[[Cell], float],
        clock: Clock,
    ) -> None:
        self._exports = exports
        self._natively = natively
        self._clock = clock
        self._raced: set[CellId] = set()

    def due(self, attempts: Iterable[Attempt]) -> list[Attempt]:
        """Return those of the running attempts that are worth a second one now."""
        return [one for one in attempts if self._is_due(one)]

    def begin(self, first: Attempt, second: Attempt) -> None:
        """Have two attempts run against each other."""
        self._raced.add(first.cell.id)
        first.rival, second.rival = second, first
        first.hold()

    def end(self, dropped: Attempt, left: Attempt, reason: str) -> RaceEnded:
        """Return the event that tells which of two attempts does not count, and why."""
        now = self._clock.now()
        return RaceEnded(
            at=now,
            cell=dropped.cell.id,
            attempt=dropped.number,
            node=dropped.cell.node,
            reason=reason,
            left=left.cell.node,
            since=now - timedelta(seconds=self._clock.monotonic() - left.started),
        )

    def _is_due(self, one: Attempt) -> bool:
        cell = one.cell
        if cell.speed is not Speed.EMULATED or cell.id in self._raced:
            return False
        if one.is_settled or not one.is_open or one.evicted is not None:
            return False
        if self._clock.monotonic() - one.started < max(LEAST_S, self._natively(cell)):
            return False
        return all(isinstance(item, PushImage | SaveImage) for item in self._exports(cell))
