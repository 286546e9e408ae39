"""The fake daemon keeps the contract of engines, and the check finds daemons that do not."""

from __future__ import annotations

import asyncio
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from bakex import config
from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit.engine import BuildkitEngine
from bakex.model.node import Endpoint, NodeName, Speed, Wire
from bakex.model.plan import Cell, CellId
from bakex.model.platform import Platform
from bakex.model.target import Target
from bakex.session.filesync import packets
from bakex.session.filesync.packets import PacketType, Stat
from bakex.testing.buildkitd import FakeBuildkitd, failure
from bakex.testing.clock import ManualClock
from bakex.testing.engine_checks import DOCKERFILE, GREETING, check_engine
from bakex.testing.keychain import StaticKeychain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from grpclib.client import Stream

    from bakex.testing.buildkitd import Build

RECEIVE = "/moby.filesync.v1.FileSync/DiffCopy"
SEND = "/moby.filesync.v1.FileSend/DiffCopy"


class UnixDialer:
    def __init__(self, path: Path, wire: Wire) -> None:
        self.endpoint = Endpoint(name=NodeName("node"), address=f"unix://{path}", wire=wire)
        self._path = path

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_unix_connection(factory, str(self._path))
        return transport


async def packet(stream: Stream[bytes, bytes]) -> packets.Packet:
    message = await stream.recv_message()
    assert message is not None
    return packets.decode(message)


class Stages:
    """Builds the stages of `DOCKERFILE`, with the session's files; what breaks it is a fault."""

    def __init__(self, daemon: FakeBuildkitd, fault: str = "") -> None:
        self._daemon = daemon
        self._fault = fault

    async def __call__(self, build: Build) -> Mapping[str, str]:
        stage = build.request.frontend_attrs["target"]
        name = {"copies": "COPY greeting /", "fails": "RUN exit 3", "waits": "RUN sleep"}[stage]
        if self._fault != "silent":
            build.emit(pb.StatusResponse(vertexes=[pb.Vertex(digest=stage, name=name)]))
        if stage == "copies":
            await self._export(build, await self._greeting(build))
        else:
            log = pb.VertexLog(vertex=stage, msg=b"boom\n")
            build.emit(pb.StatusResponse(logs=[log]))
        if stage == "waits":
            await asyncio.Event().wait()
        if stage == "fails" and self._fault != "forgiving":
            code = 4 if self._fault == "miscounting" else 3
            raise failure(
                f'process "/bin/sh -c exit" did not complete successfully: exit code: {code}',
                details={"errdefs.Vertex": b'{"digest":"fails"}'},
            )
        if stage == "fails":
            await self._export(build, GREETING)
        return {}

    async def _greeting(self, build: Build) -> bytes:
        """Ask for the one file as daemons do: the list first, then its content."""
        attrs = build.request.frontend_attrs
        peer = await self._daemon.session(
            attrs.get("local-sessionid:context", build.request.session)
        )
        metadata = [("dir-name", "context"), ("followpaths", "greeting")]
        async with peer.open(RECEIVE, metadata) as stream:
            await stream.send_request()
            listed: list[bytes] = []
            while (entry := (await packet(stream)).stat) is not None:
                listed.append(entry.path)
            await stream.send_message(packets.encode_request(listed.index(b"greeting")))
            content = b""
            while data := bytes((await packet(stream)).data):
                content += data
            await stream.send_message(packets.FIN)
            assert (await packet(stream)).type == PacketType.FIN
            await stream.end()
        return content[1:] if self._fault == "lossy" else content

    async def _export(self, build: Build, content: bytes) -> None:
        for index, exporter in enumerate(build.request.exporters):
            metadata = [("buildkit-attachable-exporter-id", str(index))]
            if exporter.type == "tar":
                archive = packets.encode_bytes(tarred(content))
                await build.call(SEND, archive, metadata=metadata)
                continue
            assert build.session is not None
            async with build.session.open(SEND, metadata) as stream:
                await stream.send_request()
                stat = Stat(path=b"greeting", mode=0o644, size=len(content))
                await stream.send_message(packets.encode_stat(stat))
                await stream.send_message(packets.END_OF_LIST)
                number = (await packet(stream)).id
                for data in (content, b""):
                    await stream.send_message(packets.encode_data(number, data))
                assert (await packet(stream)).type == PacketType.FIN
                await stream.send_message(packets.FIN)
                await stream.end()


def tarred(content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        member = tarfile.TarInfo("greeting")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture(params=[Wire.BUILDKIT, Wire.DOCKER])
async def daemon(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FakeBuildkitd]:
    async with FakeBuildkitd(tmp_path / "s", wire=request.param) as found:
        yield found


async def check(daemon: FakeBuildkitd, directory: Path, platform: str = "linux/amd64") -> None:
    (directory / "greeting").write_bytes(GREETING)
    (directory / "Dockerfile").write_text(DOCKERFILE)
    (directory / "out").mkdir()
    engine = BuildkitEngine(
        UnixDialer(daemon.path, daemon.wire),
        keychain=StaticKeychain(),
        settings=config.load({"HOME": str(directory)}, cwd=directory),
        clock=ManualClock(),
    )

    def make_cell(stage: str) -> Cell:
        identity = CellId("app", Platform.parse(platform))
        target = Target(name="app", target=stage)
        return Cell(id=identity, target=target, node=NodeName("node"), speed=Speed.NATIVE)

    try:
        await check_engine(engine, make_cell, directory / "out")
    finally:
        await engine.aclose()


async def test_the_fake_daemon_keeps_the_contract(daemon: FakeBuildkitd, tmp_path: Path) -> None:
    daemon.script = Stages(daemon)
    await check(daemon, tmp_path)
    cancelled = [build for build in daemon.builds if build.cancelled]
    assert [build.request.frontend_attrs["target"] for build in cancelled] == ["waits"]


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("silent", "a step was not shown"),
        ("lossy", "a file changed"),
        ("forgiving", "a failed step was taken for a success"),
        ("miscounting", "how the step ended"),
    ],
)
async def test_daemons_that_break_it(
    daemon: FakeBuildkitd, tmp_path: Path, fault: str, text: str
) -> None:
    daemon.script = Stages(daemon, fault)
    with pytest.raises(AssertionError, match=text):
        await check(daemon, tmp_path)


async def test_a_daemon_for_other_machines(daemon: FakeBuildkitd, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="the platform is not offered"):
        await check(daemon, tmp_path, "linux/s390x")
