from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from grpclib.const import Status

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit.client import Control, new_ref
from bakex.engines.buildkit.transport import Connection, RpcError
from bakex.errors import DialError
from bakex.testing.buildkitd import failure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from bakex.testing.buildkitd import Build, FakeBuildkitd
    from tests.unit.engines.buildkit.conftest import UnixDialer


@pytest.fixture
async def control(dialer: UnixDialer) -> AsyncIterator[Control]:
    connection = Connection(dialer)
    yield Control(connection)
    connection.close()


def test_refs_cannot_be_guessed() -> None:
    assert len({new_ref() for _ in range(20)}) == 20
    assert len(new_ref()) == 32


async def test_workers_and_version(daemon: FakeBuildkitd, control: Control) -> None:
    assert await control.workers() == daemon.workers
    assert await control.version() == "v0.0.0-fake"


async def test_an_old_daemon_has_no_version(daemon: FakeBuildkitd, control: Control) -> None:
    daemon.info_error = failure("unknown method Info", status=Status.UNIMPLEMENTED)
    assert await control.version() == ""
    daemon.info_error = failure("broken")
    with pytest.raises(RpcError, match="broken"):
        await control.version()


async def test_capabilities_leave_no_build_behind(daemon: FakeBuildkitd, control: Control) -> None:
    daemon.capabilities = frozenset({"a", "b"})
    assert await control.capabilities() == {"a", "b"}
    assert daemon.builds == []
    (probe,) = daemon.jobs
    assert probe.request.internal
    assert probe.returned.is_set()
    assert not probe.cancelled


async def test_a_daemon_that_does_not_answer_ping(daemon: FakeBuildkitd, control: Control) -> None:
    daemon.ping_error = failure("no gateway", status=Status.UNIMPLEMENTED)
    with pytest.raises(RpcError, match="no gateway"):
        await control.capabilities()
    async with asyncio.timeout(5):
        await daemon.jobs[0].stopped.wait()
    assert daemon.jobs[0].cancelled


async def test_no_daemon_no_capabilities(control: Control) -> None:
    with pytest.raises(DialError):
        await control.capabilities()


async def test_solve_and_status(daemon: FakeBuildkitd, control: Control) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        build.emit(pb.StatusResponse(logs=[pb.VertexLog(msg=b"hello")]))
        return {"containerimage.digest": "sha256:1"}

    daemon.script = script
    request = pb.SolveRequest(ref="r", frontend="dockerfile.v0", cache=pb.CacheOptions())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(control.solve(request))
        logs = [log.msg async for reply in control.status("r") for log in reply.logs]
    assert task.result() == {"containerimage.digest": "sha256:1"}
    assert logs == [b"hello"]
