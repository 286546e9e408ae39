"""Nodes that were lost, and are back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from bakex.events import NodeLost, NodeReturned
from bakex.model.running import RunPolicy
from bakex.testing.simulation import simulate
from tests.unit.run.test_failover import LOST, A, B, Farm, altered, cell, cid

if TYPE_CHECKING:
    from bakex.model.result import CellResult

FIVE = [cell(name, "ba") for name in "uvwyz"]


def returns(farm: Farm) -> list[float]:
    """Return the seconds at which nodes were back."""
    seen = [event.at for event in farm.events.of(NodeReturned)]
    return [at.minute * 60 + at.second for at in seen]


def test_a_node_that_is_back_takes_part_again() -> None:
    farm = Farm(cell("x", "ab"), *FIVE, slots=1)
    farm.outages(farm.a, 5, 12)
    built = farm.run()
    assert farm.told(NodeLost, NodeReturned) == [f"lost a: {LOST}", "back a"]
    assert returns(farm) == [13]
    assert farm.a.done
    assert {one.node for one in built.values()} == {A, B}
    assert farm.ended_s < 50  # 60 on `b` alone


def test_a_node_that_is_lost_again_and_again_stays_out() -> None:
    farm = Farm(cell("x", "ab"), *FIVE, cell("t", "ba"), slots=1)
    farm.outages(farm.a, 5, 6, 15, 16, 27, 28)
    farm.run()
    assert farm.told(NodeLost, NodeReturned) == [
        f"lost a: {LOST}", "back a", f"lost a: {LOST}", "back a", f"lost a: {LOST}",
    ]  # fmt: skip
    assert len(farm.a.began) == 3
    assert not farm.a.done
    assert farm.ended_s == 70


def test_a_lost_node_is_asked_less_and_less_often() -> None:
    farm = Farm(cell("x", "ab"), cell("y", "b"))
    farm.a.dies_s = 5
    farm.b.seconds = lambda _: 400.0
    asked: list[float] = []
    closed: list[float] = []
    probe = farm.a.probe

    async def counted() -> Any:
        asked.append(asyncio.get_running_loop().time())
        return await probe()

    async def close() -> None:
        closed.append(asyncio.get_running_loop().time())

    farm.machines[A] = altered(farm.a, probe=counted, build=farm.a.build, aclose=close)
    farm.run()
    assert [round(moment) for moment in asked[:7]] == [5, 13, 23, 43, 83, 143, 203]
    # Each time over a new connection.
    assert closed == asked[1:]


def test_a_node_is_not_back_before_all_that_it_had_has_ended() -> None:
    farm = Farm(cell("x", "ab"), cell("y", "ab"), cell("w", "b"))
    farm.a.seconds = farm.b.seconds = lambda _: 60.0
    farm.a.breaks = lambda one: one.id == cid("x")
    build, stopped = farm.a.build, list[float]()

    async def slow_to_stop(*arguments: Any) -> CellResult:
        try:
            return await build(*arguments)
        except asyncio.CancelledError:
            await asyncio.sleep(17)
            stopped.append(asyncio.get_running_loop().time())
            raise

    farm.machines[A] = special = altered(farm.a, build=slow_to_stop)
    farm.outages(special, 29, 31)
    farm.run()
    assert farm.told(NodeLost) == [f"lost a: {LOST}"]
    assert stopped == [47]
    assert returns(farm) == [47]


@pytest.mark.parametrize("moment", [9.0, 10.0, 13.0, 15.0, 25.0])
def test_cancelled_while_a_node_is_away_or_back(moment: float) -> None:
    farm = Farm(cell("x", "ab"), *FIVE, slots=1)
    farm.outages(farm.a, 5, 12)

    async def stopped() -> None:
        async with asyncio.timeout(moment):
            await farm.carry_out(RunPolicy())

    with pytest.raises(TimeoutError):
        simulate(stopped())
    assert farm.ended_s == moment
