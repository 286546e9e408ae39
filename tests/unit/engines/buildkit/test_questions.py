"""Questions to frontends, through the engine and a daemon without builds."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from bakex._pb import bk_pb2 as pb
from bakex.building import Asker
from bakex.engines.buildkit.engine import BuildkitEngine
from bakex.errors import FrontendError, NodeLostError, SessionError, StepFailedError
from bakex.events import StepChanged
from bakex.model.call import Call
from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.model.secrets import Secret
from bakex.testing.buildkitd import failure
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import EventRecorder
from bakex.testing.keychain import StaticKeychain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bakex.config import Settings
    from bakex.testing.buildkitd import Build, FakeBuildkitd
    from tests.unit.engines.buildkit.conftest import MakeCell, UnixDialer

GET_SECRET = "/moby.buildkit.secrets.v1.Secrets/GetSecret"
STEPS = pb.Definition(steps=[b"op"])
AMD64 = Platform.parse("linux/amd64")


@pytest.fixture
async def engine(dialer: UnixDialer, settings: Settings) -> AsyncIterator[BuildkitEngine]:
    found = BuildkitEngine(
        dialer, keychain=StaticKeychain(), settings=settings, clock=ManualClock()
    )
    yield found
    await found.aclose()


async def test_a_question_and_its_answer(
    engine: BuildkitEngine, daemon: FakeBuildkitd, make_cell: MakeCell
) -> None:
    seen: list[pb.GatewaySolveRequest] = []

    async def frontend(build: Build, request: pb.GatewaySolveRequest) -> pb.Result:
        seen.append(request)
        build.emit(pb.StatusResponse(vertexes=[pb.Vertex(digest="d", name="load")]))
        return pb.Result(metadata={"result.json": b"{}", "result.statuscode": b"1"})

    daemon.frontend = frontend
    events = EventRecorder()
    assert isinstance(engine, Asker)
    answer = await engine.call(make_cell(), Call(name="lint"), {}, events)
    assert answer.fields == {"result.json": "{}", "result.statuscode": "1"}
    assert (answer.status, answer.filename, answer.dockerfile) == (1, "Dockerfile", "Dockerfile")
    (request,) = seen
    assert request.frontend == "dockerfile.v0"
    assert request.frontend_opt["requestid"] == "frontend.lint"
    assert request.frontend_opt["frontend.caps"] == "moby.buildkit.frontend.subrequests+forward"
    job = daemon.jobs[-1].request
    assert (job.internal, job.frontend, list(job.exporters)) == (True, "", [])
    assert [e.name for e in events.events if isinstance(e, StepChanged)] == ["load"]
    async with asyncio.timeout(5):
        for session in list(daemon.sessions.values()):
            await session.ended.wait()


async def test_bases_are_resolved_by_their_own_frontends(
    engine: BuildkitEngine, daemon: FakeBuildkitd, make_cell: MakeCell
) -> None:
    seen: list[pb.GatewaySolveRequest] = []

    async def frontend(build: Build, request: pb.GatewaySolveRequest) -> pb.Result:
        seen.append(request)
        result = pb.Result(ref=pb.Ref(id=str(len(seen)), definition=STEPS))
        result.metadata["containerimage.config"] = b"{}"
        return result

    daemon.frontend = frontend
    cell = make_cell(contexts={"base": "target:base", "again": "target:base"})
    below = replace(make_cell(), id=CellId("base", AMD64))
    cell = replace(cell, links=(("base", below.id), ("again", below.id)))
    await engine.call(cell, Call(name="outline"), {below.id: below}, EventRecorder())
    first, second = seen
    assert "requestid" not in first.frontend_opt
    assert second.frontend_opt["context:base"] == "input:context:base"
    assert second.frontend_opt["frontend.caps"].split(",") == [
        "moby.buildkit.frontend.contexts+forward",
        "moby.buildkit.frontend.subrequests+forward",
    ]
    assert dict(second.frontend_inputs) == {"context:base": STEPS, "context:again": STEPS}
    assert all(job.returned.is_set() for job in daemon.jobs)


async def test_an_old_frontend_is_replaced_by_a_newer_one(
    engine: BuildkitEngine, daemon: FakeBuildkitd, make_cell: MakeCell
) -> None:
    async def frontend(build: Build, request: pb.GatewaySolveRequest) -> pb.Result:
        if request.frontend != "gateway.v0":
            raise failure("unsupported request frontend.lint: unsupported request frontend.lint")
        assert request.frontend_opt["source"].startswith("docker/dockerfile:1.8.1@sha256:")
        return pb.Result(metadata={"result.txt": b"fine"})

    daemon.frontend = frontend
    answer = await engine.call(make_cell(), Call(name="lint"), {}, EventRecorder())
    assert answer.fields == {"result.txt": "fine"}


@pytest.mark.parametrize("name", ["lint", "nope"])
async def test_a_method_that_no_frontend_has(
    engine: BuildkitEngine, daemon: FakeBuildkitd, make_cell: MakeCell, name: str
) -> None:
    async def frontend(build: Build, request: pb.GatewaySolveRequest) -> pb.Result:
        if request.frontend == "gateway.v0":
            raise failure("failed to resolve source metadata")
        raise failure(f"unsupported request frontend.{name}: unsupported request frontend.{name}")

    daemon.frontend = frontend
    with pytest.raises(FrontendError, match=f"the frontend has no method '{name}'"):
        await engine.call(make_cell(), Call(name=name), {}, EventRecorder())
    assert all(job.stopped.is_set() for job in daemon.jobs)


async def test_a_base_that_fails_says_which(
    engine: BuildkitEngine, daemon: FakeBuildkitd, make_cell: MakeCell
) -> None:
    async def frontend(build: Build, request: pb.GatewaySolveRequest) -> pb.Result:
        raise failure("dockerfile parse error on line 1: unknown instruction: FOO")

    daemon.frontend = frontend
    below = replace(make_cell(), id=CellId("base", AMD64))
    cell = replace(make_cell(contexts={"b": "target:base"}), links=(("b", below.id),))
    with pytest.raises(FrontendError, match=r"base@linux/amd64: .*unknown instruction: FOO"):
        await engine.call(cell, Call(name="lint"), {below.id: below}, EventRecorder())


async def test_our_own_failure_is_the_reason(
    engine: BuildkitEngine, daemon: FakeBuildkitd, make_cell: MakeCell, settings: Settings
) -> None:
    file = settings.cwd / "secret"
    file.write_text("hunter2")

    async def frontend(build: Build, request: pb.GatewaySolveRequest) -> pb.Result:
        file.unlink()
        try:
            await build.call(GET_SECRET, pb.GetSecretRequest(id="s").SerializeToString())
        except GRPCError as error:
            raise failure(f"failed to get secret: {error.message}") from None
        return pb.Result()

    daemon.frontend = frontend
    cell = make_cell(secret=(Secret(id="s", src="secret"),))
    with pytest.raises(SessionError, match=r"secret 's': cannot read .*: no such file"):
        await engine.call(cell, Call(name="lint"), {}, EventRecorder())


async def test_a_daemon_that_goes_away(
    engine: BuildkitEngine, daemon: FakeBuildkitd, make_cell: MakeCell
) -> None:
    async def frontend(build: Build, request: pb.GatewaySolveRequest) -> pb.Result:
        for transport in daemon._transports:
            transport.abort()  # type: ignore[attr-defined]
        await asyncio.Event().wait()
        return pb.Result()

    daemon.frontend = frontend
    async with asyncio.timeout(5):
        with pytest.raises(NodeLostError):
            await engine.call(make_cell(), Call(name="lint"), {}, EventRecorder())


async def test_a_build_that_is_refused(
    engine: BuildkitEngine, daemon: FakeBuildkitd, make_cell: MakeCell
) -> None:
    async def frontend(build: Build, request: pb.GatewaySolveRequest) -> pb.Result:
        raise failure("no", status=Status.PERMISSION_DENIED)

    await engine.probe()
    daemon.session_wait_s = 0.0
    daemon.frontend = frontend
    with pytest.raises(Exception, match="app@linux/amd64") as caught:
        await engine.call(make_cell(), Call(name="lint"), {}, EventRecorder())
    assert not isinstance(caught.value, StepFailedError)


async def test_cancelling(
    engine: BuildkitEngine, daemon: FakeBuildkitd, make_cell: MakeCell, tmp_path: Path
) -> None:
    begun = asyncio.Event()

    async def frontend(build: Build, request: pb.GatewaySolveRequest) -> pb.Result:
        begun.set()
        await asyncio.Event().wait()
        return pb.Result()

    daemon.frontend = frontend
    async with asyncio.TaskGroup() as group:
        task = group.create_task(engine.call(make_cell(), Call(name="lint"), {}, EventRecorder()))
        await begun.wait()
        task.cancel()
        async with asyncio.timeout(3):
            await asyncio.wait([task])
    assert task.cancelled()
    assert daemon.jobs[-1].stopped.is_set() or daemon.jobs[-1].cancelled
