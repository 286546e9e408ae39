"""One time that a cell is tried: its task, its signs of life, and how it is stopped.

* An attempt can be stopped while its node works for it: while it builds, and while its node keeps
  its result. What follows from a result is not the node's affair, and goes on if that is lost.
* Stopped by `Attempt.evict` is not cancelled: the task goes on, and decides what comes next. If the
  task is cancelled as well, that counts.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakex.errors import BakexError
    from bakex.events import Event, EventSink
    from bakex.interfaces import Clock
    from bakex.model.plan import Cell


class Attempt:
    """A cell that runs, or whose result is kept; an `EventSink` for its events.

    Attributes:
        cell: As it is built: on the node of this attempt.
        number: 1 for the first time.
        started: When it got its slot; seconds of the clock.
        last: When the last event came.
        is_open: It can be stopped.
        is_settled: The cell has a result or has failed; nothing more comes of it.
        evicted: Why it was stopped, if it was.
    """

    def __init__(self, cell: Cell, number: int, events: EventSink, clock: Clock) -> None:
        self.cell = cell
        self.number = number
        self.started = self.last = clock.monotonic()
        self.is_open = True
        self.is_settled = False
        self.evicted: BakexError | None = None
        self._events = events
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def emit(self, event: Event) -> None:
        """Pass an event on and take it for a sign of life."""
        self.last = self._clock.monotonic()
        self._events.emit(event)

    def run_in(self, task: asyncio.Task[None]) -> None:
        """Name the task to stop."""
        self._task = task

    def evict(self, reason: BakexError) -> None:
        """Stop it, unless it cannot be stopped (any more) or was stopped before."""
        if self.evicted is None and self.is_open and self._task is not None:
            self.evicted = reason
            self._task.cancel()

    def close(self, error: BaseException) -> BaseException:
        """Return why the attempt ended; from now on it cannot be stopped.

        Args:
            error: What its task was thrown; `CancelledError` is returned only if it was cancelled.
        """
        self.is_open = False
        if self._task is None:
            return error
        if self.evicted is not None:
            left = self._task.uncancel()
            return asyncio.CancelledError() if left else self.evicted
        return asyncio.CancelledError() if self._task.cancelling() else error
