"""RunState: what is known about a run, folded from its events. Displays only look at it.

* A cell and a step are known from the first event that mentions them, whatever the order of events.
* A step belongs to a node and a digest: cells on one node share it, and it is counted once.
* Nothing here reads a clock; times come from the events or from whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

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
from bakex.model.node import NodeName, Speed
from bakex.progress.delivery import LogsDropped
from bakex.progress.step import Status, Step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bakex.diagnostics import Diagnostic
    from bakex.events import Event
    from bakex.model.plan import CellId, Plan
    from bakex.model.publication import Publication

_NOWHERE = NodeName("")


@dataclass(slots=True)
class CellState:
    """How far a cell is.

    Attributes:
        started: When it got its slot on the node.
        attempts: The reasons why earlier attempts came to nothing.
        finished: When it ended.
        error: Why it failed.
        steps: Digests of its steps, in the order of their first report.
        aside: Those of another attempt that goes on meanwhile.
    """

    id: CellId
    node: NodeName = _NOWHERE
    speed: Speed | None = None
    status: Status = Status.WAITING
    started: datetime | None = None
    finished: datetime | None = None
    error: str = ""
    attempts: list[CellRetried] = field(default_factory=list[CellRetried])
    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    aside: dict[str, Step] = field(default_factory=dict[str, Step])

    def elapsed_s(self, now: datetime) -> float:
        """Return for how long it has been running, or ran, in seconds."""
        if self.started is None:
            return 0.0
        return max(0.0, ((self.finished or now) - self.started).total_seconds())

    def start(self, event: CellStarted) -> None:
        """Note that it runs, perhaps for another time."""
        self.aside = self.steps if event.beside is not None else {}
        if self.node != event.node:  # another attempt, elsewhere: its steps are others
            self.steps = {}
        self.node, self.status = event.node, Status.RUNNING
        self.started, self.finished, self.error = event.at, None, ""

    def retry(self, event: CellRetried) -> None:
        """Note that an attempt came to nothing and that it waits for another one."""
        self.attempts.append(event)
        self.status, self.finished = Status.WAITING, None
        for step in self.steps.values():
            step.abandon(self.id)

    def settle(self, event: RaceEnded) -> None:
        """Note which of two attempts it was that is over."""
        over = self.aside
        if event.node == self.node:
            over, self.steps = self.steps, self.aside
            self.node, self.started = event.left, event.since
        self.aside = {}
        for step in over.values():
            step.abandon(self.id)

    def finish(self, event: CellFinished) -> None:
        """Note how it ended; steps that were running for it alone end with it."""
        self.finished, self.error = event.at, event.error
        if event.cancelled or event.skipped:
            self.status = Status.CANCELLED
        else:
            self.status = Status.FAILED if event.error else Status.DONE
        for step in self.steps.values():
            step.abandon(self.id)

    def counts(self) -> tuple[int, int]:
        """Return how many of its known steps are over, and how many are known."""
        return sum(step.status.is_over for step in self.steps.values()), len(self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an event changed, for displays that write line by line.

    Attributes:
        step: The step that the event is about.
        before: Its status before the event.
        log: Log bytes that no other cell delivered before.
        lines: The lines that these bytes completed.
        is_new: Whether the event says something that was not known; false for a repetition.
    """

    step: Step | None = None
    before: Status = Status.WAITING
    log: bytes = b""
    lines: Sequence[bytes] = ()
    is_new: bool = True


_NOTHING = Change()


class RunState:
    """The fold.

    Attributes:
        began: When the first event was emitted.
        finished: When the run ended.
        ok: How it ended; None until then.
        nodes: The nodes that take part.
        cells: By id, in plan order.
        steps: Every known step, in the order of the first report.
        shown: The steps that started, in that order; `Step.number` counts from 1 in it.
        warnings: Different ones only: each platform repeats what is wrong with a Dockerfile.
        publications: What was published, in order.
        lost: Nodes that were lost, and why.
        blocked: What gates keep from being published -> the cells because of which they do.
    """

    def __init__(self) -> None:
        self.began: datetime | None = None
        self.finished: datetime | None = None
        self.ok: bool | None = None
        self.plan: Plan | None = None
        self.nodes: list[NodeChosen] = []
        self.cells: dict[CellId, CellState] = {}
        self.steps: dict[tuple[NodeName, str], Step] = {}
        self.shown: list[Step] = []
        self.warnings: dict[Diagnostic, None] = {}
        self.publications: list[Publication] = []
        self.lost: dict[NodeName, str] = {}
        self.blocked: dict[str, tuple[CellId, ...]] = {}

    def apply(self, event: Event | LogsDropped) -> Change:
        """Take an event in, and say what it changed."""
        match event:
            case StepChanged():
                change = self._step_changed(event)
            case TransferMoved():
                change = self._transfer(event)
            case LogWritten() | LogsDropped():
                change = self._log(event)
            case WarningRaised():
                change = Change(is_new=event.diagnostic not in self.warnings)
                self.warnings[event.diagnostic] = None
            case ImageVerified():
                change = _NOTHING  # said by those who see it; nothing depends on it
            case _:
                change = _NOTHING
                self._of_run(event)
        if self.began is None and not isinstance(event, LogsDropped):
            self.began = event.at
        return change

    def elapsed_s(self, now: datetime) -> float:
        """Return for how long the run has been going on, or went on, in seconds."""
        if self.began is None:
            return 0.0
        return max(0.0, ((self.finished or now) - self.began).total_seconds())

    def label(self, step: Step) -> str:
        """Return a step's name with the target and the platform it belongs to.

        ``[2/3] RUN make`` becomes ``[app linux/arm64 2/3] RUN make``. What cells share is named
        without what they differ in.
        """
        targets = {cell.target for cell in step.cells}
        platforms = {str(cell.platform) for cell in step.cells}
        owner = [next(iter(group)) for group in (targets, platforms) if len(group) == 1]
        if not step.name.startswith("["):
            prefix = f"[{' '.join(owner)}] " if owner else ""
            return prefix + (step.name or step.digest)
        inside = step.name[1:]
        # BuildKit itself names the platform of stages that run on another one than the target's.
        words = [word for word in owner if not inside.startswith(f"{word} ")]
        return f"[{' '.join([*words, inside])}"

    def _cell(self, cell: CellId) -> CellState:
        return self.cells.setdefault(cell, CellState(cell))

    def _step(self, cell: CellId, digest: str) -> Step:
        state = self._cell(cell)
        step = state.steps.get(digest)
        if step is None:
            key = (state.node, digest)
            step = self.steps.setdefault(key, Step(node=state.node, digest=digest))
            state.steps[digest] = step
        step.join(cell)
        return step

    def _planned(self, plan: Plan) -> None:
        self.plan = plan
        for cell in plan.cells:
            state = self._cell(cell.id)
            state.node, state.speed = cell.node, cell.speed

    def _of_cell(self, event: CellStarted | CellRetried | RaceEnded | CellFinished) -> None:
        state = self._cell(event.cell)
        match event:
            case CellStarted():
                state.start(event)
            case CellRetried():
                state.retry(event)
            case RaceEnded():
                state.settle(event)
            case CellFinished():
                state.finish(event)
            case _:
                assert_never(event)
        if self.plan is not None:
            state.speed = self.plan.cell(event.cell).speed_on(state.node)

    def _of_run(
        self,
        event: NodeChosen
        | PlanReady
        | CellStarted
        | CellRetried
        | RaceEnded
        | NodeLost
        | NodeReturned
        | CellFinished
        | Published
        | TargetBlocked
        | RunFinished,
    ) -> None:
        match event:
            case NodeChosen():
                self.nodes.append(event)
            case PlanReady():
                self._planned(event.plan)
            case CellStarted() | CellRetried() | RaceEnded() | CellFinished():
                self._of_cell(event)
            case NodeLost():
                self.lost[event.node] = event.reason
            case NodeReturned():
                self.lost.pop(event.node, None)
            case Published():
                self.publications.append(event.publication)
            case TargetBlocked():
                self.blocked[event.target] = event.by
            case RunFinished():
                self.finished, self.ok = event.at, event.ok
            case _:
                assert_never(event)

    def _step_changed(self, event: StepChanged) -> Change:
        step = self._step(event.cell, event.step)
        before, name, error = step.status, step.name, step.error
        step.report(event)
        if not step.number and step.status is not Status.WAITING:
            self.shown.append(step)
            step.number = len(self.shown)
        lines = step.log.flush() if step.status.is_over and not before.is_over else ()
        is_new = (before, name, error) != (step.status, step.name, step.error)
        return Change(step=step, before=before, lines=lines, is_new=is_new)

    def _transfer(self, event: TransferMoved) -> Change:
        step = self._step(event.cell, event.step)
        known = step.transfers.get(event.id)
        if known is not None and not _moves_on(known, event):
            return Change(step=step, before=step.status, is_new=False)
        step.transfers[event.id] = event
        return Change(step=step, before=step.status)

    def _log(self, event: LogWritten | LogsDropped) -> Change:
        step = self._step(event.cell, event.step)
        if isinstance(event, LogsDropped):
            lines = step.log.flush()
            step.log.skip(event.cell, event.count)
            return Change(step=step, before=step.status, lines=lines)
        data = step.log.fresh(event.cell, event.data)
        lines = step.log.write(data) if data else ()
        return Change(step=step, before=step.status, log=data, lines=lines, is_new=bool(data))


def _moves_on(known: TransferMoved, event: TransferMoved) -> bool:
    """Return whether a report says more than another one of the same transfer.

    Cells that share a step repeat its transfers, each a little later than the other.
    """
    if event.started != known.started:
        return known.started is None or (event.started or known.started) > known.started
    if event.completed is not None:
        return known.completed is None
    return known.completed is None and event.current > known.current
