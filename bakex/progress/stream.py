"""The event stream: one producer side, any number of readers, none of which can hold up a build.

* `EventStream.emit` copies a reference into each reader's queue and returns; it never waits for a
  reader and never raises. It may be called from any thread.
* Of a transfer only the newest position waits in a queue. Log bytes are kept up to a limit; beyond
  it they are counted and a `LogsDropped` takes their place.
* Everything else is kept: there are only as many cells and steps as the build has. Should a daemon
  repeat itself without end, only the newest state of each step waits.
"""

from __future__ import annotations

from threading import Condition
from typing import TYPE_CHECKING

from bakex.events import LogWritten, StepChanged, TransferMoved, WarningRaised
from bakex.progress.delivery import LogsDropped, Notice

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from bakex.events import Event
    from bakex.progress.delivery import Delivery

MAX_LOG_BYTES = 16 * 1024 * 1024  # waiting for one reader
MAX_ITEMS = 20_000  # waiting for one reader; beyond it, steps are coalesced and warnings dropped
_OVERHEAD = 200  # bytes that an event costs beside its data


class Subscription:
    """One reader's queue. `take` is for one thread, `put` and `close` are for any."""

    def __init__(self, *, max_log_bytes: int = MAX_LOG_BYTES, max_items: int = MAX_ITEMS) -> None:
        self._max_log_bytes = max_log_bytes
        self._max_items = max_items
        self._waiting: list[Delivery] = []
        self._places: dict[Hashable, int] = {}
        self._log_bytes = 0
        self._closed = False
        self._changed = Condition()

    def put(self, item: Delivery) -> None:
        """Add an item; nothing happens after `close`."""
        with self._changed:
            if self._closed:
                return
            match item:
                case TransferMoved():
                    self._replace(("transfer", item.cell, item.step, item.id), item)
                case LogWritten():
                    self._log(item)
                case StepChanged() if len(self._waiting) >= self._max_items:
                    self._replace(("step", item.cell, item.step), item)
                case WarningRaised() if len(self._waiting) >= self._max_items:
                    pass
                case _:
                    self._waiting.append(item)
            self._changed.notify()

    def take(self, timeout_s: float | None = None) -> Sequence[Delivery] | None:
        """Return everything that waits, in order.

        Args:
            timeout_s: How long to wait for the first item; None for as long as it takes.

        Returns:
            An empty sequence after the timeout; None when closed and nothing is left.
        """
        with self._changed:
            if not self._waiting and not self._closed:
                self._changed.wait(timeout_s)
            if not self._waiting and self._closed:
                return None
            taken, self._waiting = self._waiting, []
            self._places.clear()
            self._log_bytes = 0
            return taken

    def close(self) -> None:
        """Let `take` return None once all is taken; safe to repeat."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _replace(self, key: Hashable, item: Delivery) -> None:
        place = self._places.get(key)
        if place is None:
            self._places[key] = len(self._waiting)
            self._waiting.append(item)
        else:
            self._waiting[place] = item

    def _log(self, item: LogWritten) -> None:
        key = ("log", item.cell, item.step)
        place = self._places.get(key)
        cost = len(item.data) + _OVERHEAD
        if place is None and self._log_bytes + cost <= self._max_log_bytes:
            self._log_bytes += cost
            self._waiting.append(item)
            return
        # Once a gap is open, everything of this log goes into it until the reader takes it: the
        # gap is in one place, and what follows it is in order.
        count = len(item.data)
        if place is not None and isinstance(gap := self._waiting[place], LogsDropped):
            count += gap.count
        self._replace(key, LogsDropped(cell=item.cell, step=item.step, count=count))


class EventStream:
    """An `EventSink` that fans out to its readers."""

    def __init__(self) -> None:
        self._readers: tuple[Subscription, ...] = ()

    def subscribe(self, reader: Subscription | None = None) -> Subscription:
        """Add a reader; it gets what is emitted from now on."""
        reader = reader or Subscription()
        self._readers = (*self._readers, reader)
        return reader

    def emit(self, event: Event) -> None:
        """Hand an event to every reader; returns at once and raises nothing."""
        for reader in self._readers:
            reader.put(event)

    def notice(self, text: str) -> None:
        """Show a line to every reader.

        Not for signal handlers: one may interrupt an `emit` that holds the lock. Call it from the
        event loop.
        """
        for reader in self._readers:
            reader.put(Notice(text=text))

    def close(self) -> None:
        """Let every reader end once it has taken all; safe to repeat."""
        for reader in self._readers:
            reader.close()
