"""Blocking work that notices when nobody waits for it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from bakex._util.threads import StopFlag, Stopped, in_thread


async def test_the_result_comes_back() -> None:
    def work(stop: StopFlag) -> int:
        stop.check()
        return 42

    assert await in_thread(work) == 42


async def test_an_error_comes_back_as_it_is() -> None:
    def work(stop: StopFlag) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        await in_thread(work)


async def test_cancelling_stops_the_work_and_waits_for_its_cleanup() -> None:
    started, cleaned = threading.Event(), threading.Event()

    def work(stop: StopFlag) -> None:
        started.set()
        try:
            while True:
                stop.check()
        except Stopped:
            cleaned.set()
            raise

    async def run() -> None:
        await in_thread(work)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(run())
        await asyncio.to_thread(started.wait, 5)
        task.cancel()
    assert cleaned.is_set()
