"""Losses, retries and limits, in virtual time: the executor as it is, on machines that fail."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from bakex.errors import (
    BuildTimeoutError,
    NodeLostError,
    OutputError,
    RunFailedError,
    StalledError,
    StepFailedError,
)
from bakex.events import (
    CellFinished,
    CellRetried,
    CellStarted,
    NodeLost,
    NodeReturned,
    RaceEnded,
    WarningRaised,
)
from bakex.model.node import NodeName, Speed
from bakex.model.plan import Broken, Cell, CellId, Plan
from bakex.model.platform import Platform
from bakex.model.running import RunPolicy
from bakex.model.target import Target
from bakex.run.executor import execute
from bakex.run.work import Work
from bakex.testing.fakes import EventRecorder, fake_node
from bakex.testing.simulation import LoopClock, Machine, simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from bakex.model.plan import Built
    from bakex.model.result import CellResult
    from bakex.model.running import Execution

AMD64 = Platform.parse("linux/amd64")
A, B, C = (NodeName(name) for name in "abc")
LOST = "a: connection refused"


def cid(name: str) -> CellId:
    return CellId(name, AMD64)


def cell(name: str, places: str = "ab", *, after: str = "", direct: str = "", **more: Any) -> Cell:
    bases = f"{after} {direct}".split()
    first, *others = [NodeName(place) for place in places]
    return Cell(
        id=cid(name),
        target=Target(name=name),
        node=first,
        speed=Speed.NATIVE,
        alternatives=tuple((other, Speed.NATIVE) for other in others),
        after=tuple(map(cid, bases)),
        links=tuple((base, cid(base)) for base in bases),
        direct=frozenset(map(cid, direct.split())),
        **more,
    )


class Farm:
    """Three machines on which cells take 10 s, and what happened there."""

    def __init__(self, *cells: Cell, slots: int = 8) -> None:
        self.plan = Plan(cells=cells, requested=())
        self.machines = {
            NodeName(name): Machine(info=fake_node(name), seconds=lambda _: 10.0) for name in "abc"
        }
        self.a, self.b, self.c = self.machines.values()
        self.events = EventRecorder()
        self.work = Work(exports=lambda _: (), link=lambda result: result, slots=slots)  # type: ignore[arg-type, return-value]
        self.ended_s = 0.0
        self.later: dict[float, Callable[[], object]] = {}

    def outages(self, machine: Machine, *times: float) -> None:
        """Have a machine die at the first time, be back at the second, die at the third ..."""
        machine.dies_s, *times_left = times
        ends = [*times_left[1::2], math.inf]
        for back, end in zip(times_left[::2], ends, strict=False):
            self.later[back] = partial(setattr, machine, "dies_s", end)

    async def carry_out(self, policy: RunPolicy) -> Execution:
        for moment, act in self.later.items():
            asyncio.get_running_loop().call_at(moment, act)
        try:
            return await execute(
                self.plan, self.machines, self.work, self.events, LoopClock(), policy
            )
        finally:
            self.ended_s = asyncio.get_running_loop().time()
            assert not any(machine.running or machine.kept for machine in self.machines.values())
            rest = asyncio.all_tasks() - {asyncio.current_task()}
            assert not rest, "tasks are left over"

    def run(self, **policy: Any) -> dict[str, Built]:
        done = simulate(self.carry_out(RunPolicy(**policy)))
        assert done.results.keys() == done.built.keys()
        return {cell.target: built for cell, built in done.built.items()}

    def fail(self, **policy: Any) -> RunFailedError:
        with pytest.raises(RunFailedError) as caught:
            simulate(self.carry_out(RunPolicy(**policy)))
        return caught.value

    def told(self, *kinds: type) -> list[str]:
        return [text for event in self.events.events if (text := _told(event, kinds))]


def _told(event: object, kinds: tuple[type, ...]) -> str:
    if not isinstance(event, kinds):
        return ""
    match event:
        case CellStarted():
            return f"{event.cell.target} {event.attempt} on {event.node}"
        case CellRetried():
            return f"{event.cell.target} {event.attempt} on {event.node}: {event.reason}"
        case NodeLost():
            return f"lost {event.node}: {event.reason}"
        case NodeReturned():
            return f"back {event.node}"
        case RaceEnded():
            return f"{event.cell.target} on {event.left}, not {event.node}: {event.reason}"
        case CellFinished():
            ways = {
                event.cancelled: "cancelled",
                event.skipped: "skipped",
                bool(event.error): "bad",
            }
            return f"{event.cell.target} {ways.get(True, 'done')}"
        case _:
            return ""


def test_a_node_dies_and_an_equal_one_takes_its_cells() -> None:
    farm = Farm(cell("x"), cell("y", "b"), cell("z"), slots=1)
    farm.a.dies_s = 5
    built = farm.run()
    assert farm.told(NodeLost, CellRetried) == [
        f"lost a: {LOST}", f"x 1 on a: lost: {LOST}",
    ]  # fmt: skip
    assert {name: one.node for name, one in built.items()} == {"x": B, "y": B, "z": B}
    assert built["x"].broken == (Broken(node=A, reason=f"lost: {LOST}"),)
    assert (built["x"].attempts, built["x"].seconds) == (2, 10)
    assert built["y"].broken == ()
    assert farm.b.done.count(cid("y")) == 1
    assert farm.ended_s == 30


def test_an_attempt_that_breaks_off_is_repeated_elsewhere_after_a_pause() -> None:
    farm = Farm(cell("x", "ab"), cell("y", "c"))
    farm.a.breaks, farm.c.breaks = lambda _: True, lambda _: len(farm.c.began) == 1
    built = farm.run()
    assert farm.told(NodeLost) == []
    assert sorted(farm.told(CellStarted)) == ["x 1 on a", "x 2 on b", "y 1 on c", "y 2 on c"]
    assert built["x"].broken == (Broken(node=A, reason="lost the connection to a"),)
    assert 15.5 <= farm.ended_s <= 16


def test_attempts_come_to_an_end() -> None:
    farm = Farm(cell("x", "ab"), cell("y", "c"))
    for machine in farm.machines.values():
        machine.breaks = lambda cell: cell.id == cid("x")
    error = farm.fail(keep_going=True)
    assert farm.told(CellStarted) == ["x 1 on a", "y 1 on c", "x 2 on b", "x 3 on a"]
    (failure,) = error.exceptions
    assert isinstance(failure, NodeLostError)
    assert failure.detail.splitlines() == [
        "attempt 1, a: lost the connection to a",
        "attempt 2, b: lost the connection to b",
        "attempt 3, a: lost the connection to a",
    ]
    assert farm.ended_s > 15 + 0.5 + 1  # the pauses grow
    assert len(Farm(cell("x")).run(attempts=1)) == 1


def test_all_nodes_are_lost() -> None:
    farm = Farm(cell("x"), cell("y"), cell("z", "c"), cell("later", "c", after="x"))
    farm.a.dies_s, farm.b.dies_s = 5, 8
    error = farm.fail()
    first, *_ = error.exceptions
    assert isinstance(first, NodeLostError)
    assert first.summary == "x@linux/amd64: no node is left that builds linux/amd64"
    assert first.detail.splitlines() == [
        "a was lost: a: connection refused", "b was lost: b: connection refused",
    ]  # fmt: skip
    assert "x bad" in farm.told(CellFinished)
    assert len(farm.told(CellFinished)) == 4
    farm = Farm(cell("x"), cell("y"), cell("z", "c"), cell("later", "c", after="x"))
    farm.a.dies_s, farm.b.dies_s = 5, 8
    assert len(farm.fail(keep_going=True).exceptions) == 2
    assert sorted(farm.told(CellFinished)) == ["later skipped", "x bad", "y bad", "z done"]


@pytest.mark.parametrize("moment", [0.0, 3.0, 7.9, 8.1, 12.9, 13.1])
def test_a_node_that_hangs_is_lost_within_half_a_minute(moment: float) -> None:
    farm = Farm(cell("x"), cell("y", "b"))
    farm.a.seconds = farm.b.seconds = lambda _: 40.0
    farm.a.hangs_s = moment
    built = farm.run()
    assert farm.told(NodeLost) == ["lost a: no answer for 5 s"]
    assert built["x"].node == B
    assert farm.ended_s - 40 <= moment + 30


def test_a_node_that_is_silent_once_is_not_lost() -> None:
    farm = Farm(cell("x"))
    farm.a.seconds = lambda _: 60.0
    farm.a.hangs_s, farm.a.wakes_s = 7.0, 14.0
    assert farm.run()["x"].attempts == 1
    assert farm.told(NodeLost) == []


def test_a_node_that_has_news_of_its_cells_is_not_lost() -> None:
    """It may be too busy to answer."""
    farm = Farm(cell("x", "a"))
    build = farm.a.build

    async def busy(*arguments: Any) -> CellResult:
        async with asyncio.TaskGroup() as group:
            talk = group.create_task(_talk(arguments[3]))
            result = await build(*arguments)
            talk.cancel()
        return result

    async def deaf() -> Any:
        await asyncio.sleep(1e9)

    farm.machines[A] = altered(farm.a, build=busy, probe=deaf)
    assert farm.run()["x"].node == A
    farm.a.seconds = lambda _: 100.0
    assert farm.run()["x"].node == A


async def _talk(events: Any) -> None:
    while True:
        await asyncio.sleep(1)
        events.emit(WarningRaised(at=LoopClock().now(), cell=None, diagnostic=None))  # type: ignore[arg-type]


def altered(machine: Machine, **methods: Callable[..., Coroutine[Any, Any, Any]]) -> Machine:
    """Return a machine that does some things otherwise."""
    kind = type("Special", (Machine,), {k: staticmethod(m) for k, m in methods.items()})
    special: Machine = kind(info=machine.info, seconds=machine.seconds)
    return special


def test_what_builds_on_a_lost_result_waits_until_it_is_made_again() -> None:
    cells = cell("base", "ab"), cell("app", "ab", direct="base"), cell("other", "c", after="base")
    farm = Farm(*cells)
    farm.a.dies_s = 15
    built = farm.run()
    assert farm.told(CellStarted, NodeLost) == [
        "base 1 on a", "app 1 on a", "other 1 on c", f"lost a: {LOST}", "base 1 on b", "app 2 on b",
    ]  # fmt: skip
    assert built["base"].node == built["app"].node == B
    assert farm.ended_s == 35
    assert farm.c.done == [cid("other")]


def test_who_uses_the_content_of_a_lost_result_needs_no_new_one() -> None:
    cells = (
        cell("base", "ab"), cell("app", "ab", direct="base"),
        cell("slow", "c"), cell("other", "c", after="base"),
    )  # fmt: skip
    farm = Farm(*cells, slots=1)
    farm.c.seconds = lambda _: 16.0  # `other` begins when `base` is being made again
    farm.a.dies_s = 15
    farm.run()
    assert farm.c.done == [cid("slow"), cid("other")]


def test_a_result_that_is_lost_while_something_follows_from_it_is_made_again() -> None:
    farm = Farm(cell("base", "ab"), cell("app", "ab", direct="base"), cell("x", "a"))
    followed: list[str] = []

    async def follow(cell: Cell, _: CellResult) -> None:
        followed.append(f"{cell.id.target} of {cell.node}")
        await asyncio.sleep(30 if len(followed) == 1 else 0)

    farm.work = replace(farm.work, finished=follow)
    farm.a.seconds = lambda cell: 10.0 if cell.id == cid("base") else 20.0
    farm.a.dies_s = 15
    error = farm.fail(keep_going=True)
    assert "x@linux/amd64: no node" in error.exceptions[0].summary  # type: ignore[union-attr]
    assert followed == ["base of a", "base of b", "app of b"]


def test_a_result_that_is_there_is_not_given_up_with_its_node() -> None:
    farm = Farm(cell("done", "ab"), cell("x", "ab"))

    async def follow(cell: Cell, _: CellResult) -> None:
        await asyncio.sleep(30 if cell.id == cid("done") else 0)

    farm.work = replace(farm.work, finished=follow)
    farm.a.seconds = lambda cell: 10.0 if cell.id == cid("done") else 20.0
    farm.a.dies_s = 15
    built = farm.run()
    assert (built["done"].node, built["done"].attempts) == (A, 1)
    assert built["x"].node == B


def test_what_cannot_be_made_again_ends_what_needs_it() -> None:
    farm = Farm(cell("base", "ab"), cell("app", "ab", direct="base"), cell("z", "c"))
    farm.a.dies_s = 15
    farm.b.fails = lambda _: True
    error = farm.fail(keep_going=True)
    assert len(error.exceptions) == 1
    assert farm.told(CellFinished) == ["base done", "z done", "base bad", "app skipped"]


@pytest.mark.parametrize("can_be_made", [True, False])
def test_what_takes_long_to_stop_does_not_run_twice_nor_hold_its_slot(*, can_be_made: bool) -> None:
    """What it needs is made again, or cannot be, while it still runs on the node that was lost."""
    farm = Farm(cell("base", "ab"), cell("app", "ab", direct="base"), cell("y", "a"))
    build = farm.a.build

    async def slow_to_stop(*arguments: Any) -> CellResult:
        try:
            return await build(*arguments)
        except asyncio.CancelledError:
            await asyncio.sleep(20)
            raise

    farm.machines[A] = altered(farm.a, build=slow_to_stop)
    farm.machines[A].dies_s = 12.0  # which is noticed when `y` breaks off, at 15 s
    farm.a.seconds = lambda cell: 10.0 if cell.id == cid("base") else 30.0
    farm.a.breaks = lambda cell: cell.id == cid("y")
    farm.b.fails = lambda _: not can_be_made
    error = farm.fail(keep_going=True, jobs=3)
    ends = farm.told(CellFinished)
    assert any("y@linux/amd64: no node" in str(one) for one in error.exceptions)
    if can_be_made:
        assert ends == ["base done", "y bad", "base done", "app done"]
        assert farm.b.began == [cid("base"), cid("app")]
    else:
        assert ends == ["base done", "y bad", "base bad", "app skipped"]
        assert farm.b.began == [cid("base")]


def test_a_failing_step_is_the_users_and_is_repeated_only_on_request() -> None:
    farm = Farm(cell("x", "ab"), cell("y", "c", retries=2))
    farm.a.fails = farm.c.fails = lambda _: True
    error = farm.fail(keep_going=True)
    assert [type(one) for one in error.exceptions] == [StepFailedError] * 2
    assert farm.told(CellStarted) == ["x 1 on a", "y 1 on c", "y 2 on c", "y 3 on c"]
    farm = Farm(cell("y", "c", retries=1))
    farm.c.fails = lambda _: farm.c.began.count(cid("y")) == 1
    assert farm.run()["y"].broken == (
        Broken(node=C, reason="y@linux/amd64: a step failed"),
    )  # fmt: skip


def test_losses_do_not_use_up_what_a_target_may_repeat() -> None:
    farm = Farm(cell("x", "abc", retries=1))
    farm.a.dies_s = 5
    farm.b.fails = lambda _: farm.b.began.count(cid("x")) == 1
    assert farm.run()["x"].attempts == 3


def test_a_step_that_fails_because_its_daemon_ends_is_lost() -> None:
    """A daemon that is stopped in good order kills the steps, and says that they failed."""
    farm = Farm(cell("x", "ab"))
    farm.a.fails, farm.a.dies_s = lambda _: True, 10.000001
    silence = farm.a.probe

    async def refuse() -> Any:
        await asyncio.sleep(0.1)
        return await silence()

    special = altered(farm.a, probe=refuse)
    special.fails, special.dies_s = lambda _: True, 10.000001
    farm.machines[A] = special
    assert farm.run()["x"].node == B


def test_a_bug_in_an_engine_is_not_mistaken_for_a_failure() -> None:
    farm = Farm(cell("x", "a"), cell("y", "b"))

    async def broken(*_: Any) -> CellResult:
        await asyncio.sleep(5)
        raise ZeroDivisionError

    farm.machines[A] = altered(farm.a, build=broken)
    with pytest.raises(ExceptionGroup) as caught:
        farm.run()
    assert caught.group_contains(ZeroDivisionError)
    assert not isinstance(caught.value, RunFailedError)
    assert farm.told(CellFinished) == ["x cancelled", "y cancelled"]


def test_the_time_of_a_target_is_limited() -> None:
    farm = Farm(cell("x", "ab", timeout_s=4.0), cell("y", "b"))
    error = farm.fail(keep_going=True)
    (failure,) = error.exceptions
    assert isinstance(failure, BuildTimeoutError)
    assert failure.summary == "x@linux/amd64: the build takes longer than 4 s"
    assert farm.told(CellStarted) == ["x 1 on a", "y 1 on b"]
    assert farm.told(CellFinished) == ["x bad", "y done"]
    assert farm.ended_s == 10


def test_the_time_of_a_run_is_limited() -> None:
    farm = Farm(cell("x", "a"), cell("y", "b"), cell("z", "c", after="x"))
    error = farm.fail(timeout_s=15, keep_going=True)
    assert "the run takes longer than 15 s" in str(error.exceptions[0])
    assert farm.told(CellFinished) == ["x done", "y done", "z bad"]
    assert farm.ended_s == 16
    assert Farm(cell("x")).run(timeout_s=11)


def test_a_cell_that_says_nothing_goes_elsewhere() -> None:
    farm = Farm(cell("x", "ab"))
    farm.a.seconds = lambda _: 1000.0
    built = farm.run(stall_s=20)
    assert built["x"].broken == (Broken(node=A, reason="x@linux/amd64: no progress for 20 s"),)
    assert built["x"].node == B
    farm = Farm(cell("x", "ab"))
    farm.a.seconds = farm.b.seconds = lambda _: 1000.0
    assert "attempt 3, a: x@linux/amd64: no progress" in farm.fail(stall_s=20).exceptions[0].detail  # type: ignore[union-attr]
    farm = Farm(cell("x", "a"))
    farm.a.seconds = lambda _: 1000.0
    assert isinstance(farm.fail(stall_s=20, attempts=1).exceptions[0], StalledError)


def test_signs_of_life_are_no_stall() -> None:
    farm = Farm(cell("x", "a"))
    build = farm.a.build

    async def talking(*arguments: Any) -> CellResult:
        async with asyncio.TaskGroup() as group:
            talk = group.create_task(_talk(arguments[3]))
            result = await build(*arguments)
            talk.cancel()
        return result

    farm.machines[A] = altered(farm.a, build=talking)
    assert farm.run(stall_s=3)["x"].attempts == 1


def test_after_a_failure_what_does_not_need_it_goes_on_if_wanted() -> None:
    cells = cell("bad", "a"), cell("user", "a", after="bad"), cell("good", "b"), cell("tail", "b")
    farm = Farm(*cells, slots=1)
    farm.a.fails = lambda _: True
    assert len(farm.fail(keep_going=True).exceptions) == 1
    assert sorted(farm.told(CellFinished)) == ["bad bad", "good done", "tail done", "user skipped"]


def test_a_failure_that_is_tolerated_is_told_with_one_that_is_not() -> None:
    farm = Farm(cell("gate", "a"), cell("bad", "b"), cell("good", "c"))
    farm.a.fails = farm.b.fails = lambda _: True
    farm.work = replace(farm.work, tolerates=lambda cell, _: cell.id == cid("gate"))
    assert len(farm.fail(keep_going=True).exceptions) == 2
    assert "good done" in farm.told(CellFinished)


def test_what_follows_from_a_cell_ends_the_run_in_any_case() -> None:
    farm = Farm(cell("x", "a"), cell("y", "b"), cell("z", "b", after="y"))

    async def follow(_: Cell, __: CellResult) -> None:
        raise OutputError("no space left")

    farm.work = replace(farm.work, finished=follow)
    assert "no space left" in str(farm.fail(keep_going=True).exceptions[0])


def test_all_nodes_together_have_a_limit() -> None:
    farm = Farm(*(cell(name, places) for name, places in zip("uvwxyz", "aabbcc", strict=True)))
    farm.run(jobs=2)
    assert farm.ended_s == 30


def test_a_free_node_helps_a_busy_one() -> None:
    farm = Farm(*(cell(name, "abc") for name in "uvwxyz"), slots=1)
    farm.run()
    assert farm.ended_s == 20
    assert [len(machine.done) for machine in farm.machines.values()] == [2, 2, 2]


@pytest.mark.parametrize("moment", [0.0, 5.0, 10.0, 10.5, 12.0, 15.0, 16.0, 25.0])
def test_cancelled_from_outside_at_any_moment(moment: float) -> None:
    """While cells build, while one waits for its next attempt, while a node is being asked."""
    cells = (
        cell("base", "ab"), cell("app", "ab", direct="base"), cell("x", "ca"), cell("y", "a"),
    )  # fmt: skip
    farm = Farm(*cells)
    farm.c.breaks = lambda _: True
    farm.a.hangs_s = 12.0

    async def stopped() -> None:
        async with asyncio.timeout(moment):
            await farm.carry_out(RunPolicy(stall_s=50))

    with pytest.raises(TimeoutError):
        simulate(stopped())
    assert farm.ended_s == moment
    last = {event.cell: event for event in farm.events.of(CellFinished)}  # type: ignore[union-attr]
    assert len(last) == 4


def test_what_breaks_off_again_and_again_while_its_node_is_lost_ends_once() -> None:
    """An attempt in its pause is not stopped when its node is given up meanwhile."""
    farm = Farm(cell("x", "ab"), cell("y", "ab"))
    farm.a.breaks = lambda cell: cell.id == cid("x")
    farm.a.seconds = lambda cell: 10.0 if cell.id == cid("x") else 5.4
    farm.a.dies_s = 5.3
    built = farm.run()
    assert {one.node for one in built.values()} == {B}
    assert sorted(farm.told(CellFinished)) == ["x done", "y done"]
