"""The limit of requests in flight."""

from __future__ import annotations

import asyncio

from bakex.registry.retry import Gate
from bakex.registry.slots import Slots
from bakex.testing.clock import ManualClock


async def most(slots: Slots, tasks: int) -> int:
    """Return how many of several tasks were inside at the same time."""
    inside = found = 0

    async def one() -> None:
        nonlocal inside, found
        async with slots:
            inside += 1
            found = max(found, inside)
            for _ in range(20):
                await asyncio.sleep(0)
            inside -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(one())
    return found


async def test_the_limit_shrinks_and_grows() -> None:
    slots = Slots(Gate(ManualClock()), 8)
    assert await most(slots, 20) == 8
    slots.shrink()
    assert await most(slots, 20) == 4
    slots.shrink()
    slots.shrink()
    slots.shrink()
    assert (slots.limit, await most(slots, 20)) == (1, 1)
    slots.grow()
    assert await most(slots, 20) == 2
    for _ in range(200):
        slots.grow()
    assert (slots.limit, await most(slots, 20)) == (8, 8)


async def test_slots_in_use_disappear_when_they_are_given_back() -> None:
    slots = Slots(Gate(ManualClock()), 4)
    async with slots, slots, slots:
        slots.shrink()
    assert await most(slots, 20) == 2


async def test_who_waited_for_a_slot_looks_at_the_gate_again() -> None:
    clock = ManualClock()
    gate = Gate(clock)
    slots = Slots(gate, 1)
    entered: list[float] = []

    async def late() -> None:
        async with slots:
            entered.append(clock.monotonic())

    async with asyncio.TaskGroup() as group, slots:
        group.create_task(late())
        await asyncio.sleep(0)
        gate.close(5.0)
    assert entered == [5.0]


async def test_a_turn_is_not_lost_when_its_owner_gives_up() -> None:
    slots = Slots(Gate(ManualClock()), 1)
    entered = asyncio.Event()

    async def enter() -> None:
        async with slots:
            entered.set()

    async with asyncio.TaskGroup() as group:
        async with slots:
            first = group.create_task(enter())
            group.create_task(enter())
            await asyncio.sleep(0)
        first.cancel()
        async with asyncio.timeout(5):
            await entered.wait()
