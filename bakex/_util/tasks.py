"""Running several things at once with a bound, in a task group that shows one plain error."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

_T = TypeVar("_T")


async def concurrently(jobs: Sequence[Callable[[], Awaitable[_T]]], *, limit: int) -> list[_T]:
    """Run the jobs, at most `limit` at a time, and return their results in the jobs' order.

    The first failure cancels the rest and is raised as it is, not wrapped in a group; when several
    fail in the same instant, the one of the earliest job is raised. Cancelling cancels all.
    """
    slots = asyncio.Semaphore(limit)

    async def one(job: Callable[[], Awaitable[_T]]) -> _T:
        async with slots:
            return await job()

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(job)) for job in jobs]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def to_end(job: Callable[[], Awaitable[_T]]) -> _T:
    """Run a job that must not be left half done, and return its result.

    When the caller is cancelled meanwhile, the cancellation is raised after the job has ended,
    whatever became of it. A second cancellation cancels the job, too.
    """

    async def outcome() -> tuple[list[_T], Exception | None]:
        try:
            return [await job()], None
        except Exception as error:  # noqa: BLE001 - raised again, outside of the group
            return [], error

    async with asyncio.TaskGroup() as group:
        task = group.create_task(outcome())
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise
    results, failure = task.result()
    if failure is not None:
        raise failure
    return results[0]
