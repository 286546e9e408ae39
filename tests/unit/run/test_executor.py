from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bakex.errors import RunFailedError
from bakex.events import CellFinished, CellStarted
from bakex.model.outputs import Output
from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.model.result import SaveTree
from bakex.model.target import Target
from bakex.plan.planner import plan
from bakex.run.executor import Work, execute
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import EventRecorder, FakeEngine, fake_node

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.model.plan import Cell, Plan
    from bakex.model.result import CellResult

AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")
NODE = fake_node("n", native=("linux/amd64", "linux/arm64"))


def planned(**uses: str) -> Plan:
    targets = {
        name: Target(
            name=name,
            platforms=("linux/amd64", "linux/arm64"),
            contexts={base: f"target:{base}" for base in bases.split()},
            output=(Output(type="cacheonly"),),
        )
        for name, bases in uses.items()
    }
    return plan(targets, list(uses), [NODE], AMD64)


class Link:
    def __init__(self, result: CellResult) -> None:
        self.result = result


def work(slots: int = 8) -> Work:
    return Work(exports=lambda cell: (), link=Link, slots=slots)  # type: ignore[arg-type]


def finished(recorder: EventRecorder) -> dict[str, str]:
    states = {}
    for event in recorder.of(CellFinished):
        assert isinstance(event, CellFinished)
        state = "cancelled" if event.cancelled else event.error or "done"
        states[str(event.cell)] = state
    return states


async def test_every_cell_runs_once_and_results_keep_the_plans_order() -> None:
    made, engine, recorder = planned(a="", b=""), FakeEngine(NODE), EventRecorder()
    results = await execute(made, {NODE.name: engine}, work(), recorder, ManualClock())
    assert list(results) == [c.id for c in made.cells]
    assert sorted(engine.started) == sorted(results)
    assert set(finished(recorder).values()) == {"done"}
    assert len(recorder.of(CellStarted)) == 4


async def test_no_more_cells_at_once_than_slots() -> None:
    engine = FakeEngine(NODE)
    await execute(
        planned(a="", b="", c=""), {NODE.name: engine}, work(2), EventRecorder(), ManualClock()
    )
    assert engine.most_at_once == 2


async def test_a_linked_cell_starts_after_its_base_and_gets_its_content() -> None:
    engine = FakeEngine(NODE)
    await execute(
        planned(app="base", base=""), {NODE.name: engine}, work(1), EventRecorder(), ManualClock()
    )
    order = [str(c) for c in engine.started]
    assert order.index("base@linux/arm64") < order.index("app@linux/arm64")
    given = engine.inputs[CellId("app", ARM64)]["base"]
    assert isinstance(given, Link)
    assert given.result.cell == CellId("base", ARM64)


async def test_the_first_failure_cancels_the_rest() -> None:
    bad, slow = CellId("a", AMD64), CellId("b", AMD64)
    engine = FakeEngine(NODE, fail=frozenset({bad}), hold={slow: asyncio.Event()})
    recorder = EventRecorder()
    with pytest.raises(RunFailedError) as caught:
        await execute(
            planned(a="", b="", c="a"), {NODE.name: engine}, work(), recorder, ManualClock()
        )
    assert [str(e) for e in caught.value.exceptions] == ["a@linux/amd64 failed"]
    assert caught.value.summary == "1 of 6 cells failed"
    assert slow in engine.cancelled
    states = finished(recorder)
    assert states["a@linux/amd64"] == "a@linux/amd64 failed"
    assert states["b@linux/amd64"] == states["c@linux/amd64"] == "cancelled"
    assert CellId("c", AMD64) not in engine.started


async def test_failures_of_the_same_moment_are_all_reported() -> None:
    both = frozenset({CellId("a", AMD64), CellId("a", ARM64)})
    engine = FakeEngine(NODE, fail=both)
    with pytest.raises(RunFailedError) as caught:
        await execute(planned(a=""), {NODE.name: engine}, work(), EventRecorder(), ManualClock())
    assert len(caught.value.exceptions) == 2


async def test_cancelling_stops_every_build() -> None:
    cells = planned(a="").cells
    engine = FakeEngine(NODE, hold={c.id: asyncio.Event() for c in cells})
    recorder = EventRecorder()
    run = asyncio.ensure_future(
        execute(planned(a=""), {NODE.name: engine}, work(), recorder, ManualClock())
    )
    while engine.running < 2:  # noqa: ASYNC110 - the fake has no event for this
        await asyncio.sleep(0)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert engine.running == 0
    assert set(finished(recorder).values()) == {"cancelled"}


async def test_engines_are_asked_for_the_exports_of_their_cell(tmp_path: Path) -> None:
    def exports(cell: Cell) -> tuple[SaveTree, ...]:
        return (SaveTree(directory=tmp_path / cell.platform.directory),)

    engine = FakeEngine(NODE)
    job = Work(exports=exports, link=Link)  # type: ignore[arg-type]
    results = await execute(planned(a=""), {NODE.name: engine}, job, EventRecorder(), ManualClock())
    assert {r.exports for r in results.values()} == {(None,)}
