"""Second attempts on native nodes: the executor as it is, on machines in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakex.errors import NodeLostError, StepFailedError
from bakex.events import CellFinished, CellStarted, RaceEnded, WarningRaised
from bakex.model.node import Speed
from bakex.model.plan import Broken
from bakex.model.result import CellResult, PushImage, SaveTree
from bakex.model.running import RunPolicy
from bakex.testing.simulation import LoopClock, simulate
from tests.unit.run.test_failover import LOST, A, B, C, Farm, altered, cell, cid

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from bakex.model.plan import Cell, CellId
    from bakex.model.result import ExportRequest

# 100 s where it is emulated, 10 s where it is not.
SLOW = replace(cell("x"), speed=Speed.EMULATED, alternatives=((B, Speed.NATIVE),))


def nothing(_: Cell) -> Sequence[ExportRequest]:
    return ()


def race(
    *cells: Cell,
    exports: Callable[[Cell], Sequence[ExportRequest]] = nothing,
    natively: Callable[[Cell], float] = lambda _: 0.0,
) -> Farm:
    """Return a farm whose native node is busy for 10 s when all begins."""
    farm = Farm(*(cells or (SLOW,)), cell("y", "b"), slots=1)
    farm.work = replace(farm.work, exports=exports, natively=natively)
    return farm


def test_a_native_node_that_becomes_free_is_faster() -> None:
    farm = race()
    built = farm.run(speculate=True)
    assert farm.told(CellStarted, RaceEnded, CellFinished) == [
        "x 1 on a", "y 1 on b", "y done", "x 2 on b", "x on b, not a: b was done first", "x done",
    ]  # fmt: skip
    assert (built["x"].node, built["x"].speed) == (B, Speed.NATIVE)
    assert (built["x"].attempts, built["x"].seconds) == (2, 10)
    assert built["x"].broken == (Broken(node=A, reason="b was done first"),)
    assert farm.ended_s == 40
    (second,) = [e for e in farm.events.of(CellStarted) if e.attempt == 2]  # type: ignore[union-attr]
    assert second.beside == A  # type: ignore[union-attr]


def test_nothing_is_built_twice_unless_wanted() -> None:
    farm = race()
    assert farm.run()["x"].attempts == 1
    assert farm.ended_s == 100


def test_the_first_attempt_may_win() -> None:
    farm = race()
    farm.b.seconds = lambda one: 200.0 if one.id == cid("x") else 10.0
    built = farm.run(speculate=True)
    assert farm.told(RaceEnded) == ["x on a, not b: a was done first"]
    assert (built["x"].node, built["x"].speed, built["x"].seconds) == (A, Speed.EMULATED, 100)
    assert built["x"].broken == (Broken(node=B, reason="a was done first"),)
    assert farm.ended_s == 100
    (ended,) = farm.events.of(RaceEnded)
    assert ended.since.minute == ended.since.second == 0  # type: ignore[union-attr]


def test_an_attempt_that_fails_leaves_it_to_the_other_one() -> None:
    farm = race()
    farm.b.fails = lambda one: one.id == cid("x")
    built = farm.run(speculate=True)
    assert farm.told(RaceEnded) == ["x on a, not b: x@linux/amd64: a step failed"]
    assert built["x"].node == A
    # It is not tried a third time.
    assert farm.told(CellStarted) == ["x 1 on a", "y 1 on b", "x 2 on b"]
    farm = race()
    farm.a.dies_s = 35.0
    built = farm.run(speculate=True)
    assert farm.told(RaceEnded) == [f"x on b, not a: lost: {LOST}"]
    assert (built["x"].node, farm.ended_s) == (B, 40)


def test_both_attempts_fail() -> None:
    farm = race()
    farm.a.fails = farm.b.fails = lambda one: one.id == cid("x")
    (error,) = farm.fail(speculate=True, keep_going=True).exceptions
    assert isinstance(error, StepFailedError)
    assert error.detail == "attempt 1, b: x@linux/amd64: a step failed"
    assert farm.told(CellFinished) == ["y done", "x bad"]
    farm = race()
    farm.a.dies_s = farm.b.dies_s = 35.0
    (lost,) = farm.fail(speculate=True, keep_going=True).exceptions
    assert isinstance(lost, NodeLostError)
    assert "no node is left" in lost.summary


def test_after_a_race_a_cell_is_tried_again_as_any_other() -> None:
    farm = race()
    farm.b.breaks = lambda one: one.id == cid("x") and farm.b.began.count(one.id) == 1
    farm.a.dies_s = 50.0
    built = farm.run(speculate=True)
    assert farm.told(RaceEnded) == ["x on a, not b: lost the connection to b"]
    assert farm.told(CellStarted)[-1] == "x 3 on b"
    assert built["x"].attempts == 3


def test_how_long_is_long() -> None:
    """As long as it is expected to take natively, by what is known of the past."""
    farm = race(natively=lambda _: 60.0)
    farm.run(speculate=True)
    assert farm.ended_s == 70
    farm = race(natively=lambda _: 1.0)
    farm.run(speculate=True)
    assert farm.ended_s == 40


def test_only_what_has_no_place_of_its_own_is_built_twice() -> None:
    farm = race(exports=lambda _: (SaveTree(directory=Path("/nowhere")),))
    farm.run(speculate=True)
    assert not farm.told(RaceEnded)
    farm = race(exports=lambda _: (PushImage(repositories=("r.example/x",)),))
    farm.run(speculate=True)
    assert farm.told(RaceEnded)


def test_a_busy_node_and_a_full_run_begin_nothing() -> None:
    farm = race()
    farm.b.seconds = lambda one: 10.0 if one.id == cid("x") else 200.0
    farm.run(speculate=True)
    assert not farm.told(RaceEnded)
    farm = race()
    farm.run(speculate=True, jobs=1)
    assert not farm.told(RaceEnded)


def test_a_cell_that_others_are_built_on_is_not_moved() -> None:
    farm = race(SLOW, replace(SLOW, id=cid("z"), after=(SLOW.id,), direct=frozenset({SLOW.id})))
    farm.run(speculate=True)
    assert not farm.told(RaceEnded)


def test_a_result_that_comes_when_the_other_one_is_there_counts_for_nothing() -> None:
    farm = race()
    build = farm.a.build

    async def stubborn(*arguments: Any) -> CellResult:
        try:
            return await build(*arguments)
        except asyncio.CancelledError:
            return CellResult(cell=arguments[0].id, exports=(), ref="late")

    farm.machines[A] = altered(farm.a, build=stubborn)
    farm.work = replace(farm.work, finished=_once())
    assert farm.run(speculate=True)["x"].node == B
    assert farm.told(CellFinished) == ["y done", "x done"]
    assert farm.ended_s == 40


def _once() -> Callable[[Cell, CellResult], Coroutine[Any, Any, None]]:
    seen: set[CellId] = set()

    async def follow(cell: Cell, _: CellResult) -> None:
        assert cell.id not in seen
        seen.add(cell.id)

    return follow


def test_the_other_one_is_done_while_the_node_of_one_that_broke_off_is_asked() -> None:
    farm = race()
    farm.a.seconds = lambda _: 7.8  # breaks off at 39 s

    async def slow_answer() -> Any:
        await asyncio.sleep(4)
        return farm.a.info

    farm.machines[A] = special = altered(farm.a, build=farm.a.build, probe=slow_answer)
    farm.a.breaks = lambda _: True
    assert special.info is farm.a.info
    built = farm.run(speculate=True)
    assert built["x"].broken == (Broken(node=A, reason="b was done first"),)
    assert farm.told(RaceEnded) == ["x on b, not a: b was done first"]
    assert farm.told(CellFinished) == ["y done", "x done"]


def test_what_is_told_of_a_cell_comes_from_one_node_at_a_time() -> None:
    """What the first attempt says meanwhile is told if it wins, and only then."""

    def talking(farm: Farm, machine: Any, word: str) -> Any:
        build = machine.build

        async def talk(events: Any) -> None:
            while True:
                await asyncio.sleep(16)
                events.emit(WarningRaised(at=LoopClock().now(), cell=None, diagnostic=word))  # type: ignore[arg-type]

        async def with_talk(*arguments: Any) -> CellResult:
            async with asyncio.TaskGroup() as group:
                said = group.create_task(talk(arguments[3]))
                result: CellResult = await build(*arguments)
                said.cancel()
            return result

        return altered(machine, build=with_talk)

    def words(*, wins: bool) -> list[str]:
        farm = race()
        farm.b.seconds = lambda one: (25.0 if wins else 200.0) if one.id == cid("x") else 10.0
        for name in (A, B):
            farm.machines[name] = talking(farm, farm.machines[name], name)
        farm.run(speculate=True)
        return [e.diagnostic for e in farm.events.of(WarningRaised)]  # type: ignore[union-attr, misc]

    assert words(wins=True) == ["a", "b"]
    assert words(wins=False) == ["a", *"bbbb", *"aaaaa"]


@pytest.mark.parametrize("moment", [30.0, 31.0, 39.9, 40.0])
def test_cancelled_in_mid_race(moment: float) -> None:
    farm = race(SLOW, cell("last", "c"))
    farm.c.seconds = lambda _: 1000.0

    async def stopped() -> None:
        async with asyncio.timeout(moment):
            await farm.carry_out(RunPolicy(speculate=True))

    with pytest.raises(TimeoutError):
        simulate(stopped())
    assert farm.ended_s == moment


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 1 << 32))
def test_whatever_happens_each_cell_is_done_once_and_raced_at_most_once(seed: int) -> None:
    dice = Random(seed)
    names = [f"t{n}" for n in range(dice.randint(1, 8))]
    cells = [
        replace(
            cell(name, dice.choice(["abc", "cab", "bca"])),
            speed=Speed.EMULATED,
            alternatives=((dice.choice([B, C]), Speed.NATIVE),),
            node=A,
        )
        for name in names
    ]
    farm = Farm(*cells, *(cell(f"y{n}", dice.choice(["ba", "ca"])) for n in range(3)), slots=1)
    lengths = {one.id: dice.uniform(1, 60) for one in farm.plan.cells}
    for machine in farm.machines.values():
        machine.seconds = lambda one: lengths[one.id]
        machine.pace = dice.choice([0.5, 1, 20])
    for machine in (farm.b, farm.c):
        if dice.random() < 0.4:
            farm.outages(machine, *sorted(dice.uniform(1, 300) for _ in range(4)))
    # A node that is lost is no reason to fail as long as `a` is there.
    built = farm.run(speculate=True, jobs=dice.choice([0, 0, 2]), attempts=9)
    assert built.keys() == {one.id.target for one in farm.plan.cells}
    assert all(machine.most == 1 for machine in farm.machines.values() if machine.began)
    ends = [text.split()[0] for text in farm.told(RaceEnded)]
    assert len(ends) == len(set(ends))
    assert sorted(farm.told(CellFinished)) == sorted(
        f"{one.id.target} done" for one in farm.plan.cells
    )
