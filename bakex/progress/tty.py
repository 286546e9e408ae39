"""The live view: a block of lines at the bottom of the terminal, repainted ten times a second.

This module only moves the cursor; what is in the block is `bakex.progress.paint`'s business.

* The block is never taller than the terminal, and its lines never wrap, so the cursor finds back.
* The cursor is hidden while the block is live. `close` shows it again, and so does `restore`, which
  may be called from anywhere, a signal handler included.
* What must stay readable (notices, warnings, publications) is written above the block.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, TextIO

from bakex.diagnostics import render
from bakex.events import (
    CellRetried,
    ImageVerified,
    NodeChosen,
    NodeLost,
    NodeReturned,
    Published,
    RaceEnded,
    RunFinished,
    TargetBlocked,
    WarningRaised,
)
from bakex.progress.delivery import Notice
from bakex.progress.emulation import advice
from bakex.progress.paint import paint
from bakex.progress.report import outcome
from bakex.progress.state import RunState
from bakex.progress.text import clean, width

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from bakex.progress.delivery import Delivery
    from bakex.progress.paint import Line

_HIDE, _SHOW, _PLAIN = "\x1b[?25l", "\x1b[?25h", "\x1b[0m"
_CLEAR_LINE, _CLEAR_BELOW = "\x1b[K", "\x1b[J"
_INTERVAL = timedelta(milliseconds=100)


def restore(descriptor: int) -> None:
    """Make the terminal usable again after a live view that could not be closed.

    Safe in signal handlers and safe to repeat; raises nothing.
    """
    try:
        os.write(descriptor, f"{_PLAIN}{_SHOW}\r\n".encode())
    except OSError:
        return


class Tty:
    """Implements `bakex.progress.display.Display`."""

    interval_s: float | None = _INTERVAL.total_seconds()

    def __init__(
        self,
        out: TextIO,
        *,
        size: Callable[[], tuple[int, int]],
        now: Callable[[], datetime],
        colour: bool = True,
    ) -> None:
        """Make a view; nothing is written before the first `update`.

        Args:
            out: The terminal.
            size: Returns its columns and rows, asked before each frame.
            now: The wall clock.
            colour: Whether colours may be used.
        """
        self._out = out
        self._size = size
        self._now = now
        self._colour = colour
        self._state = RunState()
        self._painted: Sequence[Line] = ()
        self._painted_at: datetime | None = None
        self._closed = False

    def update(self, batch: Sequence[Delivery]) -> None:
        """Take events in, and repaint if it is time to."""
        above = [line for item in batch for line in self._above(item)]
        now = self._now()
        if above or self._painted_at is None or now - self._painted_at >= _INTERVAL:
            self._repaint(above, now)

    def close(self) -> None:
        """Paint a last time, leave the block where it is and show the cursor."""
        if self._closed:
            return
        self._closed = True
        if self._painted_at is not None:
            self._repaint((), self._now())
            self._out.write(_SHOW)
            self._out.flush()

    def _above(self, item: Delivery) -> Iterator[str]:
        if isinstance(item, Notice):
            yield item.text
            return
        change = self._state.apply(item)
        match item:
            case NodeChosen() if item.note:
                yield f"note: {item.note}"
            case WarningRaised() if change.is_new:
                yield from render(item.diagnostic).split("\n")
            case (
                Published()
                | TargetBlocked()
                | CellRetried()
                | RaceEnded()
                | NodeLost()
                | NodeReturned()
                | ImageVerified()
            ):
                yield outcome(item)
            case RunFinished():
                yield from advice(self._state, item.at)
            case _:
                pass

    def _repaint(self, above: Sequence[str], now: datetime) -> None:
        columns, rows = self._size()
        # One row is for the cursor, which rests below the block.
        frame = paint(self._state, columns=columns, rows=rows - 1, now=now)
        text = [_HIDE if self._painted_at is None else "", self._back(columns)]
        if above:  # these lines may be long and wrap over what is there
            text.append(_CLEAR_BELOW)
            text.extend(f"{clean(line)}\n" for line in above)
        text.extend(f"{_CLEAR_LINE}{self._styled(line)}\n" for line in frame)
        text.append(_CLEAR_BELOW)
        self._out.write("".join(text))
        self._out.flush()
        self._painted, self._painted_at = frame, now

    def _back(self, columns: int) -> str:
        """Return what moves the cursor to the first line of the block.

        If the terminal became narrower, it has wrapped the block's lines and they take more rows.
        """
        rows = sum(max(1, -(-width(line.text) // max(1, columns))) for line in self._painted)
        return f"\x1b[{rows}A\r" if rows else "\r"

    def _styled(self, line: Line) -> str:
        if not (self._colour and line.colour):
            return line.text
        return f"\x1b[{line.colour}m{line.text}{_PLAIN}"
