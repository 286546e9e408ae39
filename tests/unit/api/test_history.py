from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bakex._util.atomic import locked
from bakex.api import history as module
from bakex.api.history import History
from bakex.config import load
from bakex.events import CellFinished, CellStarted, PlanReady, RaceEnded
from bakex.model.node import NodeName, Speed, Terms
from bakex.model.plan import Cell, CellId, Plan
from bakex.model.platform import Platform
from bakex.model.result import CellResult
from bakex.model.target import Target
from bakex.plan.placement import Past
from bakex.plan.planner import plan
from bakex.run.executor import execute
from bakex.run.work import Work
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import EventRecorder, FakeEngine, fake_node

if TYPE_CHECKING:
    from bakex.config import Settings
    from bakex.events import EventSink

AMD64 = Platform.parse("linux/amd64")
HERE, THERE = NodeName("here"), NodeName("there")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"HOME": str(tmp_path)}, cwd=tmp_path / "project")


def cell(name: str) -> Cell:
    return Cell(
        id=CellId(name, AMD64),
        target=Target(name=name),
        node=HERE,
        speed=Speed.NATIVE,
        alternatives=((THERE, Speed.EMULATED),),
    )


def run(sink: EventSink, *built: tuple[str, NodeName, float], end: str = "done") -> None:
    """Tell of a run in which cells were built on nodes, one after the other."""
    now = ManualClock().now()
    sink.emit(PlanReady(at=now, plan=Plan(cells=tuple(cell(n) for n, _, _ in built), requested=())))
    for name, node, seconds in built:
        id_ = CellId(name, AMD64)
        sink.emit(CellStarted(at=now, cell=id_, node=node))
        now += timedelta(seconds=seconds)
        result = CellResult(cell=id_, exports=()) if end == "done" else None
        sink.emit(CellFinished(at=now, cell=id_, result=result))


async def kept(settings: Settings, *built: tuple[str, NodeName, float]) -> dict[str, Past]:
    history = History(settings)
    run(history.following(EventRecorder()), *built)
    await history.keep()
    return {str(key): past for key, past in History(settings).read().items()}


def file(settings: Settings) -> Path:
    (found,) = (settings.state / "history").glob("*.json")
    return found


async def test_where_and_how_long(settings: Settings) -> None:
    assert History(settings).read() == {}
    found = await kept(settings, ("a", HERE, 5.0), ("b", THERE, 50.0))
    assert found == {
        "a@linux/amd64": Past(node=HERE, seconds=5.0),
        "b@linux/amd64": Past(node=THERE, seconds=50.0, speed=Speed.EMULATED),
    }
    assert History(replace(settings, cwd=Path("/elsewhere"))).read() == {}
    assert file(settings).stat().st_mode & 0o777 == 0o600
    assert [path.suffix for path in file(settings).parent.iterdir()] == [".json"]


async def test_events_go_on_to_who_wants_them(settings: Settings) -> None:
    events = EventRecorder()
    run(History(settings).following(events), ("a", HERE, 5.0))
    assert len(events.events) == 3


async def test_what_is_found_in_the_cache_is_forgotten_slowly(settings: Settings) -> None:
    await kept(settings, ("a", HERE, 100.0))
    (past,) = (await kept(settings, ("a", HERE, 1.0))).values()
    assert past.seconds == 90.0
    (past,) = (await kept(settings, ("a", HERE, 95.0))).values()
    assert past.seconds == 95.0
    (past,) = (await kept(settings, ("a", THERE, 20.0))).values()
    assert past == Past(node=THERE, seconds=20.0, speed=Speed.EMULATED)


async def test_what_did_not_end_well_leaves_no_trace(settings: Settings) -> None:
    history = History(settings)
    run(history.following(EventRecorder()), ("a", HERE, 5.0), end="failed")
    await history.keep()
    assert not settings.state.exists()


async def test_who_was_not_built_is_not_in_it(settings: Settings) -> None:
    history, now = History(settings), ManualClock().now()
    id_ = CellId("a", AMD64)
    history.take(CellStarted(at=now, cell=id_, node=HERE))
    history.take(CellFinished(at=now, cell=id_, result=CellResult(cell=id_, exports=())))
    await history.keep()
    assert History(settings).read() == {}


async def test_the_oldest_cells_are_forgotten(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_CELLS", 3)
    await kept(settings, *((name, HERE, 1.0) for name in "abc"))
    assert [key[0] for key in await kept(settings, ("a", HERE, 1.0), ("d", HERE, 1.0))] == [*"cad"]


async def test_the_oldest_directories_are_forgotten(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_DIRECTORIES", 2)
    others = [replace(settings, cwd=Path(f"/{name}")) for name in "xyz"]
    for other in others:
        await kept(other, ("a", HERE, 1.0))
    assert [len(History(other).read()) for other in others] == [0, 1, 1]


def damaged(entry: dict[str, Any]) -> list[bytes]:
    whole: dict[str, Any] = {"schemaVersion": 1, "cells": [entry]}
    changed: list[dict[str, Any]] = [
        {"seconds": "x"}, {"seconds": float("nan")}, {"seconds": -1}, {"seconds": None},
        {"speed": "fast"}, {"platform": "a/b/c/d/e"},
    ]  # fmt: skip
    documents: list[Any] = [
        *({**whole, "cells": [{**entry, **change}]} for change in changed),
        {**whole, "schemaVersion": 2},
        {**whole, "cells": [{}]},
        {**whole, "cells": 5},
        [],
    ]
    return [b"", b"\xff", b"{", b"[" * 100_000, *(json.dumps(item).encode() for item in documents)]


ENTRY = {
    "target": "a", "platform": "linux/amd64", "node": "n", "speed": "native", "seconds": 1,
}  # fmt: skip


@pytest.mark.parametrize("content", damaged(ENTRY))
async def test_a_damaged_file_is_none(settings: Settings, content: bytes) -> None:
    await kept(settings, ("a", HERE, 1.0))
    file(settings).write_bytes(content)
    assert History(settings).read() == {}
    assert list(await kept(settings, ("b", HERE, 1.0))) == ["b@linux/amd64"]


async def test_a_file_that_is_too_large_is_none(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept(settings, ("a", HERE, 1.0))
    monkeypatch.setattr(module, "_MOST_BYTES", 10)
    assert History(settings).read() == {}


async def test_a_directory_that_cannot_be_written_is_no_error(settings: Settings) -> None:
    settings.state.parent.mkdir(parents=True)
    settings.state.write_text("in the way")
    assert await kept(settings, ("a", HERE, 1.0)) == {}


async def test_runs_at_the_same_time_lose_nothing(settings: Settings) -> None:
    histories = [History(settings) for _ in range(5)]
    for number, history in enumerate(histories):
        run(history.following(EventRecorder()), (f"t{number}", HERE, 1.0))
    async with asyncio.TaskGroup() as group:
        for history in histories:
            group.create_task(history.keep())
    assert sorted(key.target for key in History(settings).read()) == [f"t{n}" for n in range(5)]


async def test_who_waits_too_long_for_another_run_gives_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.0)
    await kept(settings, ("a", HERE, 1.0))
    async with locked(file(settings).with_suffix(".lock")):
        found = await kept(settings, ("b", HERE, 1.0))
    assert list(found) == ["a@linux/amd64"]


async def test_a_second_run_goes_to_the_same_nodes(settings: Settings) -> None:
    limited = Terms(max_jobs=2)
    nodes = [fake_node(f"n{number}") for number in range(4)]
    nodes = [replace(n, endpoint=replace(n.endpoint, terms=limited)) for n in nodes]
    targets = {f"t{n}": Target(name=f"t{n}", platforms=("linux/amd64",)) for n in range(40)}
    clock = ManualClock()

    async def once() -> dict[CellId, NodeName]:
        history = History(settings)
        made = plan(targets, list(targets), nodes, AMD64, history=history.read())
        work = Work(
            exports=lambda _: (), link=lambda _: None,  # type: ignore[arg-type,return-value]
            limits={node.name: 2 for node in nodes},
        )  # fmt: skip
        events = history.following(EventRecorder())
        events.emit(PlanReady(at=clock.now(), plan=made))
        engines = {node.name: FakeEngine(node) for node in nodes}
        execution = await execute(made, engines, work, events, clock)
        await history.keep()
        return {cell: built.node for cell, built in execution.built.items()}

    first, second = await once(), await once()
    assert len(first) == 40
    assert set(first.values()) == {node.name for node in nodes}
    assert sum(first[cell] == second[cell] for cell in first) >= 36


def test_what_was_built_twice_at_once_counts_as_what_was_done_first(settings: Settings) -> None:
    history, now = History(settings), ManualClock().now()
    one = cell("a")
    later = now + timedelta(seconds=30)
    history.take(PlanReady(at=now, plan=Plan(cells=(one,), requested=())))
    history.take(CellStarted(at=now, cell=one.id, node=THERE))
    history.take(CellStarted(at=later, cell=one.id, node=HERE, attempt=2, beside=THERE))
    end = later + timedelta(seconds=10)
    history.take(
        RaceEnded(at=end, cell=one.id, attempt=2, node=HERE, left=THERE, reason="slower", since=now)
    )
    history.take(CellFinished(at=end, cell=one.id, result=CellResult(cell=one.id, exports=())))
    asyncio.run(history.keep())
    (past,) = History(settings).read().values()
    assert past == Past(node=THERE, seconds=40.0, speed=Speed.EMULATED)
    assert past.natively_s == 4.0
