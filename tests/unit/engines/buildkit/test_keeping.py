"""Results that stay on the daemon, through the engine and a daemon without builds."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from grpclib.const import Status

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit.client import Control
from bakex.engines.buildkit.engine import BuildkitEngine
from bakex.engines.buildkit.graphs import Graph
from bakex.engines.buildkit.keeping import Keeping, Kept, built_on
from bakex.engines.buildkit.recipe import Recipe
from bakex.engines.buildkit.transport import Connection
from bakex.errors import BuildError, InternalError, NodeError, StepFailedError
from bakex.events import LogWritten, StepChanged
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_MANIFEST
from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.model.result import CellResult, PushImage, SaveTar
from bakex.session.filesync.packets import encode_bytes
from bakex.testing.buildkitd import failure
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import EventRecorder
from bakex.testing.keychain import StaticKeychain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from bakex.config import Settings
    from bakex.model.plan import Cell
    from bakex.testing.buildkitd import Build, FakeBuildkitd
    from tests.unit.engines.buildkit.conftest import MakeCell, UnixDialer

STEPS = pb.Definition(steps=[b"op"])
# With the places of steps in their source, which are not among the fields that bakex knows.
RAW = STEPS.SerializeToString() + b"\x1a\x03abc"
AMD64 = Platform.parse("linux/amd64")
RESULT = CellResult(cell=CellId("base", AMD64), exports=())


@pytest.fixture
async def engine(dialer: UnixDialer, settings: Settings) -> AsyncIterator[BuildkitEngine]:
    found = BuildkitEngine(
        dialer, keychain=StaticKeychain(), settings=settings, clock=ManualClock()
    )
    yield found
    await found.aclose()


@pytest.fixture
def events() -> EventRecorder:
    return EventRecorder()


@pytest.fixture
def base(make_cell: MakeCell) -> Cell:
    return replace(make_cell(entitlements=("network.host",)), id=RESULT.cell)


@pytest.fixture
def user(make_cell: MakeCell) -> Cell:
    cell = make_cell(contexts={"below": "target:base"})
    return replace(cell, links=(("below", RESULT.cell),), direct=frozenset({RESULT.cell}))


async def describe(build: Build, request: pb.GatewaySolveRequest) -> pb.Result:
    """Do as a frontend does that finds one step, which writes something."""
    assert request.evaluate
    build.emit(pb.StatusResponse(vertexes=[pb.Vertex(digest="step", name="RUN x")]))
    build.emit(pb.StatusResponse(logs=[pb.VertexLog(vertex="step", msg=b"hi")]))
    result = pb.Result(ref=pb.Ref(id="r", definition=pb.Definition.FromString(RAW)))
    result.metadata["containerimage.config"] = b"{}"
    return result


def held(daemon: FakeBuildkitd) -> list[Build]:
    return [job for job in daemon.jobs if job.loaded]


async def test_the_steps_are_held_while_others_are_built_on_them(
    engine: BuildkitEngine, daemon: FakeBuildkitd, base: Cell, user: Cell, events: EventRecorder
) -> None:
    daemon.frontend = describe
    open_at_export: list[bool] = []

    async def script(build: Build) -> Mapping[str, str]:
        (holder,) = held(daemon)
        open_at_export.append(not holder.stopped.is_set())
        if build.request.frontend:
            # All that ever happened in a step is told to each build that shares it.
            build.emit(pb.StatusResponse(vertexes=[pb.Vertex(digest="step", name="RUN x")]))
            build.emit(pb.StatusResponse(logs=[pb.VertexLog(vertex="step", msg=b"hi")]))
            build.emit(pb.StatusResponse(vertexes=[pb.Vertex(digest="own", name="COPY y")]))
        return {"k": "v"}

    daemon.script = script
    async with engine.keep(base, [], {}, events) as kept:
        assert kept.result.cell == base.id
        assert kept.result.metadata == {"k": "v"}
        (holder,) = held(daemon)
        assert [steps.SerializeToString() for steps in holder.loaded] == [RAW]
        assert holder.request.internal
        assert not holder.returned.is_set()
        await engine.build(user, [], {"below": kept}, events)
    await holder.stopped.wait()
    first, second = (build.request for build in daemon.builds)
    assert open_at_export == [True, True]
    assert (first.frontend, first.internal) == ("", False)
    assert first.frontend_attrs["platform"] == "linux/amd64"
    assert daemon.builds[0].result is not None
    assert daemon.builds[0].result.ref.id == "r"
    assert second.frontend_inputs["context:below"].SerializeToString() == RAW
    assert second.frontend_attrs["context:below"] == "input:context:below"
    assert "input-metadata:context:below" in second.frontend_attrs
    assert list(second.entitlements) == ["network.host"]
    told = [(str(e.cell), e.name) for e in events.events if isinstance(e, StepChanged)]
    assert told == [("base@linux/amd64", "RUN x"), ("app@linux/amd64", "COPY y")]
    assert len([e for e in events.events if isinstance(e, LogWritten)]) == 1


async def test_the_session_of_a_kept_result_stays_open(
    engine: BuildkitEngine, daemon: FakeBuildkitd, base: Cell, events: EventRecorder, tmp_path: Path
) -> None:
    daemon.frontend = describe

    async def script(build: Build) -> Mapping[str, str]:
        await build.call("/moby.filesync.v1.FileSend/DiffCopy", encode_bytes(b"tar"))
        return {}

    daemon.script = script
    async with engine.keep(base, [SaveTar(file=tmp_path / "x.tar")], {}, events):
        assert (tmp_path / "x.tar").read_bytes() == b"tar"
        (session,) = daemon.sessions.values()
        assert {job.request.session for job in daemon.jobs[1:]} == {session.id}
    async with asyncio.timeout(5):
        await session.ended.wait()


async def test_a_step_that_fails_fails_the_build_itself(
    engine: BuildkitEngine, daemon: FakeBuildkitd, base: Cell, events: EventRecorder
) -> None:
    text = 'process "/bin/sh -c false" did not complete successfully: exit code: 1'
    details = {"errdefs.Vertex": b'{"digest":"step"}'}

    async def frontend(build: Build, request: pb.GatewaySolveRequest) -> pb.Result:
        raise failure(text, details=details)

    daemon.frontend = frontend
    with pytest.raises(StepFailedError, match="base@linux/amd64: 'false' ended with exit code 1"):
        async with engine.keep(base, [], {}, events):
            pytest.fail("there is nothing to keep")
    (failed,) = [job for job in daemon.jobs if job.error and not job.request.internal]
    assert failed.error is not None
    assert failed.error.message == text
    assert len(failed.error.details) == 1
    assert daemon.builds == []
    for job in daemon.jobs:
        await job.stopped.wait()


async def test_a_build_that_is_refused_says_why(
    engine: BuildkitEngine, daemon: FakeBuildkitd, base: Cell, events: EventRecorder
) -> None:
    """Its calls wait for a build that never comes; nobody waits for them."""

    async def frontend(build: Build, request: pb.GatewaySolveRequest) -> pb.Result:
        build.error = pb.Status(code=Status.UNKNOWN.value, message="the disk is full")
        build.returned.set()
        await asyncio.Event().wait()
        return pb.Result()

    daemon.frontend = frontend
    with pytest.raises(BuildError) as caught:
        async with asyncio.timeout(5), engine.keep(base, [], {}, events):
            pytest.fail("there is nothing to keep")
    assert "disk is full" in caught.value.detail


async def test_an_exporter_that_fails(
    engine: BuildkitEngine, daemon: FakeBuildkitd, base: Cell, events: EventRecorder
) -> None:
    daemon.frontend = describe

    async def script(build: Build) -> Mapping[str, str]:
        raise failure("the disk is full")

    daemon.script = script
    with pytest.raises(BuildError, match="base@linux/amd64"):
        async with engine.keep(base, [], {}, events):
            pytest.fail("there is nothing to keep")


async def test_a_refused_push_is_repeated_without_a_second_build(
    engine: BuildkitEngine, daemon: FakeBuildkitd, base: Cell, events: EventRecorder
) -> None:
    daemon.frontend = describe
    refusals = ["failed to push r/a: unexpected status: 400 Bad Request"]

    async def script(build: Build) -> Mapping[str, str]:
        if refusals:
            raise failure(refusals.pop())
        document = {"mediaType": OCI_MANIFEST, "digest": str(Digest.of(b"x")), "size": 1}
        encoded = base64.b64encode(json.dumps(document).encode()).decode()
        return {"containerimage.descriptor": encoded}

    daemon.script = script
    async with engine.keep(base, [PushImage(repositories=("r/a",))], {}, events) as kept:
        assert kept.result.exports[0] is not None
        first, second = (build.request.frontend for build in daemon.builds)
        assert (first, second) == ("", "dockerfile.v0")
        assert len(held(daemon)) == 1


async def test_cancelling_ends_all_of_it(
    engine: BuildkitEngine, daemon: FakeBuildkitd, base: Cell, events: EventRecorder
) -> None:
    daemon.frontend = describe
    kept = asyncio.Event()

    async def keep() -> None:
        async with engine.keep(base, [], {}, events):
            kept.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep())
        await kept.wait()
        task.cancel()
    (holder,) = held(daemon)
    async with asyncio.timeout(5):
        await holder.stopped.wait()
    assert holder.cancelled


async def test_a_daemon_that_goes_away_meanwhile(
    engine: BuildkitEngine, daemon: FakeBuildkitd, base: Cell, user: Cell, events: EventRecorder
) -> None:
    daemon.frontend = describe
    async with asyncio.timeout(5), engine.keep(base, [], {}, events) as kept:
        await daemon.kill()
        with pytest.raises(NodeError):
            await engine.build(user, [], {"below": kept}, events)


async def test_what_another_node_keeps_is_of_no_use(
    engine: BuildkitEngine,
    daemon: FakeBuildkitd,
    dialer: UnixDialer,
    settings: Settings,
    base: Cell,
    user: Cell,
    events: EventRecorder,
) -> None:
    daemon.frontend = describe
    other = BuildkitEngine(
        dialer, keychain=StaticKeychain(), settings=settings, clock=ManualClock()
    )
    async with other.keep(base, [], {}, events) as kept:
        with pytest.raises(InternalError, match="'below' is kept by another node"):
            await engine.build(user, [], {"below": kept}, events)
    await other.aclose()


async def test_what_the_steps_of_bases_need(dialer: UnixDialer) -> None:
    def kept(*entitlements: str, registries: frozenset[str] | None) -> Kept:
        recipe = Recipe(frontend="f", attrs={}, entitlements=entitlements, registries=registries)
        connection = Connection(dialer)
        return Kept(
            result=RESULT, daemon=connection, graph=Graph(), told=frozenset(), recipe=recipe
        )

    mine = Recipe(frontend="f", attrs={}, entitlements=("a",), registries=frozenset({"x"}))
    assert built_on(mine, []) == mine
    both = built_on(mine, [kept("b", "a", registries=frozenset({"y"}))])
    assert both.entitlements == ("a", "b")
    assert both.registries == frozenset({"x", "y"})
    anything = built_on(mine, [kept(registries=None), kept(registries=frozenset({"y"}))])
    assert anything.registries is None


async def test_nothing_was_kept(dialer: UnixDialer) -> None:
    connection = Connection(dialer)
    async with AsyncExitStack() as stack:
        keeping = Keeping(Control(connection), connection, AMD64, stack)
        with pytest.raises(InternalError):
            keeping.kept(RESULT)
