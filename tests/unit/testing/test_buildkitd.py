"""The fake daemon refuses what real ones refuse."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit.client import Control
from bakex.engines.buildkit.transport import Connection, RpcError
from bakex.errors import NodeError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.session.session import Session
from bakex.session.tunnel import attach
from bakex.session.upgrade import upgrade
from bakex.testing.buildkitd import FakeBuildkitd, failure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from bakex.testing.buildkitd import Build


class UnixDialer:
    def __init__(self, path: Path) -> None:
        self.endpoint = Endpoint(name=NodeName("n"), address=f"unix://{path}", wire=Wire.DOCKER)
        self._path = path

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_unix_connection(factory, str(self._path))
        return transport


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[FakeBuildkitd]:
    async with FakeBuildkitd(tmp_path / "s", wire=Wire.DOCKER) as found:
        found.session_wait_s = 0.05
        yield found


@pytest.fixture
async def control(daemon: FakeBuildkitd) -> AsyncIterator[Control]:
    connection = Connection(UnixDialer(daemon.path))
    yield Control(connection)
    connection.close()


def request(**fields: object) -> pb.SolveRequest:
    base: dict[str, object] = {"ref": "r", "frontend": "f", "cache": pb.CacheOptions()}
    return pb.SolveRequest(**{**base, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (pb.SolveRequest(ref="", frontend="f", cache=pb.CacheOptions()), "exists"),
        (pb.SolveRequest(ref="r", frontend="f"), "nil pointer"),
        (request(exporters=[pb.Exporter(type="local")]), "both places"),
        (request(session="unknown"), "no active session for unknown"),
    ],
)
async def test_solves_that_are_refused(
    control: Control, message: pb.SolveRequest, text: str
) -> None:
    with pytest.raises(RpcError, match=text):
        await control.solve(message)


async def test_a_ref_is_used_once(control: Control, daemon: FakeBuildkitd) -> None:
    assert await control.solve(request()) == {}
    with pytest.raises(RpcError, match="job ID r exists"):
        await control.solve(request())
    assert len(daemon.builds) == 1


async def test_a_session_is_opened_once_and_goes_away(daemon: FakeBuildkitd) -> None:
    dialer = UnixDialer(daemon.path)
    session = Session([], shared_key="")
    transport = await attach(session, dialer)
    peer = await daemon.session(session.id)
    transport.abort()
    async with asyncio.timeout(5):
        await peer.ended.wait()
    assert session.id not in daemon.sessions
    assert peer.methods == ()


async def test_methods_that_were_not_advertised_are_not_called(
    daemon: FakeBuildkitd, control: Control
) -> None:
    session = Session([], shared_key="")
    await attach(session, UnixDialer(daemon.path))

    async def script(build: Build) -> Mapping[str, str]:
        await build.call("/x.Y/Z", b"")
        return {}

    daemon.script = script
    with pytest.raises(RpcError, match="was not advertised"):
        await control.solve(request(session=session.id))
    with pytest.raises(RpcError, match="no active session"):
        await control.solve(request(ref="other"))
    await session.aclose()


BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/"


async def test_steps_and_a_frontend_exclude_each_other(daemon: FakeBuildkitd) -> None:
    connection = Connection(UnixDialer(daemon.path))
    metadata = [("buildkit-controlapi-buildid", "r")]
    steps = pb.Definition(steps=[b"op"])
    message = pb.GatewaySolveRequest(definition=steps, frontend="f")
    async with asyncio.TaskGroup() as group:
        build = group.create_task(Control(connection).solve(request(frontend="", internal=True)))
        with pytest.raises(RpcError, match="both Definition and Frontend"):
            await connection.unary(
                BRIDGE + "Solve", message, pb.GatewaySolveResponse, metadata=metadata
            )
        build.cancel()
    connection.close()


async def test_a_build_that_is_over_takes_no_result(daemon: FakeBuildkitd) -> None:
    connection = Connection(UnixDialer(daemon.path))
    assert await Control(connection).solve(request()) == {}
    metadata = [("buildkit-controlapi-buildid", "r")]
    with pytest.raises(RpcError, match="no such job r"):
        await connection.unary(BRIDGE + "Return", pb.ReturnRequest(), pb.Empty, metadata=metadata)
    connection.close()


async def test_other_paths_are_not_found(daemon: FakeBuildkitd) -> None:
    with pytest.raises(NodeError, match="does not offer BuildKit") as caught:
        await upgrade(UnixDialer(daemon.path), "/other", (), asyncio.Protocol)
    assert "page not found" in caught.value.detail


def test_failures_without_details_have_none() -> None:
    assert failure("x").details is None
