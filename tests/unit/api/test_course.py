"""A run that is stopped at any moment leaves a record, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from bakex.api.outcome import Recorder, begin, read
from bakex.errors import RunFailedError, UsageError
from bakex.model.outcome import CellState
from bakex.model.running import RunPolicy

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from tests.unit.api.conftest import Shop

MOMENTS = 50


async def turns(job: Coroutine[Any, Any, object], most: int | None = None) -> int:
    """Run a job, cancel it after so many turns of the event loop, and return how many it had."""
    task = asyncio.get_running_loop().create_task(job)
    count = 0
    while not task.done() and count != most:
        await asyncio.sleep(0)
        count += 1
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return count


async def recorded(shop: Shop, file: Path) -> None:
    resolution = shop.define()
    head = begin(shop.settings, resolution, options={}, created=shop.clock.now())
    with Recorder(head, clock=shop.clock, state=shop.settings.state, result=file) as kept:
        await shop.bake(resolution=resolution, course={"recorder": kept})


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(MOMENTS))
async def test_a_run_that_is_stopped_moves_no_tag(shop: Shop, moment: int) -> None:
    file = shop.home / "result.json"
    whole = await turns(recorded(shop, file))
    before = shop.tags()
    assert len(before) == 4
    shop.content("new")
    file.unlink()
    others = asyncio.all_tasks()
    await turns(recorded(shop, file), 1 + whole * moment // MOMENTS)
    assert asyncio.all_tasks() == others
    outcome = read(file)
    assert not any(cell.state is CellState.RUNNING for cell in outcome.cells)
    moved = {name for name, digest in shop.tags().items() if digest != before[name]}
    # A publication that has begun is brought to its end, or put back.
    assert (outcome.state, len(moved)) in {("cancelled", 0), ("cancelled", 4), ("succeeded", 4)}
    assert len(outcome.publications) in {0, 4}
    assert not list((shop.settings.cache / "run").iterdir())
    assert not list(shop.home.glob(".result.json*"))


async def test_limits_of_the_run_reach_the_executor(shop: Shop) -> None:
    shop.fail("app@linux/amd64")
    with pytest.raises(RunFailedError):
        await shop.bake(course={"running": RunPolicy(keep_going=True, jobs=1)})
    assert len(shop.solved) == 4


async def test_expectations_about_tags_are_none_of_a_part(shop: Shop) -> None:
    with pytest.raises(UsageError, match="this run publishes no tag"):
        await shop.bake(expect=(f"{shop.registry.host}/app:1=none",), course={"parts": True})
