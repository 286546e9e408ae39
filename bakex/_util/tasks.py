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
