"""A step as its cells report it: status, times, transfers, log."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from bakex.progress.logs import StepLog

if TYPE_CHECKING:
    from datetime import datetime

    from bakex.events import StepChanged, TransferMoved
    from bakex.model.node import NodeName, Speed
    from bakex.model.plan import CellId

CANCELLED = "cancelled"


class Status(Enum):
    """How far a step or a cell is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether it ended, in whatever way."""
        return self not in {Status.WAITING, Status.RUNNING}


# What the step is called when its cells disagree: a step that one cell ran and another one found
# in the cache was run; one that a cancelled cell gave up and another one still runs is running.
_PRECEDENCE = (Status.FAILED, Status.RUNNING, Status.DONE, Status.CACHED, Status.CANCELLED)


@dataclass(slots=True)
class Step:
    """A step on a node, shared by the cells that need it.

    Attributes:
        number: Counts the steps in the order in which they started; 0 until then.
        cells: Whose step it is, in the order of their first report.
        error: Why it failed, or how it was cancelled.
        speed: How the node runs its programs; None if it runs none, or that is not known.
        since: When the current run was first reported, by the clock of the reports: the daemon's
            clock may differ from ours.
        transfers: By id, in the order of their first report.
    """

    node: NodeName
    digest: str
    name: str = ""
    number: int = 0
    cells: list[CellId] = field(default_factory=list["CellId"])
    status: Status = Status.WAITING
    error: str = ""
    speed: Speed | None = None
    since: datetime | None = None
    transfers: dict[str, TransferMoved] = field(default_factory=dict[str, "TransferMoved"])
    log: StepLog = field(default_factory=StepLog)
    _reports: dict[CellId, StepChanged] = field(default_factory=dict["CellId", "StepChanged"])
    _runs: dict[datetime, datetime | None] = field(
        default_factory=dict["datetime", "datetime | None"]
    )
    _ended: set[datetime] = field(default_factory=set["datetime"])

    def report(self, event: StepChanged) -> None:
        """Take over what a cell says about the step.

        Cells that share it repeat each other, each a little later: what a cell says about a run
        that another one saw the end of is no news.
        """
        self.name = event.name or self.name
        self.speed = event.speed or self.speed
        self.join(event.cell)
        self._reports[event.cell] = event
        if event.started is not None and _status(event) in {Status.DONE, Status.FAILED}:
            self._ended.add(event.started)
        if event.started is not None:
            if event.started not in self._runs:
                self.log.restart()
                self.since = event.at
                self._runs[event.started] = event.completed
            self._runs[event.started] = event.completed or self._runs[event.started]
        self._settle()

    def join(self, cell: CellId) -> None:
        """Make the step one of this cell, too."""
        if cell not in self.cells:
            self.cells.append(cell)

    def abandon(self, cell: CellId) -> None:
        """Note that a cell ended: it says nothing more about the step."""
        report = self._reports.get(cell)
        if report is not None and _status(report) in {Status.RUNNING, Status.WAITING}:
            del self._reports[cell]
            self._settle()
            if self.status is Status.WAITING and self.number:
                self.status, self.error = Status.CANCELLED, CANCELLED

    def elapsed_s(self, now: datetime) -> float:
        """Return for how long it has been running, or ran in all, in seconds."""
        if self.status is Status.RUNNING:
            return max(0.0, (now - self.since).total_seconds()) if self.since else 0.0
        total, end = 0.0, None
        for started, completed in sorted((s, c) for s, c in self._runs.items() if c is not None):
            begin = started if end is None else max(started, end)
            if completed > begin:
                total += (completed - begin).total_seconds()
                end = completed
        return total

    def _settle(self) -> None:
        found = {
            status: report
            for report in self._reports.values()
            if (status := _status(report)) is not Status.RUNNING
            or report.started not in self._ended
        }
        self.status = next((s for s in _PRECEDENCE if s in found), Status.WAITING)
        winner = found.get(self.status)
        self.error = winner.error if winner else ""


def _status(report: StepChanged) -> Status:
    if report.error:
        # BuildKit's own words for it are "context canceled", behind whatever was going on.
        stopped = report.error == CANCELLED or report.error.endswith("context canceled")
        return Status.CANCELLED if stopped else Status.FAILED
    if report.cached:
        return Status.CACHED
    if report.completed is not None:
        return Status.DONE
    return Status.WAITING if report.started is None else Status.RUNNING
