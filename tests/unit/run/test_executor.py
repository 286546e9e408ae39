from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bakex.errors import OutputError, RunFailedError
from bakex.events import CellFinished, CellStarted
from bakex.model.node import Feature
from bakex.model.outputs import Output
from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.model.result import SaveTree
from bakex.model.target import Target
from bakex.plan.planner import plan
from bakex.run.executor import execute
from bakex.run.work import Work
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import EventRecorder, FakeEngine, FakeKept, fake_node

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bakex.errors import BakexError
    from bakex.model.node import NodeInfo
    from bakex.model.plan import Cell, Plan
    from bakex.model.result import CellResult

AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")
NODE = fake_node("n", native=("linux/amd64", "linux/arm64"))


def planned(nodes: Sequence[NodeInfo] = (NODE,), /, **uses: str) -> Plan:
    targets = {
        name: Target(
            name=name,
            platforms=("linux/amd64", "linux/arm64"),
            contexts={base: f"target:{base}" for base in bases.split()},
            output=(Output(type="cacheonly"),),
        )
        for name, bases in uses.items()
    }
    return plan(targets, list(uses), nodes, AMD64)


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
        state = "skipped" if event.skipped else state
        states[str(event.cell)] = state
    return states


async def test_every_cell_runs_once_and_results_keep_the_plans_order() -> None:
    made, engine, recorder = planned(a="", b=""), FakeEngine(NODE), EventRecorder()
    results = (await execute(made, {NODE.name: engine}, work(), recorder, ManualClock())).results
    assert list(results) == [c.id for c in made.cells]
    assert sorted(engine.started) == sorted(results)
    assert set(finished(recorder).values()) == {"done"}
    assert len(recorder.of(CellStarted)) == 4


async def test_a_node_may_have_slots_of_its_own() -> None:
    targets = dict.fromkeys("abcdef", "")
    made, engine = planned(**targets), FakeEngine(NODE)
    rules = replace(work(slots=4), limits={NODE.name: 1})
    await execute(made, {NODE.name: engine}, rules, EventRecorder(), ManualClock())
    assert engine.most_at_once == 1


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
    assert isinstance(given, FakeKept)
    assert given.result.cell == CellId("base", ARM64)


async def test_a_result_is_kept_until_the_last_user_is_done() -> None:
    base, first, second = (CellId(name, AMD64) for name in ("base", "first", "second"))
    release = {cell: asyncio.Event() for cell in (first, second)}
    engine = FakeEngine(NODE, hold=release)
    made = planned(base="", first="base", second="base")
    recorder = EventRecorder()
    async with asyncio.TaskGroup() as group:
        # One slot: keeping takes none.
        run = execute(made, {NODE.name: engine}, work(1), recorder, ManualClock())
        task = group.create_task(run)
        while first not in engine.started:  # noqa: ASYNC110 - the fake has no event for this
            await asyncio.sleep(0)
        assert base in engine.kept
        assert finished(recorder)[str(base)] == "done"
        release[first].set()
        while second not in engine.started:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        assert base in engine.kept
        release[second].set()
    assert engine.kept == set()
    assert len(task.result().results) == 6


async def test_a_node_that_cannot_keep_results_gets_content() -> None:
    node = replace(NODE, features=NODE.features - {Feature.LINKS})
    engine = FakeEngine(node)
    made = planned([node], app="base", base="")
    await execute(made, {NODE.name: engine}, work(), EventRecorder(), ManualClock())
    given = engine.inputs[CellId("app", ARM64)]["base"]
    assert isinstance(given, Link)
    assert given.result.cell == CellId("base", ARM64)


async def test_a_kept_result_is_given_up_with_the_run() -> None:
    """A base that is done says nothing more when its users are cancelled."""
    app, other = CellId("app", AMD64), CellId("other", AMD64)
    engine = FakeEngine(NODE, hold={app: asyncio.Event()}, fail=frozenset({other}))
    made = planned(app="base", base="", slow="", other="slow")
    recorder = EventRecorder()
    with pytest.raises(RunFailedError):
        await execute(made, {NODE.name: engine}, work(), recorder, ManualClock())
    assert engine.kept == set()
    states = finished(recorder)
    assert states["base@linux/amd64"] == "done"
    assert states["app@linux/amd64"] == "cancelled"
    assert len(recorder.of(CellFinished)) == len(made.cells)


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
    results = (
        await execute(planned(a=""), {NODE.name: engine}, job, EventRecorder(), ManualClock())
    ).results
    assert {r.exports for r in results.values()} == {(None,)}


async def test_a_failure_that_is_tolerated_ends_what_needs_the_cell_and_nothing_else() -> None:
    engine = FakeEngine(NODE, fail=frozenset({CellId("gate", AMD64)}))
    made = planned(app="", gate="app", user="gate", last="user")
    recorder = EventRecorder()
    told: list[str] = []

    def tolerates(cell: Cell, error: BakexError) -> bool:
        told.append(f"{cell.id}: {error.summary}")
        return True

    how = replace(work(1), tolerates=tolerates)
    results = (await execute(made, {NODE.name: engine}, how, recorder, ManualClock())).results
    assert told == ["gate@linux/amd64: gate@linux/amd64 failed"]
    states = finished(recorder)
    assert states["user@linux/amd64"] == states["last@linux/amd64"] == "skipped"
    assert states["gate@linux/amd64"] == "gate@linux/amd64 failed"
    assert sorted(results) == sorted(CellId(*key) for key in _well(states))
    assert CellId("user", AMD64) not in engine.started
    assert len(recorder.of(CellFinished)) == len(made.cells)
    assert engine.kept == set()


async def test_every_failure_is_reported_when_one_is_not_tolerated() -> None:
    gate, app = CellId("gate", AMD64), CellId("app", AMD64)
    engine = FakeEngine(NODE, fail=frozenset({gate, app}))
    how = replace(work(1), tolerates=lambda cell, _: cell.id == gate)
    with pytest.raises(RunFailedError, match="2 of 4 cells failed") as caught:
        await execute(
            planned(gate="", app=""), {NODE.name: engine}, how, EventRecorder(), ManualClock()
        )
    assert len(caught.value.exceptions) == 2


async def test_what_follows_from_a_cell_is_part_of_it() -> None:
    """A failure of it is never tolerated: it is not the cell's own."""
    recorder = EventRecorder()

    async def follow(cell: Cell, result: CellResult) -> None:
        assert result.cell == cell.id
        if cell.id == CellId("a", ARM64):
            assert not any(e.cell == cell.id for e in recorder.of(CellFinished))  # type: ignore[union-attr]
            raise OutputError("no space left")

    how = replace(work(), tolerates=lambda *_: True, finished=follow)
    with pytest.raises(RunFailedError) as caught:
        await execute(planned(a=""), {NODE.name: FakeEngine(NODE)}, how, recorder, ManualClock())
    assert [error.summary for error in caught.value.exceptions] == ["no space left"]  # type: ignore[union-attr]


def _well(states: dict[str, str]) -> list[tuple[str, Platform]]:
    names = [name.split("@") for name, state in states.items() if state == "done"]
    return [(target, Platform.parse(platform)) for target, platform in names]
