from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from bakex.config import load
from bakex.errors import EngineStartError, NodeError
from bakex.model.node import Wire
from bakex.nodes.drivers.layout import (
    EngineRecord,
    engine_layout,
    read_record,
    record_file,
    write_record,
)
from bakex.nodes.drivers.private import EngineState, EngineStatus, PrivateEngine
from bakex.nodes.drivers.processes import (
    ProcessIdentity,
    identify,
    processes_mentioning,
    reap,
    start_detached,
)
from bakex.nodes.drivers.programs import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.nodes.drivers.conftest import Installation
from bakex.run.clock import SystemClock


@pytest.fixture(autouse=True)
def nothing_stays(installation: Installation):  # type: ignore[no-untyped-def]  # a generator fixture
    """End what a test left running, by its mention of the test's own folder."""
    yield
    for process in processes_mentioning(str(installation.prefix.parent)):
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        reap(process.pid)


async def running(installation: Installation) -> EngineStatus:
    status = await installation.engine().status()
    assert status.state is EngineState.RUNNING
    return status


async def gone(pid: int) -> bool:
    async with asyncio.timeout(10):
        while identify(pid) is not None:  # noqa: ASYNC110 - another process; there is no event
            await asyncio.sleep(0.005)
    return True


async def test_it_is_started_once_and_then_found(installation: Installation) -> None:
    engine = installation.engine()
    assert (await engine.status()).state is EngineState.STOPPED
    endpoint = await engine.start()
    assert endpoint.address == f"unix://{installation.runtime}/engine.sock"
    assert (endpoint.wire, endpoint.name) == (Wire.DOCKER, "private")
    assert endpoint.host_network
    assert endpoint.private
    assert await installation.engine().start() == endpoint
    ((pid, session, folder, path),) = installation.starts()
    # In a session of its own, so that Ctrl-C in the terminal does not reach it.
    assert pid == session
    assert folder == "/"
    assert path.startswith(str(installation.prefix))
    status = await running(installation)
    assert (status.pid, status.kind, status.endpoint) == (int(pid), Kind.DOCKERD, endpoint)
    assert status.log is not None
    assert status.program == str(installation.prefix / "usr/sbin/dockerd")
    assert await engine.stop()
    assert await gone(int(pid))
    assert not await engine.stop()
    assert (await engine.status()).state is EngineState.STOPPED
    assert not (installation.runtime / "engine.sock").exists()


async def test_a_buildkitd(installation: Installation) -> None:
    installation.add("buildkitd")
    endpoint = await installation.engine().start()
    assert endpoint.wire is Wire.BUILDKIT
    # The one that runs is used, whatever else could be run now.
    (installation.prefix / "usr/bin/buildkitd").unlink()
    assert await installation.engine().start() == endpoint
    assert await installation.engine().stop()


async def test_two_that_start_at_once_share_one(installation: Installation) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(installation.engine().start()) for _ in range(3)]
    assert len({task.result().address for task in tasks}) == 1
    assert len(installation.starts()) == 1


async def test_only_root_can_start_it(installation: Installation) -> None:
    with pytest.raises(EngineStartError, match="only root") as caught:
        await installation.engine(uid=1000).start()
    assert "--builder" in caught.value.hint
    assert installation.starts() == []


async def test_anybody_may_use_the_one_that_runs(installation: Installation) -> None:
    endpoint = await installation.engine().start()
    assert await installation.engine(uid=1000).start() == endpoint


async def test_a_daemon_that_ends_at_once(installation: Installation) -> None:
    installation.behave("crash")
    with pytest.raises(EngineStartError, match="ended while it was starting") as caught:
        await installation.engine().start()
    assert "control groups are not mounted" in caught.value.detail
    assert not record_file(installation.settings).exists()
    installation.behave()
    await installation.engine().start()


async def test_a_daemon_that_does_not_answer(installation: Installation) -> None:
    installation.behave("mute")
    with pytest.raises(EngineStartError, match="did not answer in"):
        await installation.engine(start=0.5).start()
    # What does not come up does not stay either.
    ((pid, *_),) = installation.starts()
    assert await gone(int(pid))


async def test_a_daemon_that_is_too_old(installation: Installation) -> None:
    installation.behave("old")
    with pytest.raises(EngineStartError, match="too old") as caught:
        await installation.engine().start()
    assert "20.10" in caught.value.detail
    ((pid, *_),) = installation.starts()
    assert await gone(int(pid))


async def test_cancelling_a_start_ends_it(installation: Installation) -> None:
    installation.behave("mute")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await installation.engine(start=60).start()
    ((pid, *_),) = installation.starts()
    assert await gone(int(pid))
    assert (await installation.engine().status()).state is EngineState.STOPPED


async def test_a_stubborn_daemon_is_killed(installation: Installation) -> None:
    installation.behave("stubborn")
    await installation.engine().start()
    pid = (await running(installation)).pid
    assert await installation.engine(grace=0.05).stop()
    assert await gone(pid)


async def test_helpers_of_a_killed_daemon_are_killed_too(installation: Installation) -> None:
    installation.behave("helper")
    await installation.engine().start()
    pid = (await running(installation)).pid
    mark = f"{installation.runtime}/exec/containerd.toml"
    async with asyncio.timeout(10):
        while not processes_mentioning(mark):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.005)
    (helper,) = processes_mentioning(mark)
    os.kill(pid, signal.SIGKILL)
    reap(pid)
    await gone(pid)
    # A process that only mentions the folder, such as an editor, is left alone.
    bystander = start_detached(
        ["tail", "-f", "/dev/null", f"--pid={os.getpid()}", f"{installation.runtime}/engine.sock"],
        env={"PATH": os.defpath},
        log=installation.prefix / "log",
    )
    await installation.engine().start()
    assert await gone(helper.pid)
    alive = identify(bystander)
    os.kill(bystander, signal.SIGKILL)
    reap(bystander)
    assert alive is not None
    assert len(installation.starts()) == 2


async def test_leftovers_of_an_earlier_daemon_do_no_harm(installation: Installation) -> None:
    engine = installation.engine()
    await engine.start()
    pid = (await running(installation)).pid
    os.kill(pid, signal.SIGKILL)
    reap(pid)
    await gone(pid)
    # The socket and the record are still there, and the pid file names somebody who lives.
    (installation.runtime / "dockerd.pid").write_text(str(os.getpid()))
    assert (installation.runtime / "engine.sock").exists()
    assert (await engine.status()).state is EngineState.STOPPED
    await engine.start()
    assert (await running(installation)).pid != pid


async def test_a_record_of_another_process_is_not_believed(installation: Installation) -> None:
    engine = installation.engine()
    await engine.start()
    await engine.stop()
    own = identify(os.getpid())
    assert own is not None
    record = EngineRecord(
        kind=Kind.DOCKERD, process=own, program="x", runtime=str(installation.runtime)
    )
    write_record(record_file(installation.settings), record)
    # This very process: it runs, but its command line is not the daemon's.
    assert not await engine.stop()
    stranger = ProcessIdentity(pid=own.pid, started=own.started + 1, boot=own.boot)
    record = EngineRecord(
        kind=Kind.DOCKERD, process=stranger, program="x", runtime=str(installation.runtime)
    )
    write_record(record_file(installation.settings), record)
    assert not await engine.stop()


async def test_an_engine_without_record_is_found(installation: Installation) -> None:
    engine = installation.engine()
    await engine.start()
    before = await running(installation)
    record_file(installation.settings).unlink()
    after = await running(installation)
    assert (after.pid, after.program) == (before.pid, before.program)
    await engine.start()
    assert len(installation.starts()) == 1
    assert await engine.stop()


async def test_an_engine_that_stopped_answering(installation: Installation) -> None:
    await installation.engine().start()
    pid = (await running(installation)).pid
    os.kill(pid, signal.SIGSTOP)
    try:
        # The socket takes the connection, but nobody answers.
        (installation.runtime / "engine.sock").unlink()
        status = await installation.engine().status()
        assert status.state is EngineState.UNRESPONSIVE
        with pytest.raises(EngineStartError, match="runs but does not answer") as caught:
            await installation.engine(start=0.1).start()
        assert "bakex engine stop" in caught.value.hint
    finally:
        os.kill(pid, signal.SIGCONT)
    assert await installation.engine().stop()


async def test_pruning_removes_everything_but_the_programs(installation: Installation) -> None:
    engine = installation.engine()
    await engine.start()
    pid = (await running(installation)).pid
    record = read_record(record_file(installation.settings))
    assert record is not None
    layout = engine_layout(installation.settings, Kind.DOCKERD, runtime=record.runtime)
    (layout.data / "layer").write_bytes(b"x" * 100_000)
    os.link(layout.data / "layer", layout.data / "same")
    freed = await engine.prune()
    assert 100_000 <= freed < 180_000
    assert await gone(pid)
    assert not layout.root.exists()
    assert not layout.runtime.exists()
    assert (installation.prefix / "usr/sbin/dockerd").exists()
    assert await engine.prune() == 0


async def test_what_cannot_be_removed_is_named(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = installation.engine()
    await engine.start()

    def refuse(path: object, *args: object, **options: object) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(NodeError, match="cannot be removed") as caught:
        await engine.prune()
    assert str(installation.runtime.parent) in caught.value.summary


async def test_another_bakex_that_holds_the_lock(installation: Installation) -> None:
    installation.behave("mute")
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(installation.engine(start=60).start())
        async with asyncio.timeout(10):
            while not installation.starts():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.005)
        with pytest.raises(NodeError, match="for too long") as caught:
            await installation.engine(lock=0.05).stop()
        assert "lock" in caught.value.detail
        slow.cancel()


async def test_a_cache_folder_that_cannot_be_used(
    installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    settings = load({"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "file")}, cwd=tmp_path)
    with pytest.raises(NodeError, match="cannot be used") as caught:
        await PrivateEngine(settings, SystemClock()).stop()
    assert "XDG_CACHE_HOME" in caught.value.hint
