"""Several things at once, and one thing to its end."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from bakex._util.tasks import concurrently, to_end


async def test_results_come_in_the_order_of_the_jobs() -> None:
    async def job(number: int) -> int:
        for _ in range(3 - number):
            await asyncio.sleep(0)
        return number

    assert await concurrently([partial(job, n) for n in range(3)], limit=2) == [0, 1, 2]


async def test_a_job_returns_or_raises_as_it_is() -> None:
    async def good() -> str:
        return "done"

    async def bad() -> str:
        raise KeyError("x")

    assert await to_end(good) == "done"
    with pytest.raises(KeyError):
        await to_end(bad)


@pytest.mark.parametrize("fails", [True, False])
async def test_a_cancelled_caller_waits_for_the_end(*, fails: bool) -> None:
    go, begun, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def job() -> None:
        begun.set()
        await go.wait()
        ended.set()
        if fails:
            raise KeyError("nobody asks for it any more")

    async with asyncio.TaskGroup() as group:
        caller = group.create_task(to_end(job))
        await begun.wait()
        caller.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not caller.done()
        go.set()
    assert caller.cancelled()
    assert ended.is_set()


async def test_a_second_cancellation_ends_the_job() -> None:
    begun = asyncio.Event()
    cancelled: list[bool] = []

    async def job() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async with asyncio.TaskGroup() as group:
        caller = group.create_task(to_end(job))
        await begun.wait()
        caller.cancel()
        await asyncio.sleep(0)
        caller.cancel()
    assert caller.cancelled()
    assert cancelled == [True]
