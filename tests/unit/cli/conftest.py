"""A stand-in for all that is behind the command line; `child.py` runs it in another process."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bakex.api.artifacts import Artifacts
from bakex.api.builder_store import BuilderStore
from bakex.api.connect import Connected
from bakex.api.images import Images
from bakex.api.login import Logins
from bakex.api.machine import Platforms
from bakex.api.nodes import Nodes
from bakex.api.upkeep import Upkeep
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
from bakex.model.publication import Publication, PublishPolicy, Report, TagMove, TargetReport
from bakex.model.reference import Reference
from bakex.model.running import Emulation
from bakex.model.target import Target
from bakex.nodes.drivers.private import EngineState, EngineStatus
from bakex.outputs.record import Record
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import fake_node

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from bakex.api.outcome import Recorder
    from bakex.bake.definition import Definition
    from bakex.events import Event, EventSink
    from bakex.interfaces import Clock
    from bakex.model.node import NodeInfo
    from bakex.model.outcome import CellOutcome, Outcome
    from bakex.model.running import RunPolicy

ROOT = Path(__file__).parents[3]
CELL = CellId("app", Platform.parse("linux/amd64"))
NODE = NodeName("here")
TARGET = Target(name="app", tags=("r.example/app:1",))
IMAGE = Descriptor(media_type=OCI_INDEX, digest=Digest.of(b"index"), size=5)
STEP = "sha256:step"
ODD = Diagnostic(code="BX2000", summary="the file is odd", severity="warning")


def given(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that say something."""
    return {
        name: value if isinstance(value, bool) else list(value)
        for name, value in asked.items()
        if value
    }


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

    def over(self, names: Sequence[str]) -> FakeBuilder:
        self.calls.append(("over", tuple(names)))
        return self

    def plan(self, resolution: Resolution, *, emulation: Emulation = Emulation.FALLBACK) -> Plan:
        if emulation is not Emulation.FALLBACK:
            self.calls.append(("emulation", emulation))
        cells = tuple(
            Cell(
                id=CellId(target.name, CELL.platform), target=target, node=NODE, speed=Speed.NATIVE
            )
            for target in resolution.targets.values()
        )
        return Plan(cells=cells, requested=resolution.requested)

    async def bake(
        self,
        resolution: Resolution,
        *,
        allow: Sequence[str] = (),
        policy: PublishPolicy | None = None,
        running: RunPolicy | None = None,
        recorder: Recorder | None = None,
        recorded: Sequence[CellOutcome] = (),
        parts: bool = False,
    ) -> Report:
        self.calls.append(
            (
                "bake",
                {
                    "resolution": resolution,
                    "allow": tuple(allow),
                    "policy": policy,
                    "running": running,
                    "recorded": tuple(recorded),
                    "parts": parts,
                },
            )
        )
        events = self.events if recorder is None else recorder.following(self.events)
        emit, now, ok = events.emit, self.clock.now, False
        try:
            plan = self.plan(resolution)
            emit(PlanReady(at=now(), plan=plan))
            if recorder is not None:
                recorder.expect(plan, {cell.id: () for cell in plan.cells})
            emit(CellStarted(at=now(), cell=CELL, node=NODE))
            emit(StepChanged(at=now(), cell=CELL, step=STEP, name="[1/1] RUN make", started=now()))
            emit(LogWritten(at=now(), cell=CELL, step=STEP, stream=1, data=b"compiling\n"))
            await self.body(emit)
            ok = True
        finally:
            emit(RunFinished(at=now(), ok=ok))
        root = IMAGE
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
    """Implements `bakex.cli.seam.Backend`.

    Attributes:
        body: What happens in the middle of a bake.
        note: What is said about the node that is chosen.
        nodes_left_out: Warnings while connecting.
        refusal: What `define` raises, if anything.
        calls: What was asked for, in order.
    """

    environ: dict[str, str]
    cwd: Path
    body: Callable[[Callable[[Event], None]], Awaitable[None]] = nothing
    note: str = ""
    nodes_left_out: tuple[Diagnostic, ...] = ()
    refusal: Exception | None = None
    warnings: tuple[Diagnostic, ...] = ()
    calls: list[tuple[str, Any]] = field(default_factory=list)
    engine: FakeEngine = field(default_factory=lambda: FakeEngine(Path("/home/me/engine")))
    time: Clock = field(default_factory=ManualClock)
    is_interrupted: bool = False
    keepers: Sequence[Any] = ()

    def settings(self) -> Settings:
        return load(self.environ, cwd=self.cwd)

    def clock(self) -> Clock:
        return self.time

    def read(self, settings: Settings, **asked: Any) -> Definition:
        from bakex.bake.definition import Definition  # noqa: PLC0415 - not for most tests

        self.calls.append(("read", given(asked)))
        return Definition(warnings=self.warnings)

    def define(self, settings: Settings, **asked: Any) -> Resolution:
        self.calls.append(("define", given(asked)))
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
        for diagnostic in self.nodes_left_out:
            events.emit(WarningRaised(at=self.time.now(), cell=None, diagnostic=diagnostic))
        events.emit(
            NodeChosen(
                at=self.time.now(), node=NODE, address="unix:///d", reason="usual", note=self.note
            )
        )
        yield FakeBuilder(events, self.time, self.body, self.calls)

    def private_engine(self, settings: Settings) -> Any:
        return self.engine

    @asynccontextmanager
    async def upkeep(
        self, settings: Settings, *, builder: str, events: EventSink
    ) -> AsyncIterator[Upkeep]:
        self.calls.append(("upkeep", builder))
        nodes = [
            Connected(info=fake_node(keeper.node), engine=keeper, keeper=keeper)
            for keeper in self.keepers
        ]
        for diagnostic in self.warnings:
            events.emit(WarningRaised(at=self.time.now(), cell=None, diagnostic=diagnostic))
        events.emit(RunFinished(at=self.time.now(), ok=True))
        yield Upkeep(nodes, settings)

    def unfinished(self, settings: Settings) -> list[tuple[Path, Record]]:
        move = TagMove(target="app", reference=Reference.parse("r.example/app:1"), root=IMAGE)
        record = Record(created="2026-01-01T00:00:00+00:00", tags=((move, None),))
        return [(Path("/state/r.json"), record)] if self.is_interrupted else []

    async def complete(
        self, settings: Settings, path: Path, *, events: EventSink
    ) -> list[Publication]:
        self.calls.append(("complete", path))
        place = Publication(target="app", kind="registry", place="r.example/app:1", root=IMAGE)
        events.emit(Published(at=self.time.now(), publication=place))
        return [place]

    async def merge(
        self,
        settings: Settings,
        resolution: Resolution,
        records: Mapping[str, Outcome],
        *,
        policy: PublishPolicy,
        events: EventSink,
    ) -> Report:
        self.calls.append(("merge", {"records": dict(records), "policy": policy}))
        await self.body(events.emit)
        return Report(targets={"app": TargetReport(name="app", root=IMAGE)})

    def images(self, settings: Settings, *, insecure: bool) -> AbstractAsyncContextManager[Images]:
        self.calls.append(("images", insecure))
        return Images.open(settings, insecure=insecure)

    def artifacts(
        self, settings: Settings, *, insecure: bool
    ) -> AbstractAsyncContextManager[Artifacts]:
        self.calls.append(("artifacts", insecure))
        return Artifacts.open(settings, insecure=insecure)

    def logins(self, settings: Settings) -> Logins:
        self.calls.append(("logins", None))
        return Logins(settings)

    def platforms(self, settings: Settings) -> Platforms:
        return Platforms(settings, proc=self.cwd / "proc")

    def builders(self, settings: Settings) -> BuilderStore:
        return BuilderStore(settings)

    def nodes(self, settings: Settings, *, events: EventSink) -> Nodes:
        return Nodes(settings, clock=self.time, events=events)

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
