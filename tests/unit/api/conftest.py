"""A client whose nodes make images in an instant, and a registry."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bakex.api import define
from bakex.api.client import Client
from bakex.api.connect import Connected
from bakex.config import load
from bakex.model.publication import Expectation, PublishPolicy
from bakex.registry.client import RegistryClient
from bakex.testing.clock import ManualClock
from bakex.testing.engine import ImageEngine
from bakex.testing.fakes import EventRecorder, fake_node
from bakex.testing.keychain import StaticKeychain
from bakex.testing.registry import FakeRegistry

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from bakex.bake.resolve import Resolution
    from bakex.model.publication import Report

BAKE = """
variable "HOST" {}
target "app" {
  platforms = ["linux/amd64", "linux/arm64"]
  tags = ["${HOST}/app:1", "${HOST}/app:latest"]
  output = ["type=registry"]
}
target "db" {
  platforms = ["linux/amd64", "linux/arm64"]
  tags = ["${HOST}/db:1", "${HOST}/db:latest"]
  output = ["type=registry"]
}
"""


class Shop:
    """Bakes the targets of one file on two nodes, one for each platform."""

    def __init__(self, home: Path, registry: FakeRegistry) -> None:
        self.home = home
        self.registry = registry
        self.settings = load({"HOME": str(home)}, cwd=home)
        self.clock = ManualClock()
        self.events = EventRecorder()
        self.client = self.connection()
        self.engines = [
            ImageEngine(info=fake_node(name, native=[platform]), registry=self.client)
            for name, platform in (("one", "linux/amd64"), ("two", "linux/arm64"))
        ]
        self.text = BAKE

    def connection(self) -> RegistryClient:
        return RegistryClient(
            keychain=StaticKeychain(), settings=self.settings, clock=self.clock, certificates=()
        )

    @property
    def solved(self) -> list[str]:
        return [str(cell) for engine in self.engines for cell in engine.solved]

    @property
    def records(self) -> list[Path]:
        return sorted((self.settings.state / "publications").glob("*"))

    def content(self, text: str) -> None:
        """Let builds give another result from now on."""
        for engine in self.engines:
            engine.content = text.encode()

    def fail(self, *cells: str) -> None:
        for engine in self.engines:
            engine.fail = frozenset(cells)

    def tags(self) -> dict[str, str]:
        content = self.registry.content
        return {
            f"{repository}:{tag}": content.manifest(repository, tag)[0]
            for repository in content.repositories()
            for tag in content.tags(repository)
        }

    def define(self, *targets: str) -> Resolution:
        """Return what the file says now."""
        (self.home / "docker-bake.hcl").write_text(self.text)
        return define(
            self.settings,
            targets=list(targets or ("app", "db")),
            variables=[f"HOST={self.registry.host}"],
        )

    async def bake(
        self,
        *targets: str,
        expect: tuple[str, ...] = (),
        course: Mapping[str, Any] | None = None,
        resolution: Resolution | None = None,
        **policy: Any,
    ) -> Report:
        """Bake with a client that knows nothing of the runs before.

        Args:
            targets: What is asked for.
            expect: Expectations as after ``--expect-digest``.
            course: Further arguments of `Client.bake`.
            resolution: Instead of what the file says.
            policy: How to publish.
        """
        resolution = resolution or self.define(*targets)
        registry = self.connection()
        for engine in self.engines:
            engine.registry = registry
            engine.solved.clear()
        self.events = EventRecorder()
        client = Client(
            settings=self.settings,
            nodes=[Connected(info=engine.info, engine=engine) for engine in self.engines],
            registry=registry,
            loader=None,
            events=self.events,
            clock=self.clock,
        )
        made = PublishPolicy(expect=tuple(map(Expectation.parse, expect)), **policy)
        try:
            return await client.bake(resolution, allow=["fs=*"], policy=made, **(course or {}))
        finally:
            await registry.aclose()


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as found:
        yield found


@pytest.fixture
async def shop(tmp_path: Path, registry: FakeRegistry) -> AsyncGenerator[Shop, None]:
    found = Shop(tmp_path, registry)
    yield found
    await found.client.aclose()


@asynccontextmanager
async def docker(path: Path, **info: object) -> AsyncIterator[None]:
    """Serve what a docker daemon says about itself, whatever is asked."""
    body = json.dumps(info).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    async with await asyncio.start_unix_server(serve, path):
        yield
