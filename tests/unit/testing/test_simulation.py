from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from bakex.errors import DialError, InternalError, NodeLostError, StepFailedError
from bakex.model.node import NodeName, Speed
from bakex.model.plan import Cell, CellId
from bakex.model.platform import Platform
from bakex.model.target import Target
from bakex.testing.fakes import EventRecorder, fake_node
from bakex.testing.simulation import LoopClock, Machine, simulate

CELL = Cell(
    id=CellId("app", Platform.parse("linux/amd64")),
    target=Target(name="app"),
    node=NodeName("n"),
    speed=Speed.NATIVE,
)


def machine(**fields: object) -> Machine:
    return Machine(info=fake_node("n"), seconds=lambda _: 10.0, **fields)  # type: ignore[arg-type]


def ended_s(one: Machine, *, limit_s: float = 1e6) -> float:
    """Build, and return when that ended."""

    async def run() -> float:
        try:
            async with asyncio.timeout(limit_s):
                await one.build(CELL, (), {}, EventRecorder())
        finally:
            times.append(LoopClock().monotonic())
        return times[0]

    times: list[float] = []
    return simulate(run())


def test_time_jumps() -> None:
    async def year() -> str:
        clock = LoopClock()
        await clock.sleep(365 * 86400)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.Event().wait()
        return clock.now().isoformat()

    begun = time.monotonic()
    assert simulate(year()) == "2027-01-01T00:00:10+00:00"
    assert time.monotonic() - begun < 60


def test_a_deadlock_is_an_error() -> None:
    async def stuck() -> None:
        await asyncio.Event().wait()

    with pytest.raises(InternalError, match="stands still"):
        simulate(stuck())


def test_a_machine_takes_its_time() -> None:
    one = machine(pace=2)
    assert ended_s(one) == 20
    assert one.done == one.began == [CELL.id]
    assert (one.most, one.running, one.busy_s) == (1, 0, 20)


def test_a_machine_dies() -> None:
    with pytest.raises(DialError):
        ended_s(machine(dies_s=5))
    with pytest.raises(DialError):
        simulate(machine(dies_s=0).probe())
    assert simulate(machine(dies_s=5).probe()).name == "n"
    assert ended_s(machine(dies_s=11)) == 10


def test_a_machine_hangs_and_may_wake() -> None:
    with pytest.raises(TimeoutError):
        ended_s(machine(hangs_s=5))
    assert ended_s(machine(hangs_s=5, wakes_s=105)) == 110
    assert ended_s(machine(hangs_s=11)) == 10
    with pytest.raises(DialError):
        ended_s(machine(hangs_s=5, dies_s=50))


def test_attempts_break_off_and_steps_fail() -> None:
    with pytest.raises(NodeLostError):
        ended_s(machine(breaks=lambda _: True))
    with pytest.raises(StepFailedError):
        ended_s(machine(fails=lambda _: True))


def test_cells_share_processors() -> None:
    async def run(one: Machine) -> list[float]:
        async def build(delay_s: float) -> None:
            await asyncio.sleep(delay_s)
            with suppress(DialError):
                await one.build(CELL, (), {}, EventRecorder())
            ends.append(LoopClock().monotonic())

        ends: list[float] = []
        async with asyncio.TaskGroup() as group:
            for delay_s in (0, 0, 5):
                group.create_task(build(delay_s))
        return ends

    def ends(**fields: object) -> list[float]:
        one = machine(**fields)
        one.info = replace(one.info, processors=2)
        return simulate(run(one))

    # 5 s alone, then three on two processors until the first two are done, after 7.5 s.
    assert ends() == pytest.approx([12.5, 12.5, 17.5])
    assert ends(dies_s=7) == [7, 7, 7]
    assert ends(hangs_s=2, wakes_s=3) == pytest.approx([14, 14, 18])
