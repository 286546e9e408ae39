"""Progress line by line, for logs and pipes; in the form of BuildKit's plain mode.

* Every line is whole and begins with the number of its step, so lines of steps that run at the same
  time can stand among one another. ``#0`` is the run itself.
* A step has a heading when it starts, its log with the seconds since then, and an end. A line that
  a step began but did not end is written when the step ends.
* A transfer gets a line when 5 % or 5 seconds passed, and when it is complete (BuildKit
  util/progress/progressui/printer.go).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO, assert_never

from bakex.diagnostics import render
from bakex.events import (
    CellFinished,
    CellStarted,
    LogWritten,
    NodeChosen,
    PlanReady,
    Published,
    RunFinished,
    StepChanged,
    TransferMoved,
    WarningRaised,
)
from bakex.progress.delivery import LogsDropped, Notice
from bakex.progress.report import published
from bakex.progress.state import RunState
from bakex.progress.step import CANCELLED, Status
from bakex.progress.text import clean, decode, seconds, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from bakex.events import Event
    from bakex.model.plan import Plan
    from bakex.progress.delivery import Delivery
    from bakex.progress.state import Change
    from bakex.progress.step import Step

_SHARE = 0.05
_PAUSE_S = 5.0


class Plain:
    """Implements `bakex.progress.display.Display`."""

    interval_s: float | None = None

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._state = RunState()
        self._headed: set[int] = set()
        self._moved: dict[tuple[int, str], TransferMoved] = {}

    def update(self, batch: Sequence[Delivery]) -> None:
        """Write the lines of a batch in one go."""
        lines = [line for item in batch for line in self._lines(item)]
        if lines:
            self._out.write("".join(f"{line}\n" for line in lines))
            self._out.flush()

    def close(self) -> None:
        """Write the beginnings of lines that steps left unfinished."""
        lines = [line for step in self._state.shown for line in _log(step, step.log.flush(), None)]
        if lines:
            self._out.write("".join(f"{line}\n" for line in lines))
            self._out.flush()

    def _lines(self, item: Delivery) -> Iterator[str]:
        if isinstance(item, Notice):
            yield f"#0 {item.text}"
            return
        change = self._state.apply(item)
        step = change.step
        if step is None:
            if not isinstance(item, LogsDropped):
                yield from _of_run(item, change)
            return
        if not step.number:
            return  # known, but not started
        yield from self._heading(step)
        match item:
            case LogsDropped():
                yield from _log(step, change.lines, None)
                yield f"#{step.number} [{size(item.count)} of output not shown]"
            case LogWritten():
                yield from _log(step, change.lines, item.at)
            case StepChanged():
                yield from _log(step, change.lines, item.at)
                yield from self._ending(step, change, item.at)
            case TransferMoved():
                if change.is_new:
                    yield from self._transfer(step, item)
            case _:
                pass

    def _heading(self, step: Step) -> Iterator[str]:
        if step.number not in self._headed:
            self._headed.add(step.number)
            yield f"#{step.number} {clean(self._state.label(step))}"

    def _ending(self, step: Step, change: Change, now: datetime) -> Iterator[str]:
        if step.status is change.before or not step.status.is_over:
            return
        match step.status:
            case Status.FAILED:
                yield f"#{step.number} ERROR: {clean(step.error)}".rstrip()
            case Status.CANCELLED:
                yield f"#{step.number} {CANCELLED.upper()}"
            case Status.CACHED:
                yield f"#{step.number} CACHED"
            case _:
                yield f"#{step.number} DONE {seconds(step.elapsed_s(now))}"

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
        case PlanReady():
            yield from _planned(event.plan)
        case WarningRaised():
            if change.is_new:
                yield from (f"#0 {clean(line)}" for line in render(event.diagnostic).split("\n"))
        case CellFinished():
            if event.error:
                yield f"#0 {_cell(event)} FAILED: {clean(event.error)}"
        case Published():
            yield f"#0 {event.publication.target}: {published(event.publication)}"
        case CellStarted() | RunFinished() | StepChanged() | TransferMoved() | LogWritten():
            pass
        case _:
            assert_never(event)


def _cell(event: CellFinished) -> str:
    return f"{event.cell.target} {event.cell.platform}"


def _planned(plan: Plan) -> Iterator[str]:
    for cell in plan.cells:
        yield f"#0 {cell.id.target} {cell.platform} on {cell.node} ({cell.speed})"
