"""Containers of a docker that is a script: execs, streams in frames, and docker's SDK."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from bakex.errors import ConfigError, DialError, EngineStartError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.nodes.dialers import dialer
from bakex.nodes.drivers.docker_container import DockerContainer, config_files, container_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bakex.carriers import Way

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAME = "mine"


def frame(kind: int, content: bytes) -> bytes:
    return bytes([kind, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


class FakeDocker:
    """As much of docker's API as containers take.

    Attributes:
        state: None for no container, else whether it runs.
        script: What an exec writes: frames; it echoes its input after them unless that is None.
        refusal: Status and text of the answer to a start of an exec, if it is to be refused.
        created: How the container was made.
        files: What was copied into it.
        healthy: After how many tries BuildKit answers.
        requests: Methods and paths, in order.
    """

    def __init__(self) -> None:
        self.state: bool | None = None
        self.script: list[bytes] = []
        self.ends = self.dials = False
        self.chunked = False
        self.refusal: tuple[int, str] | None = None
        self.created: dict[str, Any] = {}
        self.name = ""
        self.files: list[str] = []
        self.healthy = 2
        self.pullable = True
        self.has_image = True
        self.conflict = False
        self.requests: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, _ = head.split(" ", 2)
        fields = dict(
            line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line
        )
        body = b""
        if fields.get("transfer-encoding") == "chunked":
            while size := int(await reader.readline(), 16):
                body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
        else:
            body = await reader.readexactly(int(fields.get("content-length", 0)))
        path = path.partition("?")[0] if "containers/create" not in path else path
        path = path[path.index("/", 2) :] if path.startswith("/v1.") else path
        self.requests.append(f"{method} {path.partition('?')[0]}")
        if path == "/exec/e1/start" and fields.get("upgrade") == "tcp":
            await self._stream(reader, writer)
            return False
        status, answer = self._answer(method, path, body)
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n".encode())
        if self.chunked:
            half = len(content) // 2
            writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
            for part in (content[:half], content[half:], b""):
                writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        else:
            writer.write(f"Content-Length: {len(content)}\r\n\r\n".encode() + content)
        await writer.drain()
        return fields.get("connection") != "close"

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusal:
            status, text = self.refusal
            writer.write(f"HTTP/1.1 {status} X\r\n\r\n{text}".encode())
            return
        writer.write(b"HTTP/1.1 101 UPGRADED\r\n\r\n")
        if not self.dials:
            return  # a program that says nothing
        for piece in self.script:
            writer.write(piece)
            await writer.drain()
        while not self.ends and (data := await reader.read(100)):
            writer.write(frame(1, data))

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        words = path.partition("?")[0].split("/")
        if words[1] == "containers" and words[2] != "create":
            return self._of_container(method, words[-1] if len(words) > 3 else "", body)
        match method, words[1], words[-1]:
            case "GET", "version", _:
                return 200, {"ApiVersion": "1.43"}
            case "POST", "images", "create":
                return (200, {}) if self.pullable else (500, {"message": "no route to registry"})
            case "GET", "images", "json":
                return (
                    (200, {"Id": "i1"}) if self.has_image else (404, {"message": "No such image"})
                )
            case "POST", "containers", _:
                if self.conflict:
                    self.state = False
                    return 409, {"message": "in use"}
                self.created, self.state = json.loads(body), False
                self.name = path.partition("name=")[2]
                return 201, {"Id": "c1"}
            case "POST", "exec", _:
                return 200, b""
            case "GET", "exec", _:
                self.healthy -= 1
                return 200, {"ExitCode": 0 if self.healthy <= 0 else 1}
            case "GET", "volumes", _:
                return 200, {"Name": f"{NAME}_state"}
            case _:
                return 204, b""

    def _of_container(self, method: str, what: str, body: bytes) -> tuple[int, Any]:
        match method, what:
            case "GET", "json":
                if self.state is None:
                    return 404, {"message": f"No such container: {NAME}"}
                return 200, {"Id": "c1", "State": {"Running": self.state}, "Config": {"Tty": False}}
            case "PUT", "archive":
                with tarfile.open(fileobj=io.BytesIO(body)) as tar:
                    self.files = tar.getnames()
                return 200, {}
            case "POST", "start":
                self.state = True
                return 204, b""
            case "POST", "exec":
                if not self.state:
                    return 409, {"message": "container is not running"}
                self.dials = "dial-stdio" in json.loads(body)["Cmd"]
                return 201, {"Id": "e1"}
            case "GET", "logs":
                return 200, frame(1, b"could not lock the state\n")
            case "DELETE", "":
                self.state = None
                return 204, b""
            case _:
                return 500, {"message": f"unexpected {method} {what}"}


@pytest.fixture
async def docker(tmp_path: Path) -> AsyncIterator[FakeDocker]:
    fake = FakeDocker()
    async with await asyncio.start_unix_server(fake.serve, tmp_path / "d"):
        yield fake


@pytest.fixture
def via(tmp_path: Path) -> Endpoint:
    return Endpoint(name=NodeName("d"), address=f"unix://{tmp_path}/d", wire=Wire.DOCKER)


def way(via: Endpoint, **options: str) -> Way:
    return dialer(
        Endpoint(
            name=NodeName("n"), address=f"docker-container://{NAME}", wire=Wire.BUILDKIT, via=via,
            options=options, origin="--builder",
        )
    )  # fmt: skip


class Reader(asyncio.Protocol):
    def __init__(self) -> None:
        self.data = b""
        self.changed = asyncio.Event()
        self.lost = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    async def until(self, expected: bytes) -> None:
        async with asyncio.timeout(10):
            while self.data != expected:
                self.changed.clear()
                await self.changed.wait()


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_stream(docker: FakeDocker, via: Endpoint, chunked: bool) -> None:
    whole = frame(1, b"hello ") + frame(2, b"a complaint") + frame(1, b"world ") + frame(1, b"")
    docker.state, docker.chunked = True, chunked
    docker.script = [whole[:3], whole[3:11], whole[11:30], whole[30:]]
    reader = Reader()
    dial = way(via)
    transport = await dial.connect(lambda: reader)
    await reader.until(b"hello world ")
    transport.write(b"echo")
    await reader.until(b"hello world echo")
    transport.close()
    await reader.lost.wait()
    assert await dial.explain(NOW) is None
    assert dial.warnings(NOW) == ()
    assert dial.endpoint.name == "n"
    await dial.aclose()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ([frame(2, b"buildctl: no daemon")], "buildctl: no daemon"),
        ([frame(1, b'OCI runtime exec failed: exec: "buildctl"')], '"buildctl"'),
        ([], "It ended without a word."),
    ],
)
async def test_a_program_that_ends(
    docker: FakeDocker, via: Endpoint, script: list[bytes], words: str
) -> None:
    docker.state, docker.script, docker.ends = True, script, True
    reader, dial = Reader(), way(via)
    await dial.connect(lambda: reader)
    await reader.lost.wait()
    error = await dial.explain(NOW)
    assert error is not None
    assert "has no BuildKit that answers" in error.summary
    assert words in error.detail


@pytest.mark.parametrize(
    ("state", "summary"), [(None, "no such container"), (False, "does not run")]
)
async def test_containers_that_are_not_there(
    docker: FakeDocker, via: Endpoint, state: bool | None, summary: str
) -> None:
    docker.state = state
    with pytest.raises(DialError, match=summary) as caught:
        await way(via).connect(Reader)
    assert caught.value.summary.startswith(f"docker-container://{NAME} (--builder): ")


@pytest.mark.parametrize("text", ['{"message": "not allowed"}', "not allowed"])
async def test_an_exec_that_docker_refuses(docker: FakeDocker, via: Endpoint, text: str) -> None:
    docker.state, docker.refusal = True, (500, text)
    with pytest.raises(DialError, match="does not start a program") as caught:
        await way(via).connect(Reader)
    assert caught.value.detail == "not allowed"


async def test_a_container_that_stops(docker: FakeDocker, via: Endpoint) -> None:
    docker.state = True
    dial, reader = way(via), Reader()
    (await dial.connect(lambda: reader)).close()
    docker.state = False
    with pytest.raises(DialError, match="no program can be run") as caught:
        await dial.connect(Reader)
    assert caught.value.detail == "container is not running"


async def test_what_is_no_docker(tmp_path: Path, via: Endpoint) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hello")
        writer.close()

    async with await asyncio.start_unix_server(rude, tmp_path / "d"):
        with pytest.raises(DialError, match="is no docker daemon"):
            await way(via).connect(Reader)


# ---------------------------------------------------------------- made through the SDK


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bakex.nodes.drivers.docker_container._STEP_S", 0.001)


async def test_a_container_is_made_started_and_used(docker: FakeDocker, via: Endpoint) -> None:
    docker.script = [frame(1, b"hello")]
    reader = Reader()
    options = {"image": "b:1", "env.A": "b", "network": "host", "file:buildkitd.toml": "eA=="}
    dial = way(via, **options)
    transport = await dial.connect(lambda: reader)
    await reader.until(b"hello")
    transport.close()
    assert docker.name == NAME
    assert docker.created["Image"] == "b:1"
    assert docker.created["Env"] == ["A=b"]
    assert docker.created["Cmd"] == ["--config", "/etc/buildkit/buildkitd.toml"]
    assert docker.created["HostConfig"]["Privileged"] is True
    assert docker.created["HostConfig"]["NetworkMode"] == "host"
    assert docker.created["HostConfig"]["Mounts"][0]["Source"] == f"{NAME}_state"
    assert docker.files == ["buildkit/buildkitd.toml"]
    assert "POST /images/create" in docker.requests
    await dial.aclose()


async def test_a_local_image_will_do(docker: FakeDocker, via: Endpoint) -> None:
    docker.pullable = False
    await DockerContainer(dialer(via), NAME, {"image": "b:1"}).start()
    assert docker.state is True
    docker.state, docker.has_image = None, False
    with pytest.raises(EngineStartError, match="cannot run the container") as caught:
        await DockerContainer(dialer(via), NAME, {"image": "b:1"}).start()
    assert "no route to registry" in caught.value.detail


async def test_somebody_else_made_it_first(docker: FakeDocker, via: Endpoint) -> None:
    docker.conflict = True
    await DockerContainer(dialer(via), NAME, {"image": "b:1"}).start()
    assert docker.state is True
    assert not docker.created


async def test_a_daemon_that_does_not_come_up(docker: FakeDocker, via: Endpoint) -> None:
    docker.healthy = 99
    with pytest.raises(EngineStartError, match="does not answer") as caught:
        await DockerContainer(dialer(via), NAME, {"image": "b:1"}).start()
    assert "could not lock the state" in caught.value.detail
    assert f"docker logs {NAME}" in caught.value.hint


async def test_removing(docker: FakeDocker, via: Endpoint) -> None:
    docker.state = True
    container = DockerContainer(dialer(via), NAME, {})
    assert await container.remove(keep_state=True)
    assert not [r for r in docker.requests if "volumes" in r]
    docker.state = True
    assert await container.remove()
    assert f"DELETE /volumes/{NAME}_state" in docker.requests
    assert not await container.remove()


def test_options_of_a_container() -> None:
    found = container_settings(
        NAME,
        {
            "image": "b:1", "memory": "1g", "memory-swap": "2g", "cpu-quota": "5",
            "cpuset-cpus": "0-1", "restart-policy": "on-failure:3", "flags": '["--debug"]',
            "default-load": "true",
        },
    )  # fmt: skip
    assert (found["mem_limit"], found["memswap_limit"]) == (1 << 30, 2 << 30)
    assert (found["cpu_quota"], found["cpuset_cpus"]) == (5, "0-1")
    assert found["restart_policy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert found["command"] == ["--debug"]
    assert container_settings(NAME, {"restart-policy": "always"})["restart_policy"] == {
        "Name": "always"
    }
    for key, value in (("memory", "much"), ("cpu-quota", "x"), ("colour", "red")):
        with pytest.raises(ConfigError, match=f"option {key}={value}"):
            container_settings(NAME, {key: value})
    with pytest.raises(ConfigError, match="files cannot be read"):
        config_files({"file:x": "?"})
