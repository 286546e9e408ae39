from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from grpclib.const import Status

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit import solve
from bakex.engines.buildkit.client import Control
from bakex.engines.buildkit.exports import Round
from bakex.engines.buildkit.recipe import Recipe
from bakex.engines.buildkit.status import StatusFold
from bakex.engines.buildkit.transport import Connection, RpcError
from bakex.errors import NodeLostError
from bakex.model.caches import CacheEntry
from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.testing.buildkitd import failure
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import EventRecorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from bakex.testing.buildkitd import Build, FakeBuildkitd
    from tests.unit.engines.buildkit.conftest import UnixDialer

RECIPE = Recipe(
    frontend="dockerfile.v0",
    attrs={"filename": "Dockerfile", "no-cache": ""},
    entitlements=("network.host",),
    imports=(CacheEntry(type="registry", attrs={"ref": "r"}),),
    exports=(CacheEntry(type="inline"), CacheEntry(type="registry", attrs={"ref": "r"})),
)
ROUND = Round(exporters=(("local", {"a": "b"}), ("image", {"name": "n"})))


@pytest.fixture
async def control(dialer: UnixDialer) -> AsyncIterator[Control]:
    connection = Connection(dialer)
    yield Control(connection)
    connection.close()


@pytest.fixture
def fold() -> StatusFold:
    cell = CellId("app", Platform.parse("linux/amd64"))
    return StatusFold(cell, dockerfile="", clock=ManualClock(), events=EventRecorder())


def request(ref: str = "ref") -> pb.SolveRequest:
    return solve.request(ref, "", RECIPE, Round(), first=True)


def step(name: str, error: str = "") -> pb.StatusResponse:
    return pb.StatusResponse(vertexes=[pb.Vertex(digest=name, name=name, error=error)])


# ---------------------------------------------------------------- requests


def test_the_first_solve_says_everything() -> None:
    found = solve.request("ref", "sid", RECIPE, ROUND, first=True)
    assert (found.ref, found.session, found.frontend) == ("ref", "sid", "dockerfile.v0")
    assert dict(found.frontend_attrs) == RECIPE.attrs
    assert list(found.entitlements) == ["network.host"]
    assert [entry.type for entry in found.cache.exports] == ["inline", "registry"]
    assert [dict(entry.attrs) for entry in found.cache.imports] == [{"ref": "r"}]
    assert [item.type for item in found.exporters] == ["local", "image"]
    assert (found.first_exporter, dict(found.first_exporter_attrs)) == ("local", {"a": "b"})


def test_later_solves_only_export_again() -> None:
    found = solve.request("ref", "sid", RECIPE, ROUND, first=False)
    assert dict(found.frontend_attrs) == {"filename": "Dockerfile"}
    assert [entry.type for entry in found.cache.exports] == ["inline"]


def test_the_cache_options_are_never_missing() -> None:
    bare = Recipe(frontend="f", attrs={})
    assert solve.request("r", "", bare, Round(), first=True).HasField("cache")


# ---------------------------------------------------------------- runs


async def test_the_status_is_read_to_its_end(
    daemon: FakeBuildkitd, control: Control, fold: StatusFold
) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        for n in range(100):
            build.emit(step(str(n)))
        return {"k": "v"}

    daemon.script = script
    assert await solve.run(control, request(), fold) == {"k": "v"}
    assert fold.name("99") == "99"


async def test_a_failure_waits_for_what_explains_it(
    daemon: FakeBuildkitd, control: Control, fold: StatusFold
) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        build.emit(step("a"))
        build.emit(step("b", "boom"))
        raise failure("boom")

    daemon.script = script
    with pytest.raises(RpcError, match="boom"):
        await solve.run(control, request(), fold)
    assert fold.failed == "b"


async def test_a_build_that_was_refused_has_no_status(
    daemon: FakeBuildkitd, control: Control, fold: StatusFold
) -> None:
    message = request()
    message.ClearField("cache")
    async with asyncio.timeout(3):
        with pytest.raises(RpcError, match="nil pointer"):
            await solve.run(control, message, fold)


async def test_a_status_that_never_ends_is_given_up(
    daemon: FakeBuildkitd, control: Control, fold: StatusFold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solve, "_SILENCE_S", 0.05)

    async def script(build: Build) -> Mapping[str, str]:
        build.updates = asyncio.Queue()  # The stream waits at another one.
        return {}

    daemon.script = script
    async with asyncio.timeout(3):
        assert await solve.run(control, request(), fold) == {}


async def test_a_lost_daemon_ends_it_at_once(
    daemon: FakeBuildkitd, control: Control, fold: StatusFold
) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        await daemon.kill()
        return {}

    daemon.script = script
    async with asyncio.timeout(3):
        with pytest.raises(NodeLostError):
            await solve.run(control, request(), fold)


async def test_cancelling_stops_the_daemon_and_hears_of_it(
    daemon: FakeBuildkitd, control: Control, fold: StatusFold
) -> None:
    running = asyncio.Event()

    async def script(build: Build) -> Mapping[str, str]:
        build.emit(step("a"))
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            build.emit(step("a", "exit code: 137: context canceled"))
        return {}

    daemon.script = script
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(solve.run(control, request(), fold))
        await running.wait()
        task.cancel()
    assert task.cancelled()
    assert daemon.builds[0].cancelled
    assert fold.failed == ""


async def test_cancelling_tells_the_daemon_before_it_waits_for_anything(
    daemon: FakeBuildkitd, control: Control, fold: StatusFold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solve, "_CANCELLED_S", 60.0)
    running = asyncio.Event()

    async def script(build: Build) -> Mapping[str, str]:
        build.emit(step("a"))
        # The status goes on although the solve has ended.
        monkeypatch.setattr(build.updates, "put_nowait", lambda _: None)
        running.set()
        await asyncio.Event().wait()
        return {}

    daemon.script = script
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        task = group.create_task(solve.run(control, request(), fold))
        await running.wait()
        task.cancel()
        await daemon.builds[0].stopped.wait()
        assert daemon.builds[0].cancelled
        assert not task.done()
        monkeypatch.undo()
        daemon.builds[0].updates.put_nowait(None)
        await asyncio.wait([task])
    assert task.cancelled()


async def test_cancelling_does_not_wait_for_ever(
    daemon: FakeBuildkitd, control: Control, fold: StatusFold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solve, "_CANCELLED_S", 0.05)
    running = asyncio.Event()

    async def script(build: Build) -> Mapping[str, str]:
        build.updates = asyncio.Queue()
        running.set()
        await asyncio.Event().wait()
        return {}

    daemon.script = script
    async with asyncio.timeout(3), asyncio.TaskGroup() as group:
        task = group.create_task(solve.run(control, request(), fold))
        await running.wait()
        task.cancel()
    assert task.cancelled()


async def test_errors_of_the_status_do_not_matter(
    daemon: FakeBuildkitd, control: Control, fold: StatusFold
) -> None:
    daemon.status_error = failure("no such job", status=Status.NOT_FOUND)
    assert await solve.run(control, request(), fold) == {}
