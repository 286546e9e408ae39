"""Cells, nodes and a way to reach the fake daemon."""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from bakex import config
from bakex.errors import DialError
from bakex.model.node import Endpoint, Feature, NodeInfo, NodeName, Speed, Wire
from bakex.model.plan import Cell, CellId
from bakex.model.platform import Platform
from bakex.model.target import Target
from bakex.testing.buildkitd import FakeBuildkitd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from bakex.config import Settings


class MakeCell(Protocol):
    def __call__(self, platform: str = ..., *, speed: Speed = ..., **fields: Any) -> Cell: ...


class MakeInfo(Protocol):
    def __call__(
        self,
        *without: Feature,
        wire: Wire = ...,
        host_network: bool = ...,
        labels: Mapping[str, str] = ...,
    ) -> NodeInfo: ...


class UnixDialer:
    """Opens unix sockets."""

    def __init__(self, path: Path, wire: Wire = Wire.BUILDKIT) -> None:
        self.endpoint = Endpoint(name=NodeName("node"), address=f"unix://{path}", wire=wire)
        self.path = path
        self.dialled = 0

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        self.dialled += 1
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_unix_connection(factory, str(self.path))
        except OSError as error:
            raise DialError(f"no connection to {self.endpoint.address}") from error
        return transport


@pytest.fixture
def make_cell() -> MakeCell:
    def make(platform: str = "linux/amd64", *, speed: Speed = Speed.NATIVE, **fields: Any) -> Cell:
        target = Target(name="app", **fields)
        identity = CellId("app", Platform.parse(platform))
        return Cell(id=identity, target=target, node=NodeName("node"), speed=speed)

    return make


@pytest.fixture
def make_info() -> MakeInfo:
    def make(
        *without: Feature,
        wire: Wire = Wire.BUILDKIT,
        host_network: bool = False,
        labels: Mapping[str, str] = MappingProxyType({}),
    ) -> NodeInfo:
        endpoint = Endpoint(
            name=NodeName("node"), address="unix:///s", wire=wire, host_network=host_network
        )
        return NodeInfo(
            endpoint=endpoint,
            platforms={Platform.parse("linux/amd64"): Speed.NATIVE},
            features=frozenset(Feature) - frozenset(without),
            labels=labels,
        )

    return make


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose working directory holds a build context."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY a /\n")
    (tmp_path / "a").write_text("a")
    return config.load({"HOME": str(tmp_path)}, cwd=tmp_path)


@pytest.fixture
def dialer(tmp_path: Path) -> UnixDialer:
    return UnixDialer(tmp_path / "sock")


@pytest.fixture
async def daemon(dialer: UnixDialer) -> AsyncIterator[FakeBuildkitd]:
    async with FakeBuildkitd(dialer.path) as found:
        yield found


@pytest.fixture
def docker_dialer(tmp_path: Path) -> UnixDialer:
    return UnixDialer(tmp_path / "docker", Wire.DOCKER)


@pytest.fixture
async def dockerd(docker_dialer: UnixDialer) -> AsyncIterator[FakeBuildkitd]:
    async with FakeBuildkitd(docker_dialer.path, wire=Wire.DOCKER) as found:
        yield found
