from __future__ import annotations

import asyncio
import threading

import pytest

from bakex.session.blocking import in_thread


async def test_results_and_errors_come_back() -> None:
    assert await in_thread(divmod, 7, 2) == (3, 1)
    assert await in_thread(int, "ff", base=16) == 255
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 1, 0)


async def test_the_loop_goes_on_meanwhile() -> None:
    release = threading.Event()
    working = asyncio.ensure_future(in_thread(release.wait, 10))
    await asyncio.sleep(0)
    release.set()
    assert await working


@pytest.mark.parametrize("outcome", ["result", "error"])
@pytest.mark.parametrize("times", [1, 2])
async def test_cancelling_waits_for_the_function(outcome: str, times: int) -> None:
    loop = asyncio.get_running_loop()
    started, release, done = asyncio.Event(), threading.Event(), threading.Event()

    def work() -> None:
        loop.call_soon_threadsafe(started.set)
        assert release.wait(10)
        done.set()
        if outcome == "error":
            raise ValueError(outcome)

    working = asyncio.ensure_future(in_thread(work))
    await started.wait()
    for _ in range(times):
        working.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not working.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert done.is_set()
