from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bakex import config
from bakex.api import trials
from bakex.api.connect import Connected, Connector
from bakex.api.platforms import catalogue
from bakex.api.trials import Trials
from bakex.errors import StepFailedError, UsageError
from bakex.events import StepChanged
from bakex.model.node import Endpoint, NodeInfo, NodeName, Speed, Wire
from bakex.model.platform import Platform
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import EventRecorder

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.events import EventSink
    from bakex.model.plan import Cell

AMD64, ARM64, S390X = (Platform.parse(f"linux/{a}") for a in ("amd64", "arm64", "s390x"))
START = datetime(2026, 1, 1, tzinfo=UTC)
# Seconds of the three steps.
TOOK = {AMD64: (0.4, 0.1, 0.3), ARM64: (0.2, 0.2, 1.2)}


class FakeEngine:
    closed = False

    async def build(self, cell: Cell, _: object, __: object, events: EventSink) -> None:
        if cell.platform not in TOOK:
            raise StepFailedError(f"{cell.id}: it failed", hint="install it")
        names = ('RUN ["/tiny"]', 'RUN ["/tiny"]', 'RUN ["/tiny", "count"]')
        for number, (name, took) in enumerate(zip(names, TOOK[cell.platform], strict=True)):
            end = START + timedelta(seconds=took)
            events.emit(
                StepChanged(
                    at=end,
                    cell=cell.id,
                    step=f"s{number}",
                    name=f"[{number + 2}/4] {name}",
                    started=START,
                    completed=end,
                )
            )

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine()
    engine: Any = fake
    endpoint = Endpoint(name=NodeName("n"), address="unix:///s", wire=Wire.BUILDKIT)
    info = NodeInfo(
        endpoint=endpoint,
        platforms={AMD64: Speed.NATIVE, ARM64: Speed.EMULATED},
        features=frozenset(),
        machine=AMD64,
    )

    async def connect(*_: object) -> list[Connected]:
        return [Connected(info=info, engine=engine)]

    monkeypatch.setattr(Connector, "connect", connect)
    return fake


@pytest.fixture
def tried(tmp_path: Path, engine: FakeEngine) -> Trials:
    assert not engine.closed
    settings = config.load({"HOME": str(tmp_path)}, cwd=tmp_path)
    return Trials(settings, catalogue(settings), clock=ManualClock(), events=EventRecorder())


async def test_all_that_a_node_lists(tried: Trials, engine: FakeEngine) -> None:
    first, second = await tried.run([])
    assert (first.platform, first.speed, first.start_s, first.factor) == (
        AMD64,
        Speed.NATIVE,
        0.1,
        1.0,
    )
    assert (second.platform, second.speed, second.start_s) == (ARM64, Speed.EMULATED, 0.2)
    assert second.factor == pytest.approx(5.0)
    assert engine.closed


async def test_the_nodes_own_platform_is_the_measure(tried: Trials) -> None:
    (trial,) = await tried.run([ARM64], node="n")
    assert trial.factor == pytest.approx(5.0)


async def test_what_does_not_run(tried: Trials) -> None:
    (trial,) = await tried.run([S390X])
    assert (trial.speed, trial.error, trial.hint) == (None, "it failed", "install it")
    assert trial.factor == 0
    (other,) = await tried.run([Platform.parse("windows/amd64")])
    assert other.error == "bakex has no program for it"


async def test_what_does_not_end(tried: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    async def build(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(FakeEngine, "build", build)
    monkeypatch.setattr(trials, "_PATIENCE_S", 0)
    (trial,) = await tried.run([AMD64])
    assert "did not end" in trial.error


async def test_a_node_that_is_not_there(tried: Trials, engine: FakeEngine) -> None:
    with pytest.raises(UsageError, match="there is no node 'x'"):
        await tried.run([], node="x")
    assert engine.closed
