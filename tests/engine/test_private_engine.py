"""The private engine with a real daemon: what the fakes of the unit tests cannot show."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from bakex.config import load
from bakex.nodes.drivers.mounts import mounts_below
from bakex.nodes.drivers.private import EngineState, PrivateEngine
from bakex.nodes.drivers.processes import identify, processes_mentioning
from bakex.run.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bakex.config import Settings


@pytest.fixture
def settings(tmp_path: Path, engine_prefix: Path) -> Settings:
    environ = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "BAKEX_ENGINE_PREFIX": str(engine_prefix),
    }
    return load(environ, cwd=tmp_path)


@pytest.fixture
async def private(settings: Settings) -> AsyncIterator[PrivateEngine]:
    engine = PrivateEngine(settings, SystemClock())
    yield engine
    await engine.prune()


async def test_it_starts_is_shared_and_leaves_nothing(
    private: PrivateEngine, settings: Settings
) -> None:
    endpoint = await private.start()
    status = await private.status()
    assert status.state is EngineState.RUNNING
    assert status.endpoint == endpoint
    again = PrivateEngine(settings, SystemClock())
    assert await again.start() == endpoint
    assert await again.prune() > 0
    assert identify(status.pid) is None
    assert processes_mentioning(str(settings.cache)) == []
    assert mounts_below(settings.cache) == []
    assert not (status.home / str(status.kind)).exists()


async def test_it_recovers_from_being_killed(private: PrivateEngine, settings: Settings) -> None:
    endpoint = await private.start()
    first = await private.status()
    os.kill(first.pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        while identify(first.pid) is not None:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
    assert (await private.status()).state is EngineState.STOPPED
    assert await private.start() == endpoint
    second = await private.status()
    assert second.state is EngineState.RUNNING
    assert second.pid != first.pid
