"""Lost daemons, lost sessions, cancelled builds: over in bounded time, and nothing is left."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex import config
from bakex.errors import NodeLostError
from bakex.model.result import SaveTar, SaveTree
from bakex.nodes.drivers.private import PrivateEngine
from bakex.run.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.conftest import TestEngine
    from tests.engine.buildkit.conftest import Bench, MakeBench, Relay

SLEEP = "RUN echo begun; sleep 987"


def descriptors() -> set[str]:
    """Return what this process has open, apart from what comes and goes by itself."""
    found: set[str] = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"{entry.name} {entry.readlink()}")
        except OSError:
            continue
    return {text for text in found if "/proc/" not in text}


@asynccontextmanager
async def without_trace(tmp: Path) -> AsyncIterator[None]:
    """Check that a block leaves no task, thread, descriptor or temporary file behind."""
    tasks, before = asyncio.all_tasks(), descriptors()
    yield
    gc.collect()
    await asyncio.sleep(0.05)  # transports close in the loop's next turns
    assert asyncio.all_tasks() == tasks
    # Threads of the loop's pool stay for its next user; there are no others.
    names = [thread.name for thread in threading.enumerate()]
    assert [n for n in names if not n.startswith(("MainThread", "asyncio_"))] == []
    assert descriptors() - before == set()
    assert list(tmp.iterdir()) == []  # noqa: ASYNC240 - a test may block


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of temporary files."""
    found = tmp_path / "temporary"
    found.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(found))
    return found


async def begun(bench: Bench) -> None:
    async with asyncio.timeout(30):
        await bench.events.output.wait()


async def lost(bench: Bench, out: Path) -> NodeLostError:
    """Run a build with everything that may leave something behind, to its bad end."""
    with pytest.raises(NodeLostError) as caught:
        await bench.build(SaveTar(file=out / "t.tar"), SaveTree(directory=out / "tree"))
    return caught.value


async def test_only_the_session_is_lost(
    make_bench: MakeBench, relay: Relay, tmp_path: Path, temporary: Path
) -> None:
    (tmp_path / "out").mkdir()
    async with without_trace(temporary):
        bench = make_bench(at=relay.endpoint)
        bench.shell(SLEEP)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(lost(bench, tmp_path / "out"))
            await begun(bench)
            async with asyncio.timeout(10):
                for number in range(1, relay.connections):
                    relay.cut_connection(number)
                await asyncio.wait([task])
        assert "session" in str(task.result())
        await bench.engine.aclose()
        relay.cut()
        await relay.settled()
    assert not (tmp_path / "out/t.tar").exists()


async def test_everything_is_lost(
    make_bench: MakeBench, relay: Relay, tmp_path: Path, temporary: Path
) -> None:
    (tmp_path / "out").mkdir()
    async with without_trace(temporary):
        bench = make_bench(at=relay.endpoint)
        bench.shell(SLEEP)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(lost(bench, tmp_path / "out"))
            await begun(bench)
            async with asyncio.timeout(5):
                relay.cut()
                await asyncio.wait([task])
        await bench.engine.aclose()
        await relay.settled()
    assert not (tmp_path / "out/t.tar").exists()


async def test_a_build_is_cancelled(make_bench: MakeBench, tmp_path: Path, temporary: Path) -> None:
    (tmp_path / "out").mkdir()
    async with without_trace(temporary):
        bench = make_bench()
        bench.shell(SLEEP)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(bench.build(SaveTar(file=tmp_path / "out/t.tar")))
            await begun(bench)
            async with asyncio.timeout(2):
                task.cancel()
                await asyncio.wait([task])
        assert task.cancelled()
        await bench.engine.aclose()
    assert list((tmp_path / "out").iterdir()) == []


async def test_the_daemon_is_killed(
    make_bench: MakeBench, engine: TestEngine, tmp_path: Path, temporary: Path
) -> None:
    environ = {**engine.environment, "HOME": str(tmp_path / "home")}
    (tmp_path / "out").mkdir()
    private = PrivateEngine(config.load(environ), SystemClock())
    endpoint = await private.start()
    status = await private.status()
    try:
        async with without_trace(temporary):
            bench = make_bench(at=replace(endpoint, host_network=True))
            bench.shell(SLEEP)
            async with asyncio.TaskGroup() as group:
                task = group.create_task(lost(bench, tmp_path / "out"))
                await begun(bench)
                async with asyncio.timeout(5):
                    os.kill(status.pid, signal.SIGKILL)
                    await asyncio.wait([task])
            assert str(endpoint.address) in str(task.result())
            await bench.engine.aclose()
    finally:
        await private.prune()
