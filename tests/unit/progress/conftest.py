"""Events by hand: a run is told in a few lines, with times in seconds from its beginning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bakex.diagnostics import Diagnostic
from bakex.events import (
    CellFinished,
    CellStarted,
    Event,
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
from bakex.model.plan import Cell, CellId, Plan
from bakex.model.platform import Platform
from bakex.model.publication import Publication
from bakex.model.target import Target

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
HERE = NodeName("here")


def moment(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def cell_id(text: str) -> CellId:
    target, _, platform = text.partition("@")
    return CellId(target, Platform.parse(platform or "linux/amd64"))


class Teller:
    """Makes events; `now` is the time of the next one."""

    def __init__(self) -> None:
        self.now = 0.0

    def at(self, seconds: float) -> Teller:
        self.now = seconds
        return self

    def node(self, *, note: str = "") -> Event:
        return NodeChosen(
            at=moment(self.now), node=HERE, address="unix:///d.sock", reason="usual", note=note
        )

    def plan(self, *cells: str, emulated: str = "") -> Event:
        made = tuple(
            Cell(
                id=cell_id(cell),
                target=Target(name=cell_id(cell).target),
                node=HERE,
                speed=Speed.EMULATED if cell == emulated else Speed.NATIVE,
            )
            for cell in cells
        )
        requested = tuple(dict.fromkeys(cell.id.target for cell in made))
        return PlanReady(at=moment(self.now), plan=Plan(cells=made, requested=requested))

    def start(self, cell: str, node: str = "here", *, beside: str = "") -> Event:
        return CellStarted(
            at=moment(self.now),
            cell=cell_id(cell),
            node=NodeName(node),
            beside=NodeName(beside) if beside else None,
        )

    def race(self, cell: str, node: str, left: str, since: float = 0) -> Event:
        return RaceEnded(
            at=moment(self.now),
            cell=cell_id(cell),
            attempt=1,
            node=NodeName(node),
            reason=f"{left} was done first",
            left=NodeName(left),
            since=moment(since),
        )

    def lost(self, node: str) -> Event:
        return NodeLost(at=moment(self.now), node=NodeName(node), reason="reset")

    def back(self, node: str) -> Event:
        return NodeReturned(at=moment(self.now), node=NodeName(node))

    def finish(self, cell: str, *, error: str = "", cancelled: bool = False) -> Event:
        return CellFinished(
            at=moment(self.now), cell=cell_id(cell), error=error, cancelled=cancelled
        )

    def step(
        self,
        cell: str,
        step: str,
        name: str,
        *,
        started: float | None = None,
        completed: float | None = None,
        cached: bool = False,
        error: str = "",
    ) -> Event:
        return StepChanged(
            at=moment(self.now),
            cell=cell_id(cell),
            step=step,
            name=name,
            started=None if started is None else moment(started),
            completed=None if completed is None else moment(completed),
            cached=cached,
            error=error,
        )

    def log(self, cell: str, step: str, data: bytes) -> Event:
        return LogWritten(at=moment(self.now), cell=cell_id(cell), step=step, stream=1, data=data)

    def move(
        self,
        cell: str,
        step: str,
        name: str,
        current: int,
        total: int = 0,
        *,
        started: float | None = 0.0,
        completed: float | None = None,
    ) -> Event:
        return TransferMoved(
            at=moment(self.now),
            cell=cell_id(cell),
            step=step,
            id=name,
            current=current,
            total=total,
            started=None if started is None else moment(started),
            completed=None if completed is None else moment(completed),
        )

    def warn(self, summary: str, cell: str = "app@linux/amd64") -> Event:
        diagnostic = Diagnostic(code="BX4090", summary=summary, severity="warning")
        return WarningRaised(at=moment(self.now), cell=cell_id(cell), diagnostic=diagnostic)

    def published(self, target: str, place: str, kind: str = "registry") -> Event:
        publication = Publication(target=target, kind=kind, place=place)
        return Published(at=moment(self.now), publication=publication)

    def blocked(self, target: str, *by: str) -> Event:
        return TargetBlocked(at=moment(self.now), target=target, by=tuple(map(cell_id, by)))

    def end(self, *, ok: bool = True) -> Event:
        return RunFinished(at=moment(self.now), ok=ok)


@pytest.fixture
def tell() -> Teller:
    return Teller()


AMD, ARM = "app@linux/amd64", "app@linux/arm64"


@pytest.fixture
def story(tell: Teller) -> list[Event]:
    """Two platforms of a target: a shared context, one build, one cache hit, one failure."""
    t = tell
    return [
        t.at(0).node(),
        t.plan(AMD, ARM, emulated=ARM),
        t.at(0.1).start(AMD),
        t.start(ARM),
        t.at(0.2).step(AMD, "sha256:ctx", "[internal] load build context", started=0.2),
        t.step(ARM, "sha256:ctx", "[internal] load build context", started=0.2),
        t.at(0.3).move(AMD, "sha256:ctx", "transferring context:", 500_000, 1_200_000, started=0.2),
        t.move(ARM, "sha256:ctx", "transferring context:", 500_000, 1_200_000, started=0.2),
        t.at(0.5).move(
            AMD, "sha256:ctx", "transferring context:", 1_200_000, 1_200_000, started=0.2,
            completed=0.5,
        ),
        t.at(0.6).step(
            AMD, "sha256:ctx", "[internal] load build context", started=0.2, completed=0.5
        ),
        t.step(ARM, "sha256:ctx", "[internal] load build context", started=0.2, completed=0.5),
        t.step(AMD, "sha256:copy1", "[2/3] COPY . .", started=0.6, completed=0.6, cached=True),
        t.at(0.7).step(AMD, "sha256:make1", "[3/3] RUN make", started=0.7),
        t.step(ARM, "sha256:make2", "[3/3] RUN make", started=0.7),
        t.at(1.0).log(AMD, "sha256:make1", b"cc a.c\ncc "),
        t.log(ARM, "sha256:make2", b"cc a.c\n"),
        t.at(1.2).log(AMD, "sha256:make1", b"b.c\nlinking"),
        t.at(1.5).warn("the stage name is confusing"),
        t.warn("the stage name is confusing", ARM),
        t.at(2.2).step(AMD, "sha256:make1", "[3/3] RUN make", started=0.7, completed=2.2),
        t.finish(AMD),
        t.at(3.0).log(ARM, "sha256:make2", b"cc: error: \x1b[31mb.c\x1b[0m\n"),
        t.step(
            ARM, "sha256:make2", "[3/3] RUN make", started=0.7, completed=3.0, error="exit code: 1"
        ),
        t.finish(ARM, error="step failed: RUN make"),
        t.at(3.1).end(ok=False),
    ]  # fmt: skip
