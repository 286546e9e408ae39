"""Daemons in containers of docker: through docker's own API, made and removed with its SDK.

No image of BuildKit can be had where tests run without a network. The image here holds busybox and
a ``buildctl`` that leads to the BuildKit of the very dockerd that runs the container. So the
containers, execs and all that goes over the stream are real, and buildkitd itself is not.
"""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DialError, EngineStartError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.model.result import SaveTree
from bakex.nodes.dialers import dialer
from bakex.nodes.drivers.docker_container import DockerContainer
from bakex.nodes.relay import Relay
from bakex.session.upgrade import upgrade
from bakex.testing.fakes import EventRecorder
from tests.engine.daemons.conftest import cell_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from bakex.carriers import Dialer
    from tests.conftest import Require
    from tests.engine.daemons.conftest import Connect, Dockerd

IMAGE = "bakex.invalid/buildkit:test"
BUILDCTL = """\
#!/bin/busybox sh
case "$1" in
dial-stdio) exec /bin/busybox nc 127.0.0.1 $PORT ;;
debug) test -e /var/lib/buildkit/ready ;;
esac
"""
BUILDKITD = """\
#!/bin/busybox sh
/bin/busybox echo "started with $@"
/bin/busybox sleep 0.5
test -n "$BROKEN" || /bin/busybox touch /var/lib/buildkit/ready
exec /bin/busybox sleep 1d
"""


def file(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o755
    tar.addfile(member, io.BytesIO(content))


@dataclass(frozen=True, slots=True, kw_only=True)
class Docker:
    """docker's command for the daemon of these tests."""

    daemon: Dockerd
    program: Path

    def __call__(self, *arguments: str | Path, stdin: bytes = b"") -> str:
        done = subprocess.run(
            [self.program, "-H", self.daemon.address, *arguments],
            input=stdin, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()


@pytest.fixture(scope="module")
def root_filesystem(require: Require) -> bytes:
    """The content of the image, as a tar archive."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        busybox = require("busybox").read_bytes()
        for name in ("bin/busybox", "bin/sh", "bin/test"):
            file(tar, name, busybox)
        file(tar, "bin/buildctl", BUILDCTL.encode())
        file(tar, "bin/buildkitd", BUILDKITD.encode())
        for folder in ("etc/buildkit", "var/lib/buildkit", "tmp"):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(member)
    return content.getvalue()


@pytest.fixture(scope="module")
def docker(dockerd: Dockerd, require: Require, root_filesystem: bytes) -> Docker:
    command = Docker(daemon=dockerd, program=require("docker"))
    entry = 'ENTRYPOINT ["/bin/buildkitd"]'
    command(
        *("import", "--change", entry, "--change", "ENV PATH=/bin", "-", IMAGE),
        stdin=root_filesystem,
    )
    return command


class Upgraded:
    """A way to dockerd, on to the BuildKit in it."""

    def __init__(self, way: Dialer) -> None:
        self._way = way
        self.endpoint = way.endpoint

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        transport, _ = await upgrade(self._way, "/grpc", (), factory)
        return transport


@pytest.fixture
async def way_in(dockerd: Dockerd) -> AsyncIterator[int]:
    """A port that speaks as buildkitd does: the BuildKit of dockerd, without the upgrade."""
    endpoint = Endpoint(name=NodeName("d"), address=dockerd.address, wire=Wire.DOCKER)
    relay = Relay(Upgraded(dialer(endpoint)))
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    relay.cut()
    await relay.idle()


@pytest.fixture
def buildx_store(
    tmp_path: Path, reference_buildx: Path
) -> Callable[..., Awaitable[dict[str, str]]]:
    """Return a function that makes a builder with buildx, and gives the environment to use it."""
    environ = {"BUILDX_CONFIG": str(tmp_path / "buildx"), "HOME": str(tmp_path)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [reference_buildx, "create", "--name", "mine", *arguments],
            env={**environ, "PATH": os.environ["PATH"]},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    async def create(*arguments: str) -> dict[str, str]:
        # It looks whether the nodes answer, and one of them is served by this very loop.
        done = await asyncio.to_thread(run, *arguments)
        assert done.returncode == 0, done.stderr
        return {**environ, "BUILDX_BUILDER": "mine"}

    return create


async def build(connect: Connect, builder: str, environ: dict[str, str], context: Path) -> None:
    node = await connect(builder, environ)
    (context / "Dockerfile").write_text(f"FROM scratch\nCOPY file /\nENV X={os.urandom(8).hex()}\n")
    (context / "file").write_bytes(os.urandom(3 << 20))
    request = SaveTree(directory=context / "out")
    await node.engine.build(cell_of(node, context), [request], {}, EventRecorder())
    assert (context / "out/file").read_bytes() == (context / "file").read_bytes()


async def test_a_builder_of_buildx_is_booted_and_used(
    connect: Connect,
    docker: Docker,
    way_in: int,
    buildx_store: Callable[..., Awaitable[dict[str, str]]],
    tmp_path: Path,
) -> None:
    (tmp_path / "buildkitd.toml").write_text('[log]\nformat = "text"\n')
    environ = await buildx_store(
        *("--driver", "docker-container", "--node", "first", "--platform", "linux/s390x"),
        *("--driver-opt", f"image={IMAGE},network=host,env.PORT={way_in}"),
        *("--driver-opt", "memory=200m"),
        *("--buildkitd-config", str(tmp_path / "buildkitd.toml"), "--buildkitd-flags", "--debug"),
        docker.daemon.address,
    )
    name = "buildx_buildkit_first"
    await build(connect, "", environ, tmp_path)
    shown = docker(
        *("inspect", name, "--format"),
        "{{.HostConfig.Privileged}} {{.HostConfig.Memory}} {{(index .Mounts 0).Name}}",
    )
    assert shown.split() == ["true", str(200 << 20), f"{name}_state"]
    assert "started with --config /etc/buildkit/buildkitd.toml --debug" in docker("logs", name)
    assert "format" in docker("exec", name, "busybox", "cat", "/etc/buildkit/buildkitd.toml")
    # A stopped one is started again, and a running one is used.
    docker("stop", "-t", "0", name)
    node = await connect("mine", environ)
    assert node.info.name == "first"
    assert str(next(iter(node.info.platforms))) == "linux/s390x"
    started = docker("inspect", name, "--format", "{{.State.StartedAt}}")
    await build(connect, "mine", environ, tmp_path)
    assert docker("inspect", name, "--format", "{{.State.StartedAt}}") == started

    way = dialer(Endpoint(name=NodeName("d"), address=docker.daemon.address, wire=Wire.DOCKER))
    assert await DockerContainer(way, name, {}).remove()
    assert not await DockerContainer(way, name, {}).remove()
    assert not docker("ps", "-aq", "--filter", f"name={name}")
    assert name not in docker("volume", "ls")


async def test_any_running_container(
    connect: Connect, docker: Docker, way_in: int, tmp_path: Path
) -> None:
    docker("run", "-d", "--net", "host", "--name", "mine", "-e", f"PORT={way_in}", IMAGE)
    environ = {"DOCKER_HOST": docker.daemon.address}
    try:
        await build(connect, "docker-container://mine", environ, tmp_path)
        docker("stop", "-t", "0", "mine")
        with pytest.raises(DialError, match="the container does not run") as caught:
            await connect("docker-container://mine", environ)
        assert "docker start mine" in caught.value.hint
    finally:
        docker("rm", "-f", "mine")
    with pytest.raises(DialError, match="there is no such container"):
        await connect("docker-container://mine", environ)


async def test_a_container_of_podman(
    connect: Connect, root_filesystem: bytes, way_in: int, require: Require, tmp_path: Path
) -> None:
    storage = tmp_path / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/graph"\nrunroot = "{tmp_path}/run"\n'
    )
    program = require("podman")
    environ = {"CONTAINERS_STORAGE_CONF": str(storage), "PATH": os.environ["PATH"]}

    def podman(*arguments: str, stdin: bytes = b"") -> None:
        done = subprocess.run(
            [program, *arguments], input=stdin, capture_output=True, check=False, env=environ
        )
        assert done.returncode == 0, done.stderr.decode()

    podman("import", "--change", "ENV PATH=/bin", "-", IMAGE, stdin=root_filesystem)
    # The limits that podman sets by default are above those of some hosts.
    limits = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
    podman(
        *("run", "-d", "--net", "host", "--name", "mine", "-e", f"PORT={way_in}", *limits),
        *(IMAGE, "/bin/busybox", "sleep", "1d"),
    )
    try:
        await build(connect, "podman-container://mine", environ, tmp_path)
    finally:
        podman("rm", "-f", "-t", "0", "mine")
    with pytest.raises(DialError, match="podman could not reach the daemon") as caught:
        await connect("podman-container://mine", environ)
    assert "mine" in caught.value.detail


async def test_a_container_without_buildkit(connect: Connect, docker: Docker) -> None:
    docker(
        *("run", "-d", "--net", "host", "--name", "other", "--entrypoint", "/bin/busybox", IMAGE),
        *("sleep", "1d"),
    )
    environ = {"DOCKER_HOST": docker.daemon.address}
    try:
        docker("exec", "other", "busybox", "rm", "/bin/buildctl")
        with pytest.raises(DialError) as caught:
            await connect("docker-container://other", environ)
        assert "buildctl" in caught.value.detail
    finally:
        docker("rm", "-f", "other")


async def test_a_daemon_that_does_not_come_up(
    connect: Connect, docker: Docker, buildx_store: Callable[..., Awaitable[dict[str, str]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("bakex.nodes.drivers.docker_container._TRIES", 2)
    environ = await buildx_store(
        *("--driver", "docker-container", "--node", "broken"),
        *("--driver-opt", f"image={IMAGE},network=host,env.BROKEN=1", docker.daemon.address),
    )
    try:
        with pytest.raises(EngineStartError, match="does not answer") as caught:
            await connect("", environ)
        assert "started with" in caught.value.detail
    finally:
        docker("rm", "-f", "-v", "buildx_buildkit_broken")


async def test_an_image_that_cannot_be_had(
    connect: Connect, docker: Docker, buildx_store: Callable[..., Awaitable[dict[str, str]]]
) -> None:
    environ = await buildx_store(
        *("--driver", "docker-container", "--driver-opt", "image=127.0.0.1:9/none:1"),
        docker.daemon.address,
    )
    with pytest.raises(EngineStartError, match="cannot run the container") as caught:
        await connect("", environ)
    assert "127.0.0.1:9" in caught.value.detail


async def test_a_docker_builder_and_a_remote_one(
    connect: Connect,
    docker: Docker,
    way_in: int,
    buildx_store: Callable[..., Awaitable[dict[str, str]]],
    tmp_path: Path,
) -> None:
    environ = await buildx_store("--driver", "remote", f"tcp://127.0.0.1:{way_in}")
    await build(connect, "", environ, tmp_path)
    shutil.rmtree(tmp_path / "buildx")
    # What `docker buildx use` leaves behind counts as well.
    environ = await buildx_store("--driver", "remote", "--use", f"tcp://127.0.0.1:{way_in}")
    del environ["BUILDX_BUILDER"]
    node = await connect("", environ)
    assert node.info.endpoint.origin == "docker buildx use mine"
