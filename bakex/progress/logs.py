"""The log of a step: the same bytes from several cells become one log, chunks become lines."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.model.plan import CellId

MAX_LINE = 16 * 1024  # bytes; a longer line is broken, so that no step can fill the memory
TAIL = 50  # complete lines kept for the screen


class StepLog:
    """The log of one step.

    A step that several cells share is reported to each of them, from its beginning (BuildKit
    replays it to a build that joins late). So what a cell delivers is the same log again: only
    bytes behind the furthest position that any cell has reached are new.

    Attributes:
        tail: The last complete lines, without their line ends.
    """

    __slots__ = ("_partial", "_positions", "_reached", "tail")

    def __init__(self) -> None:
        self.tail: deque[bytes] = deque(maxlen=TAIL)
        self._partial = b""
        self._positions: dict[CellId, int] = {}
        self._reached = 0

    @property
    def partial(self) -> bytes:
        """The last line as far as it is known; it has no line end yet."""
        return self._partial

    def restart(self) -> None:
        """Forget the positions: the step runs again and writes a new log."""
        self._positions.clear()
        self._reached = 0

    def fresh(self, cell: CellId, data: bytes) -> bytes:
        """Return the part of what a cell delivered that no cell delivered before."""
        position = self.skip(cell, len(data), reached=False)
        new = position - self._reached
        if new <= 0:
            return b""
        self._reached = position
        return data[-new:] if new < len(data) else data

    def skip(self, cell: CellId, amount: int, *, reached: bool = True) -> int:
        """Move a cell's position over bytes that will not be delivered; return the position."""
        position = self._positions.get(cell, 0) + amount
        self._positions[cell] = position
        if reached:
            self._reached = max(self._reached, position)
        return position

    def write(self, data: bytes) -> Sequence[bytes]:
        """Add bytes and return the lines that they complete."""
        *lines, rest = (self._partial + data).split(b"\n")
        complete = [piece for line in lines for piece in _pieces(line.removesuffix(b"\r"))]
        while len(rest) > MAX_LINE:
            complete.append(rest[:MAX_LINE])
            rest = rest[MAX_LINE:]
        self._partial = rest
        self.tail.extend(complete)
        return complete

    def flush(self) -> Sequence[bytes]:
        """Return the unfinished last line, if there is one, and regard it as complete."""
        if not self._partial:
            return ()
        line, self._partial = self._partial.removesuffix(b"\r"), b""
        self.tail.append(line)
        return (line,)


def _pieces(line: bytes) -> Sequence[bytes]:
    if len(line) <= MAX_LINE:
        return (line,)
    return [line[start : start + MAX_LINE] for start in range(0, len(line), MAX_LINE)]
