"""One time that a cell is tried: its task, its signs of life, and how it is stopped.

* An attempt can be stopped while its node works for it: while it builds, and while its node keeps
  its result. What follows from a result is not the node's affair, and goes on if that is lost.
* Stopped by `Attempt.evict` is not cancelled: the task goes on, and decides what comes next. If the
  task is cancelled as well, that counts.
* Two attempts at a cell at the same time are rivals: one of them is dropped in the end. What the
  first one tells is held back meanwhile, so that the events of a cell are those of one node.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import TYPE_CHECKING

from bakex.errors import InternalError

if TYPE_CHECKING:
    from bakex.errors import BakexError
    from bakex.events import Event, EventSink
    from bakex.interfaces import Clock
    from bakex.model.plan import Cell


_PAUSE_S = 1.0  # before the second attempt where the node is still there; doubles
_LONGEST_PAUSE_S = 20.0
_MOST_HELD = 20_000  # events; of what is older than that only the last is of interest


class Attempt:
    """A cell that runs, or whose result is kept; an `EventSink` for its events.

    Attributes:
        cell: As it is built: on the node of this attempt.
        number: 1 for the first time.
        started: When it got its slot; seconds of the clock.
        last: When the last event came.
        is_open: It can be stopped.
        is_settled: The cell has a result or has failed; nothing more comes of it.
        is_dropped: Another attempt counts instead.
        evicted: Why it was stopped, if it was.
        rival: Another attempt at the same cell at the same time.
    """

    def __init__(self, cell: Cell, number: int, events: EventSink, clock: Clock) -> None:
        self.cell = cell
        self.number = number
        self.started = self.last = clock.monotonic()
        self.is_open = True
        self.is_settled = False
        self.is_dropped = False
        self.evicted: BakexError | None = None
        self.rival: Attempt | None = None
        self._events = events
        self._clock = clock
        self._held: deque[Event] | None = None
        self._task: asyncio.Task[object] | None = None

    def emit(self, event: Event) -> None:
        """Pass an event on, now or later, and take it for a sign of life."""
        self.last = self._clock.monotonic()
        if self._held is None:
            self._events.emit(event)
        else:
            self._held.append(event)

    def hold(self) -> None:
        """Hold events back from now on."""
        self._held = deque(maxlen=_MOST_HELD)

    def release(self) -> None:
        """Pass on what was held back, and what comes from now on."""
        held, self._held = self._held or (), None
        for event in held:
            self._events.emit(event)

    def begin(self) -> None:
        """Take the current task as the one to stop.

        Raises:
            BakexError: It was stopped before it began.
        """
        self._task = asyncio.current_task()
        if self.evicted is not None:
            raise self.evicted

    def evict(self, reason: BakexError) -> None:
        """Stop it, unless it cannot be stopped (any more) or was stopped before."""
        if self.evicted is None and self.is_open:
            self.evicted = reason
            if self._task is not None:
                self._task.cancel()

    def drop(self) -> Attempt:
        """Let its rival decide, and return that.

        Raises:
            InternalError: It has none.
        """
        other = self.rival
        if other is None:
            raise InternalError(f"{self.cell.id} runs once")
        self.rival = other.rival = None
        self.is_settled = self.is_dropped = True
        return other

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


def pause_s(losses: int) -> float:
    """Return how long to wait where a node is still there; spread, so that not all come at once."""
    spread = random.uniform(0.5, 1)  # noqa: S311 - no secret
    return min(_PAUSE_S * 2.0 ** (losses - 1), _LONGEST_PAUSE_S) * spread
