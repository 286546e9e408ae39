"""A stand-in for all that is behind the command line; `child.py` runs it in another process."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bakex.bake.resolve import Resolution
from bakex.config import Settings, load
from bakex.diagnostics import Diagnostic
from bakex.events import (
    CellStarted,
    LogWritten,
    NodeChosen,
    PlanReady,
    Published,
    RunFinished,
    StepChanged,
    WarningRaised,
)
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_INDEX
from bakex.model.node import Endpoint, NodeName, Speed, Wire
from bakex.model.plan import Cell, CellId, Plan
from bakex.model.platform import Platform
from bakex.model.publication import Publication, Report, TargetReport
from bakex.model.target import Target
from bakex.nodes.drivers.private import EngineState, EngineStatus
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import fake_node

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from bakex.bake.definition import Definition
    from bakex.events import Event, EventSink
    from bakex.interfaces import Clock
    from bakex.model.node import NodeInfo

ROOT = Path(__file__).parents[3]
CELL = CellId("app", Platform.parse("linux/amd64"))
NODE = NodeName("here")
TARGET = Target(name="app", tags=("r.example/app:1",))
STEP = "sha256:step"
ODD = Diagnostic(code="BX2000", summary="the file is odd", severity="warning")


async def nothing(_emit: Callable[[Event], None]) -> None:
    """Do what a bake does when there is nothing to do."""


@dataclass
class FakeBuilder:
    """Connected nodes: tells a short story, then does what the test wants."""

    events: EventSink
    clock: Clock
    body: Callable[[Callable[[Event], None]], Awaitable[None]]
    calls: list[tuple[str, Any]]

    @property
    def nodes(self) -> tuple[NodeInfo, ...]:
        return (fake_node("here"),)

    def plan(self, resolution: Resolution) -> Plan:
        cells = tuple(
            Cell(
                id=CellId(target.name, CELL.platform), target=target, node=NODE, speed=Speed.NATIVE
            )
            for target in resolution.targets.values()
        )
        return Plan(cells=cells, requested=resolution.requested)

    async def bake(self, resolution: Resolution, *, allow: Sequence[str] = ()) -> Report:
        self.calls.append(("bake", {"resolution": resolution, "allow": tuple(allow)}))
        emit, now, ok = self.events.emit, self.clock.now, False
        try:
            emit(PlanReady(at=now(), plan=self.plan(resolution)))
            emit(CellStarted(at=now(), cell=CELL, node=NODE))
            emit(StepChanged(at=now(), cell=CELL, step=STEP, name="[1/1] RUN make", started=now()))
            emit(LogWritten(at=now(), cell=CELL, step=STEP, stream=1, data=b"compiling\n"))
            await self.body(emit)
            ok = True
        finally:
            emit(RunFinished(at=now(), ok=ok))
        root = Descriptor(media_type=OCI_INDEX, digest=Digest.of(b"index"), size=5)
        place = Publication(target="app", kind="registry", place="r.example/app:1", root=root)
        emit(Published(at=now(), publication=place))
        app = TargetReport(name="app", root=root, publications=(place,))
        return Report(targets={"app": app}, cells=(CELL,))


@dataclass
class FakeEngine:
    """A private engine that remembers whether it runs."""

    home: Path
    running: bool = False

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(name=NODE, address="unix:///private.sock", wire=Wire.BUILDKIT)

    async def start(self) -> Endpoint:
        self.running = True
        return self.endpoint

    async def status(self) -> EngineStatus:
        if not self.running:
            return EngineStatus(state=EngineState.STOPPED, home=self.home)
        return EngineStatus(
            state=EngineState.RUNNING,
            home=self.home,
            endpoint=self.endpoint,
            pid=42,
            program="/usr/sbin/buildkitd",
            log=self.home / "log",
        )

    async def stop(self) -> bool:
        was, self.running = self.running, False
        return was

    async def prune(self) -> int:
        self.running = False
        return 1_500_000


@dataclass
class FakeBackend:
    """Implements `bakex.cli.backend.Backend`.

    Attributes:
        body: What happens in the middle of a bake.
        note: What is said about the node that is chosen.
        refusal: What `define` raises, if anything.
        calls: What was asked for, in order.
    """

    environ: dict[str, str]
    cwd: Path
    body: Callable[[Callable[[Event], None]], Awaitable[None]] = nothing
    note: str = ""
    refusal: Exception | None = None
    warnings: tuple[Diagnostic, ...] = ()
    calls: list[tuple[str, Any]] = field(default_factory=list)
    engine: FakeEngine = field(default_factory=lambda: FakeEngine(Path("/home/me/engine")))
    time: Clock = field(default_factory=ManualClock)

    def settings(self) -> Settings:
        return load(self.environ, cwd=self.cwd)

    def clock(self) -> Clock:
        return self.time

    def read(
        self, settings: Settings, *, files: Sequence[str], variables: Sequence[str]
    ) -> Definition:
        from bakex.bake.definition import Definition  # noqa: PLC0415 - not for most tests

        self.calls.append(("read", {"files": list(files), "variables": list(variables)}))
        return Definition()

    def define(self, settings: Settings, **asked: Sequence[str]) -> Resolution:
        self.calls.append(("define", {name: list(value) for name, value in asked.items()}))
        if self.refusal is not None:
            raise self.refusal
        return Resolution(
            targets={"app": TARGET}, requested=("app",), groups={}, warnings=self.warnings
        )

    @asynccontextmanager
    async def connect(
        self, settings: Settings, *, builder: str, events: EventSink
    ) -> AsyncIterator[FakeBuilder]:
        self.calls.append(("connect", builder))
        events.emit(
            NodeChosen(
                at=self.time.now(), node=NODE, address="unix:///d", reason="usual", note=self.note
            )
        )
        yield FakeBuilder(events, self.time, self.body, self.calls)

    def private_engine(self, settings: Settings) -> Any:
        return self.engine

    def asked(self, name: str) -> Any:
        return dict(self.calls)[name]


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    return FakeBackend(environ={"HOME": str(tmp_path)}, cwd=tmp_path)


def say(word: str) -> None:
    """Tell the test that watches this process how far it is."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def forever(emit: Callable[[Event], None]) -> None:
    say("ready")
    try:
        await asyncio.Event().wait()
    finally:
        say("stopped")


async def paced(emit: Callable[[Event], None]) -> None:
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)


async def stubborn(emit: Callable[[Event], None]) -> None:
    say("ready")
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            say("not yet")


def warning(summary: str) -> WarningRaised:
    diagnostic = Diagnostic(code="BX4090", summary=summary, severity="warning")
    return WarningRaised(at=ManualClock().now(), cell=CELL, diagnostic=diagnostic)
