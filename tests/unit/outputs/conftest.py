"""A desk, and nodes that do at once what exporters ask of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from bakex.config import load
from bakex.errors import OutputError
from bakex.model.node import NodeName, Speed
from bakex.model.plan import Cell, CellId
from bakex.model.platform import Platform
from bakex.model.publication import PublishPolicy
from bakex.model.reference import Reference
from bakex.model.result import PushImage, SaveImage, SaveTar, SaveTree, StoreImage
from bakex.model.target import Target
from bakex.oci.copy import copy
from bakex.oci.layout import OciLayout
from bakex.oci.memory import MemoryStore
from bakex.outputs.catalogue import exporter
from bakex.outputs.tagging import Tagging
from bakex.registry.client import RegistryClient
from bakex.testing.clock import ManualClock
from bakex.testing.images import layer_tar, put_attested, put_image
from bakex.testing.keychain import StaticKeychain
from bakex.testing.registry import FakeRegistry

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence
    from pathlib import Path

    from bakex.interfaces import Finished
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.publication import Publication
    from bakex.model.result import ExportRequest

NODE = NodeName("near")


@dataclass(slots=True)
class Loader:
    """An image store that keeps the archives it was given."""

    loaded: list[bytes] = field(default_factory=list)
    fails: bool = False

    async def load(self, archive: Path) -> None:
        if self.fails:
            raise OutputError("docker refused the image")
        self.loaded.append(archive.read_bytes())  # noqa: ASYNC240 - small


@dataclass(slots=True)
class ImageStore:
    """A docker daemon's image store that has but names."""

    by_digest: bool
    images: dict[str, str] = field(default_factory=dict[str, str])
    fails: bool = False

    async def save(self, name: str, archive: Path) -> None:
        raise NotImplementedError

    async def tag(self, name: str, other: str) -> None:
        if self.fails:
            raise OutputError("docker names nothing")
        self.images[other] = self.images[name]

    async def remove(self, name: str) -> None:
        del self.images[name]

    async def discard(self, name: str) -> None:
        raise NotImplementedError


@dataclass(slots=True)
class Desk:
    registry: RegistryClient
    workspace: Path
    load: Loader | None = None
    store: ImageStore | None = None
    stores: tuple[NodeName, ...] = ()
    stdout: list[bytes] = field(default_factory=list)
    is_broken: bool = False

    def loader(self) -> Loader | None:
        return self.load

    def keeps_images(self, node: NodeName) -> bool:
        return node in self.stores

    def images(self, node: NodeName) -> ImageStore | None:
        return self.store if node in self.stores else None

    async def write_stdout(self, file: Path) -> None:
        if self.is_broken:
            raise BrokenPipeError(32, "Broken pipe")
        self.stdout.append(file.read_bytes())  # noqa: ASYNC240 - small


class Bench:
    """Runs an output from its requests to its publication."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.attested = False
        self.options: dict[str, Any] = {}

    def with_loader(self) -> Loader:
        self.desk.load = Loader()
        return self.desk.load

    async def forget(self) -> None:
        """Let the desk's client know nothing about what was pushed so far."""
        await self.desk.registry.aclose()
        self.desk.registry = client(self.desk.workspace)

    def target(self, **fields: Any) -> Target:
        return Target(**{"name": "app", "platforms": ("linux/amd64",), **fields})

    def cells(self, target: Target, node: str = NODE) -> list[Cell]:
        return [
            Cell(
                id=CellId(target.name, Platform.parse(text)),
                target=target,
                node=NodeName(node),
                speed=Speed.NATIVE,
            )
            for text in target.platforms or ("linux/amd64",)
        ]

    def requests(self, target: Target, output: Output) -> list[ExportRequest | None]:
        made = exporter(output.type)
        return [made.requests(target, output, cell, self.desk) for cell in self.cells(target)]

    async def finish(self, target: Target, output: Output) -> Finished:
        cells = self.cells(target)
        roots = [
            await self.hand_over(cell, request)
            for cell, request in zip(cells, self.requests(target, output), strict=True)
        ]
        return await self.assemble(target, output, roots)

    async def assemble(
        self, target: Target, output: Output, roots: Sequence[Descriptor | None]
    ) -> Finished:
        cells = list(zip(self.cells(target), roots, strict=True))
        return await exporter(output.type).finish(target, output, cells, self.desk)

    async def publish(self, finished: Finished, **policy: Any) -> list[Publication]:
        """Make an output visible, its tags included."""
        places = list(await finished.publish())
        tagging = Tagging(
            finished.moves, self.desk.registry, policy=PublishPolicy(**policy), seen={}
        )
        await tagging.prepare()
        await tagging.move()
        return [*places, *tagging.publications]

    async def hand_over(self, cell: Cell, request: ExportRequest | None) -> Descriptor | None:
        """Do what a node does for a request."""
        match request:
            case PushImage():
                made = MemoryStore()
                root = await self._image(made, cell)
                for name in request.repositories:
                    repository = self.desk.registry.repository(Reference.parse(name))
                    await copy(made, repository, root)
                return root
            case SaveImage():
                return await self._image(OciLayout(request.layout, durable=False), cell)
            case StoreImage():
                return await self._image(MemoryStore(), cell)
            case SaveTree():
                request.directory.mkdir(parents=True, exist_ok=True)
                (request.directory / "hello").write_text(str(cell.platform))
            case SaveTar():
                request.file.write_bytes(layer_tar({"hello": str(cell.platform).encode()}))
            case None:
                pass
        return None

    async def _image(self, store: Any, cell: Cell) -> Descriptor:
        make = put_attested if self.attested else put_image
        return await make(store, str(cell.platform), **self.options)


def client(workspace: Path) -> RegistryClient:
    settings = load({"HOME": str(workspace)}, cwd=workspace)
    return RegistryClient(keychain=StaticKeychain(), settings=settings, clock=ManualClock())


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as found:
        yield found


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[Desk, None]:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "images" / "blobs" / "sha256").mkdir(parents=True)
    found = Desk(client(workspace), workspace)
    yield found
    await found.registry.aclose()


@pytest.fixture
def bench(desk: Desk) -> Bench:
    return Bench(desk)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    found = tmp_path / "out"
    found.mkdir()
    return found
