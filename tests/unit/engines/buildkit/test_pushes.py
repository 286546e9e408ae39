from __future__ import annotations

import asyncio

import pytest

from bakex.engines.buildkit.pushes import ATTEMPTS, Pushes
from bakex.errors import DeniedError, PushError
from bakex.testing.clock import ManualClock

HERE = ("r.example/app",)


async def test_a_refused_push_waits_for_the_others_and_is_repeated() -> None:
    pushes, other = Pushes(ManualClock()), asyncio.Event()
    order: list[str] = []

    async def slow(tries: int) -> str:
        await other.wait()
        order.append("slow is done")
        return "slow"

    async def refused_once(tries: int) -> str:
        if not tries:
            other_is_under_way.set()
            raise PushError("a blob is missing")
        order.append("repeated")
        return "done"

    other_is_under_way = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(pushes.run(HERE, slow))
        second = group.create_task(pushes.run(HERE, refused_once))
        await other_is_under_way.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        assert order == []
        other.set()
    assert (first.result(), second.result()) == ("slow", "done")
    assert order == ["slow is done", "repeated"]


async def test_all_of_several_that_are_refused_get_through() -> None:
    pushes = Pushes(ManualClock())

    async def refused_once(tries: int) -> int:
        await asyncio.sleep(0)
        if not tries:
            raise PushError("a blob is missing")
        return tries

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(pushes.run(HERE, refused_once)) for _ in range(5)]
    assert [task.result() for task in tasks] == [1] * 5


async def test_it_gives_up_with_the_last_refusal() -> None:
    clock = ManualClock()
    seen: list[int] = []

    async def never(tries: int) -> None:
        seen.append(tries)
        raise PushError(f"refused {tries}")

    with pytest.raises(PushError, match=f"refused {ATTEMPTS - 1}"):
        await Pushes(clock).run(HERE, never)
    assert seen == list(range(ATTEMPTS))
    assert clock.slept == [0.5, 1.0, 1.5]


@pytest.mark.parametrize("repositories", [HERE, ()])
async def test_other_failures_are_not_repeated(repositories: tuple[str, ...]) -> None:
    seen: list[int] = []

    async def denied(tries: int) -> None:
        seen.append(tries)
        raise DeniedError("no")

    with pytest.raises(DeniedError):
        await Pushes(ManualClock()).run(repositories, denied)
    assert seen == [0]


async def test_what_pushes_nothing_is_not_repeated() -> None:
    async def refused(tries: int) -> None:
        assert not tries
        raise PushError("no")

    with pytest.raises(PushError):
        await Pushes(ManualClock()).run((), refused)
