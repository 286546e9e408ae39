"""Progress line by line, for logs and pipes; in the form of BuildKit's plain mode.

* Every line is whole and begins with the number of its step, so lines of steps that run at the same
  time can stand among one another. ``#0`` is the run itself.
* A step has a heading when it starts, its log with the seconds since then, and an end. The end
  waits for a moment: BuildKit reports many steps in several short runs, which are one to a reader.
  A line that a step began but did not end is written when the step ends.
* A transfer gets a line when 5 % or 5 seconds passed, and when it is complete (BuildKit
  util/progress/progressui/printer.go).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TextIO, assert_never

from bakex.diagnostics import render
from bakex.events import (
    CellFinished,
    CellRetried,
    CellStarted,
    ImageVerified,
    LogWritten,
    NodeChosen,
    NodeLost,
    NodeReturned,
    PlanReady,
    Published,
    RaceEnded,
    RunFinished,
    StepChanged,
    TargetBlocked,
    TransferMoved,
    WarningRaised,
)
from bakex.model.node import Speed
from bakex.progress.delivery import LogsDropped, Notice
from bakex.progress.emulation import advice
from bakex.progress.report import outcome
from bakex.progress.state import RunState
from bakex.progress.step import CANCELLED, Status
from bakex.progress.text import clean, decode, seconds, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from bakex.events import Event
    from bakex.progress.delivery import Delivery
    from bakex.progress.state import Change
    from bakex.progress.step import Step

_SHARE = 0.05
_PAUSE_S = 5.0
_PATIENCE = timedelta(milliseconds=150)


class Plain:
    """Implements `bakex.progress.display.Display`."""

    interval_s: float | None = _PATIENCE.total_seconds()

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._ended: dict[int, tuple[Step, datetime]] = {}
        self._state = RunState()
        self._headed: set[int] = set()
        self._moved: dict[tuple[int, str], TransferMoved] = {}

    def update(self, batch: Sequence[Delivery]) -> None:
        """Write the lines of a batch in one go."""
        lines = [line for item in batch for line in self._lines(item)]
        if not batch:  # nothing happened for as long as an end waits
            lines.extend(self._endings(None))
        self._write(lines)

    def close(self) -> None:
        """Write what was waiting: ends, and the beginnings of lines that steps left unfinished."""
        lines = list(self._endings(None))
        for step in self._state.shown:
            lines.extend(_log(step, step.log.flush(), None))
        self._write(lines)

    def _write(self, lines: Sequence[str]) -> None:
        if lines:
            self._out.write("".join(f"{line}\n" for line in lines))
            self._out.flush()

    def _lines(self, item: Delivery) -> Iterator[str]:
        if isinstance(item, Notice):
            yield f"#0 {item.text}"
            return
        change = self._state.apply(item)
        step = change.step
        if not isinstance(item, LogsDropped):
            yield from self._endings(item.at, step)
            if step is None:
                yield from _of_run(item, change)
            if isinstance(item, CellStarted):
                yield self._started(item)
            if isinstance(item, RunFinished):
                yield from (f"#0 {line}" for line in advice(self._state, item.at))
        if step is not None and step.number:  # without a number it has not started
            yield from self._heading(step)
            yield from self._of_step(step, item, change)

    def _started(self, event: CellStarted) -> str:
        """Say where a cell is built, which may be another node than the one that was planned."""
        speed = self._state.cells[event.cell].speed
        how = f" ({speed})" if speed else ""
        beside = f", besides {event.beside}" if event.beside is not None else ""
        return f"#0 {event.cell.target} {event.cell.platform} on {event.node}{how}{beside}"

    def _of_step(self, step: Step, item: Event | LogsDropped, change: Change) -> Iterator[str]:
        match item:
            case LogsDropped():
                yield from _log(step, change.lines, None)
                yield f"#{step.number} [{size(item.count)} of output not shown]"
            case LogWritten():
                yield from _log(step, change.lines, item.at)
            case StepChanged():
                yield from _log(step, change.lines, item.at)
                self._note_end(step, change, item.at)
            case TransferMoved() if change.is_new:
                yield from self._transfer(step, item)
            case _:
                pass

    def _heading(self, step: Step) -> Iterator[str]:
        if step.number not in self._headed:
            self._headed.add(step.number)
            yield f"#{step.number} {clean(self._state.label(step))}"

    def _note_end(self, step: Step, change: Change, at: datetime) -> None:
        if not step.status.is_over:
            self._ended.pop(step.number, None)
        elif step.status is not change.before:
            self._ended[step.number] = (step, at)

    def _endings(self, now: datetime | None, current: Step | None = None) -> Iterator[str]:
        """Yield the ends that waited long enough; all for None, never that of the current step.

        Nothing is gained by waiting with a failure.
        """
        due = [
            number
            for number, (step, at) in self._ended.items()
            if now is None
            or (step is not current and (now - at >= _PATIENCE or step.status is Status.FAILED))
        ]
        for number in due:
            step, at = self._ended.pop(number)
            yield f"#{number} {_ending(step, at)}".rstrip()

    def _transfer(self, step: Step, event: TransferMoved) -> Iterator[str]:
        key = (step.number, event.id)
        last = self._moved.get(key)
        if event.completed is None and not _worth_a_line(event, last):
            return
        self._moved[key] = event
        yield f"#{step.number} {transfer(event)}"


def transfer(event: TransferMoved) -> str:
    """Return a transfer in words: ``transferring context: 1.20MB / 3.40MB 0.3s done``."""
    words = [clean(event.id)]
    if event.total:
        words.append(f"{size(event.current)} / {size(event.total)}")
    elif event.current:
        words.append(size(event.current))
    if event.started is not None:
        taken = ((event.completed or event.at) - event.started).total_seconds()
        if taken > 0.01:
            words.append(seconds(taken))
    if event.completed is not None:
        words.append("done")
    return " ".join(words)


def _ending(step: Step, at: datetime) -> str:
    match step.status:
        case Status.FAILED:
            return f"ERROR: {clean(step.error)}"
        case Status.CANCELLED:
            return CANCELLED.upper()
        case Status.CACHED:
            return "CACHED"
        case _:
            how = " emulated" if step.speed is Speed.EMULATED else ""
            return f"DONE {seconds(step.elapsed_s(at))}{how}"


def _worth_a_line(event: TransferMoved, last: TransferMoved | None) -> bool:
    if last is None:
        return event.current > 0
    share = (event.current - last.current) / event.total if event.total else 0.0
    return share >= _SHARE or (event.at - last.at).total_seconds() >= _PAUSE_S


def _log(step: Step, lines: Sequence[bytes], at: datetime | None) -> Iterator[str]:
    since = ""
    if at is not None and step.since is not None:
        since = f" {max(0.0, (at - step.since).total_seconds()):.3f}"
    for line in lines:
        yield f"#{step.number}{since} {decode(line)}".rstrip()


def _of_run(event: Event, change: Change) -> Iterator[str]:
    match event:
        case NodeChosen():
            yield f"#0 node {event.node}: {event.address} ({event.reason})"
            if event.note:
                yield f"#0 note: {event.note}"
        case WarningRaised():
            if change.is_new:
                yield from (f"#0 {clean(line)}" for line in render(event.diagnostic).split("\n"))
        case CellFinished():
            yield from _finished(event)
        case (
            Published()
            | TargetBlocked()
            | CellRetried()
            | RaceEnded()
            | NodeLost()
            | NodeReturned()
            | ImageVerified()
        ):
            yield f"#0 {clean(outcome(event))}"
        case (
            PlanReady()
            | CellStarted()
            | RunFinished()
            | StepChanged()
            | TransferMoved()
            | LogWritten()
        ):
            pass
        case _:
            assert_never(event)


def _finished(event: CellFinished) -> Iterator[str]:
    if event.error:
        yield f"#0 FAILED {_failure(event)}"
    elif event.skipped:
        yield f"#0 SKIPPED {event.cell}"


def _failure(event: CellFinished) -> str:
    error, cell = clean(event.error), str(event.cell)
    return error if error.startswith(cell) else f"{cell}: {error}"
