"""Daemons of their own for tests that need a special one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from bakex.api.connect import Connected, Connector
from bakex.config import load
from bakex.model.node import Speed
from bakex.model.plan import Cell, CellId
from bakex.model.target import Target
from bakex.nodes.drivers.mounts import unmount_below
from bakex.run.clock import SystemClock
from bakex.testing.fakes import EventRecorder
from bakex.testing.keychain import StaticKeychain
from tests.conftest import OUTSIDE, PREFIX, PROGRAM_PLACES, lacking
from tests.loopback import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from tests.conftest import Require

START_S = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerd:
    """A dockerd of a test's own.

    Attributes:
        socket: Its unix socket.
        home: Where its data and its log are.
    """

    socket: Path
    home: Path

    @property
    def address(self) -> str:
        return f"unix://{self.socket}"


class StartDockerd(Protocol):
    """Starts a dockerd that ends with the session."""

    def __call__(
        self, *arguments: str, containerd_store: bool = True, program: Path | None = None
    ) -> Dockerd: ...


@pytest.fixture(scope="session")
def start_dockerd(
    require: Require, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartDockerd]:
    """Return a function that starts dockerd with more arguments, in folders of its own."""
    with ExitStack() as stack:

        def start(
            *arguments: str, containerd_store: bool = True, program: Path | None = None
        ) -> Dockerd:
            daemon = program or require("dockerd")
            require("containerd")
            # The paths of sockets are short; pytest's folders are not.
            run = Path(tempfile.mkdtemp(prefix="bakex-t-"))
            stack.callback(_clear, run)
            home = tmp_path_factory.mktemp("dockerd")
            config = {
                "bridge": "none",
                "data-root": str(home / "data"),
                "exec-root": str(run / "exec"),
                "features": {"containerd-snapshotter": containerd_store},
                "group": str(os.getegid()),
                "ip-forward": False,
                "ip-masq": False,
                "ip6tables": False,
                "iptables": False,
                "pidfile": str(run / "pid"),
                "shutdown-timeout": 2,
                "userland-proxy": False,
            }
            (home / "daemon.json").write_text(json.dumps(config))
            beside = [str(daemon.parent), str(daemon.parents[1] / "bin")]
            # The first process of containers that ask for one, by the name that docker knows.
            (run / "bin").mkdir()
            (run / "bin/docker-init").symlink_to(require("tini-static"))
            path = os.pathsep.join(
                [str(run / "bin"), *beside, *_helpers(require), os.environ["PATH"]]
            )
            with (home / "log").open("wb") as log:
                process = subprocess.Popen(
                    [
                        *(daemon, "--config-file", home / "daemon.json"),
                        *("-H", f"unix://{run}/docker.sock", *arguments),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={"PATH": path, "HOME": str(home)},
                )
            stack.callback(_stop, process)
            found = Dockerd(socket=run / "docker.sock", home=home)
            _await(found, process)
            return found

        yield start


def _helpers(require: Require) -> list[str]:
    return [str(require(program).parent) for program in ("containerd", "runc")]


def _clear(run: Path) -> None:
    """Remove a daemon's folder; networks that it had leave mounts behind."""
    unmount_below(run)
    shutil.rmtree(run)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await(daemon: Dockerd, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while True:
        with closing(socket.socket(socket.AF_UNIX)) as probe:
            probe.settimeout(5)
            try:
                probe.connect(str(daemon.socket))
                probe.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                if b" 200 " in probe.recv(64):
                    return
            except OSError:
                pass
        log = (daemon.home / "log").read_text()
        assert process.poll() is None, f"dockerd ended while it was starting:\n{log[-2000:]}"
        assert time.monotonic() < deadline, f"dockerd does not answer:\n{log[-2000:]}"
        time.sleep(0.05)


StartBuildkitd = Callable[[], str]


def _path() -> str:
    return os.pathsep.join([*(str(PREFIX / part) for part in PROGRAM_PLACES), OUTSIDE["PATH"]])


def buildkitd_program() -> str | None:
    """Return buildkitd; None where there is none: Debian has no package of it."""
    return shutil.which("buildkitd", path=_path())


@pytest.fixture(scope="session")
def start_buildkitd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartBuildkitd]:
    """Return a function that starts a buildkitd and gives its address."""
    with ExitStack() as stack:

        def start() -> str:
            program = buildkitd_program()
            assert program is not None
            path = _path()
            run = Path(tempfile.mkdtemp(prefix="bakex-t-"))
            stack.callback(_clear, run)
            home = tmp_path_factory.mktemp("buildkitd")
            with (home / "log").open("wb") as log:
                process = subprocess.Popen(
                    [
                        *(program, "--root", home / "data", "--addr", f"unix://{run}/b.sock"),
                        *("--oci-worker-net", "host", "--containerd-worker=false"),
                        *("--allow-insecure-entitlement", "network.host"),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={"PATH": path, "HOME": str(home)},
                )
            stack.callback(_stop, process)
            deadline = time.monotonic() + START_S
            while not (run / "b.sock").exists():
                assert process.poll() is None, (home / "log").read_text()[-2000:]
                assert time.monotonic() < deadline
                time.sleep(0.05)
            return f"unix://{run}/b.sock"

        yield start


def old_program() -> Path:
    """Return dockerd 20.10, which the provisioning script unpacks beside the engine prefix."""
    program = PREFIX.with_name("docker-20.10") / "usr/sbin/dockerd"
    if not program.exists():
        lacking("dockerd 20.10 is not installed")
    return program


@pytest.fixture
def port() -> int:
    return free_port()


class Connect(Protocol):
    """Connects to the one node of a builder, as the command does; closed after the test."""

    async def __call__(
        self,
        builder: str = "",
        environ: Mapping[str, str] | None = None,
        *,
        events: EventRecorder | None = None,
    ) -> Connected: ...


@pytest.fixture
async def connect(tmp_path: Path) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as stack:

        async def open_node(
            builder: str = "",
            environ: Mapping[str, str] | None = None,
            *,
            events: EventRecorder | None = None,
        ) -> Connected:
            path = os.environ["PATH"]
            found = {"HOME": str(tmp_path), "PATH": path, **(environ or {})}
            settings = load(found, cwd=tmp_path)
            connector = Connector(
                settings=settings,
                keychain=StaticKeychain(),
                clock=SystemClock(),
                events=events or EventRecorder(),
            )
            (node,) = await connector.connect(builder or settings.builder)
            stack.push_async_callback(node.aclose)
            return node

        yield open_node


@pytest.fixture(scope="session")
def dockerd(start_dockerd: StartDockerd) -> Dockerd:
    """A dockerd with containerd's image store, shared by the tests of this folder."""
    return start_dockerd()


def cell_of(node: Connected, context: Path, **fields: Any) -> Cell:
    """Return a cell for a node's own platform."""
    platform = next(iter(node.info.platforms))
    target = Target(name="app", context=str(context), **fields)
    return Cell(id=CellId("app", platform), target=target, node=node.info.name, speed=Speed.NATIVE)
