"""An engine and a build context, on both wires of the session's daemon; and a second daemon."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bakex import config
from bakex.engines.buildkit.engine import BuildkitEngine
from bakex.events import LogWritten, StepChanged
from bakex.model.node import NodeName, Speed, Wire
from bakex.model.plan import Cell, CellId
from bakex.model.platform import Platform
from bakex.model.target import Target
from bakex.nodes.dialers import dialer
from bakex.nodes.drivers.private import PrivateEngine
from bakex.run.clock import SystemClock
from bakex.session.upgrade import upgrade
from bakex.testing.engine_checks import Listener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

    from bakex.building import LinkedContent
    from bakex.carriers import Dialer
    from bakex.config import Settings
    from bakex.interfaces import Credentials
    from bakex.model.node import Endpoint
    from bakex.model.result import CellResult, ExportRequest
    from tests.conftest import TestEngine

    MakeBench = Callable[..., "Bench"]


class NoKeys:
    async def credentials(self, host: str, *_: object) -> Credentials | None:
        return None


class Tunnelled:
    """dockerd's ``/grpc`` as if it were a socket of buildkitd: sessions go through the call."""

    def __init__(self, inner: Dialer) -> None:
        self._inner = inner
        self.endpoint = replace(inner.endpoint, wire=Wire.BUILDKIT)

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        if self._inner.endpoint.wire is Wire.BUILDKIT:
            return await self._inner.connect(factory)
        transport, _ = await upgrade(self._inner, "/grpc", (), factory)
        return transport


class Bench:
    """An engine, a build context, and what a build of it needs."""

    SHELL = (
        "FROM scratch AS base\n"
        "COPY busybox /bin/busybox\n"
        'RUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
        "ENV PATH=/bin GREETING=hello\n"
    )

    def shell(self, *lines: str) -> None:
        """Write a Dockerfile: a base with a shell, then lines that no build before has had."""
        unique = f"ENV UNIQUE={os.urandom(8).hex()}"
        self.write(self.SHELL + "\n".join([unique, *lines, ""]))

    def __init__(self, way: Dialer, directory: Path, **environ: str) -> None:
        self.cwd = directory
        self.settings = config.load(
            {"HOME": str(directory), "TOKEN": "hunter2", **environ}, cwd=directory
        )
        self.engine = self.connect(way, self.settings)
        self.events = Listener()

    def connect(self, way: Dialer, settings: Settings) -> BuildkitEngine:
        return BuildkitEngine(way, keychain=NoKeys(), settings=settings, clock=SystemClock())

    def write(self, text: str, name: str = "Dockerfile") -> None:
        (self.cwd / name).write_text(text)

    def cell(self, platform: str = "linux/amd64", **fields: Any) -> Cell:
        identity = CellId("app", Platform.parse(platform))
        speed = Speed.NATIVE if platform == "linux/amd64" else Speed.EMULATED
        target = Target(name="app", **fields)
        return Cell(id=identity, target=target, node=NodeName("node"), speed=speed)

    async def build(
        self,
        *exports: ExportRequest,
        inputs: Mapping[str, LinkedContent] | None = None,
        platform: str = "linux/amd64",
        **fields: Any,
    ) -> CellResult:
        async with asyncio.timeout(60):
            return await self.engine.build(
                self.cell(platform, **fields), exports, inputs or {}, self.events
            )

    @property
    def output(self) -> str:
        return b"".join(e.data for e in self.events.events if isinstance(e, LogWritten)).decode()

    @property
    def cached(self) -> set[str]:
        return {e.name for e in self.events.events if isinstance(e, StepChanged) and e.cached}


@pytest.fixture
def endpoint(engine_endpoint: Endpoint) -> Endpoint:
    return replace(engine_endpoint, host_network=True)


@pytest.fixture(params=["own", "tunnelled"])
async def bench(
    request: pytest.FixtureRequest, endpoint: Endpoint, tmp_path: Path
) -> AsyncIterator[Bench]:
    way = dialer(endpoint)
    context = tmp_path / "context"
    context.mkdir()
    shutil.copy("/bin/busybox", context)
    found = Bench(Tunnelled(way) if request.param == "tunnelled" else way, context)
    yield found
    await found.engine.aclose()


@pytest.fixture
async def plain(endpoint: Endpoint, tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench on the endpoint's own wire, where the other would tell nothing new."""
    context = tmp_path / "context"
    context.mkdir()
    shutil.copy("/bin/busybox", context)
    found = Bench(dialer(endpoint), context)
    yield found
    await found.engine.aclose()


@pytest.fixture
async def make_bench(endpoint: Endpoint, tmp_path: Path) -> AsyncIterator[MakeBench]:
    """Return what makes benches, on the session's daemon or another, with an environment."""
    made: list[Bench] = []

    def make(name: str = "context", *, at: Endpoint | None = None, **environ: str) -> Bench:
        directory = tmp_path / name
        if not directory.exists():
            directory.mkdir()
            shutil.copy("/bin/busybox", directory)
        made.append(Bench(dialer(at or endpoint), directory, **environ))
        return made[-1]

    yield make
    for bench in made:
        await bench.engine.aclose()


@pytest.fixture(scope="session")
def second_endpoint(
    engine: TestEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoint]:
    """Return another daemon, with nothing in it that the first one has."""
    environ = {**engine.environment, "HOME": str(tmp_path_factory.mktemp("second"))}
    private = PrivateEngine(config.load(environ), SystemClock())
    found = asyncio.run(private.start())
    yield replace(found, name=NodeName("second"), host_network=True)
    asyncio.run(private.prune())


class Relay:
    """Passes bytes on to the daemon until it is cut; `passed` are all so far, both ways."""

    def __init__(self, endpoint: Endpoint, path: Path) -> None:
        self.endpoint = replace(endpoint, address=f"unix://{path}")
        self.connections = 0
        self.passed = 0
        self._path = endpoint.address.removeprefix("unix://")
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._running: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        path = self.endpoint.address.removeprefix("unix://")
        self._server = await asyncio.start_unix_server(self._serve, path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        async with asyncio.TaskGroup() as group:
            there, back = await asyncio.open_unix_connection(self._path)
            self._writers += [writer, back]
            for source, target in ((reader, back), (there, writer)):
                task = group.create_task(self._copy(source, target))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                self.passed += len(data)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    def cut(self) -> None:
        """Drop all connections and accept no more."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def settled(self) -> None:
        """Wait until nothing is passed on any more."""
        while self._running:
            await asyncio.wait(self._running)

    def cut_connection(self, number: int) -> None:
        """Drop one connection, counted from 0 in the order in which they were made."""
        for writer in self._writers[2 * number : 2 * number + 2]:
            writer.transport.abort()


@pytest.fixture
async def relay(endpoint: Endpoint, tmp_path: Path) -> AsyncIterator[Relay]:
    """Return a relay to the session's daemon."""
    if not endpoint.address.startswith("unix://"):
        pytest.skip("only a unix socket is relayed")
    found = Relay(endpoint, tmp_path / "relay")
    await found.listen()
    yield found
    found.cut()
