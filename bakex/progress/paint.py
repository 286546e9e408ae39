"""The live view as lines of text: a pure function of the state, the room and the time.

From top to bottom: a heading; a line for each target with its platforms; the steps, those that run
with the end of their log. When room is short, steps that ended give way first, the oldest ones
first, then logs, then the steps that started first; failed steps stay longest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.model.node import Speed
from bakex.progress.step import Status
from bakex.progress.text import clean, count, cut, decode, seconds, size, width

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from bakex.events import TransferMoved
    from bakex.progress.state import CellState, RunState
    from bakex.progress.step import Step

_TAIL = 6  # lines of a running step's log
_TRANSFERS = 4  # transfers of a running step
_ENDED_SHARE = 3  # steps that ended get at least one line in so many of what running ones leave
_BOARD_SHARE = 3  # the targets get at most one line in so many

# SGR parameters (ECMA-48) of a whole row.
_COLOURS = {
    Status.RUNNING: "",
    Status.WAITING: "2",
    Status.DONE: "34",
    Status.CACHED: "36",
    Status.FAILED: "31",
    Status.CANCELLED: "33",
}
_FAINT = "2"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the view.

    Attributes:
        text: What it says; contains no control characters.
        colour: SGR parameters of the whole line, if colours are wanted; empty for none.
    """

    text: str
    colour: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    left: str
    right: str = ""
    colour: str = ""


def paint(state: RunState, *, columns: int, rows: int, now: datetime) -> Sequence[Line]:
    """Return at most `rows` lines, none wider than `columns`."""
    room = max(1, rows)
    board = _board(state, now)
    if len(board) > room // _BOARD_SHARE:
        board = _short_board(state)
    heading = [_heading(state, now), *board][:room]
    painted = [*heading, *_steps(state, room - len(heading), now)]
    return [Line(_fit(row, columns), row.colour) for row in painted]


def _fit(row: _Row, columns: int) -> str:
    if not row.right:
        return cut(row.left, columns)
    left = cut(row.left, columns - len(row.right) - 1)
    gap = " " * max(1, columns - width(left) - len(row.right))
    # A terminal can be narrower than a duration; even then nothing may wrap.
    return cut(f"{left}{gap}{row.right}", columns)


def _heading(state: RunState, now: datetime) -> _Row:
    cells, steps = state.cells.values(), state.steps.values()
    verb = {None: "building", True: "done", False: "failed"}[state.ok]
    endings = {cell.status for cell in cells}
    if state.ok is False and Status.CANCELLED in endings and Status.FAILED not in endings:
        verb = "stopped"
    facts: list[str] = []
    if cells:
        over = sum(cell.status.is_over for cell in cells)
        facts.append(f"{over}/{count(len(cells), 'cell')}")
    if steps:
        over = sum(step.status.is_over for step in steps)
        facts.append(f"{over}/{count(len(steps), 'step')}")
    if state.warnings:
        facts.append(count(len(state.warnings), "warning"))
    colour = {None: "1", True: "1;34", False: "1;31"}[state.ok]
    words = [f"[+] {verb}", seconds(state.elapsed_s(now)), ", ".join(facts)]
    return _Row(left=" ".join(word for word in words if word), colour=colour)


def _board(state: RunState, now: datetime) -> list[_Row]:
    targets: dict[str, list[CellState]] = {}
    for cell in state.cells.values():
        targets.setdefault(cell.id.target, []).append(cell)
    longest = max((width(name) for name in targets), default=0)
    return [
        _Row(left=f" {name.ljust(longest)}  {'  '.join(_cell(cell, now) for cell in cells)}")
        for name, cells in targets.items()
    ]


def _cell(cell: CellState, now: datetime) -> str:
    where = f"{cell.id.platform}{' (emulated)' if cell.speed is Speed.EMULATED else ''}"
    match cell.status:
        case Status.RUNNING:
            over, known = cell.counts()
            return f"{where} {over}/{known}"
        case Status.DONE:
            return f"{where} done {seconds(cell.elapsed_s(now))}"
        case status:
            return f"{where} {status.value}"


def _short_board(state: RunState) -> list[_Row]:
    statuses = [cell.status for cell in state.cells.values()]
    found = {status: statuses.count(status) for status in Status if status in statuses}
    words = ", ".join(f"{number} {status.value}" for status, number in found.items())
    return [_Row(left=f" cells: {words}")]


def _steps(state: RunState, room: int, now: datetime) -> list[_Row]:
    urgent = [step for step in state.shown if step.status in {Status.RUNNING, Status.FAILED}]
    ended = len(state.shown) - len(urgent)
    spare = max(0, room - len(urgent))
    tails = _tails(urgent, spare - min(ended, spare // _ENDED_SHARE))
    chosen = _chosen(state.shown, room - sum(map(len, tails.values())))
    painted: list[_Row] = []
    for step in chosen:
        painted += [_step(state, step, now), *tails.get(step.number, ())]
    return painted


def _tails(urgent: Sequence[Step], room: int) -> Mapping[int, Sequence[_Row]]:
    """Return the last lines of running steps by step number, all together at most `room` lines."""
    running = [step for step in urgent if step.status is Status.RUNNING]
    found: dict[int, Sequence[_Row]] = {}
    for index, step in enumerate(running):
        # Shared out evenly; the last ones get what the first ones did not use.
        found[step.number] = _tail(step, room // (len(running) - index))
        room -= len(found[step.number])
    return found


def _chosen(shown: Sequence[Step], room: int) -> Sequence[Step]:
    """Return the steps to show, in the order in which they started: the most telling ones."""
    order = {Status.FAILED: 0, Status.RUNNING: 1}
    by_weight = sorted(shown, key=lambda step: (order.get(step.status, 2), -step.number))
    return sorted(by_weight[: max(0, room)], key=lambda step: step.number)


def _step(state: RunState, step: Step, now: datetime) -> _Row:
    word = {
        Status.CACHED: "CACHED ",
        Status.FAILED: "ERROR ",
        Status.CANCELLED: "CANCELLED ",
    }.get(step.status, "")
    return _Row(
        left=f" => {word}{clean(state.label(step))}",
        right=seconds(step.elapsed_s(now)),
        colour=_COLOURS[step.status],
    )


def _tail(step: Step, room: int) -> list[_Row]:
    moving = [move for move in step.transfers.values() if move.completed is None]
    lines = [_transfer(move) for move in moving[-_TRANSFERS:]]
    lines.extend(_last(_written(step), _TAIL))
    return [_Row(left=f" => => {line}", colour=_FAINT) for line in _last(lines, room)]


def _last(lines: Iterable[str], number: int) -> Sequence[str]:
    return list(lines)[-number:] if number > 0 else []


def _written(step: Step) -> Iterable[str]:
    lines = [*step.log.tail][-_TAIL:]
    if step.log.partial:
        lines.append(step.log.partial)
    return (decode(line) for line in lines)


def _transfer(move: TransferMoved) -> str:
    if move.total:
        share = f" {100 * move.current // move.total}%" if move.current <= move.total else ""
        return f"{clean(move.id)} {size(move.current)} / {size(move.total)}{share}"
    return f"{clean(move.id)} {size(move.current)}" if move.current else clean(move.id)
