from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit.engine import BuildkitEngine
from bakex.errors import BuildError, CapabilityError, InternalError, NodeError
from bakex.model.result import PushImage, SaveImage, StoreImage
from bakex.oci.layout import OciLayout
from bakex.oci.memory import MemoryStore
from bakex.run.clock import SystemClock
from bakex.testing.buildkitd import FakeBuildkitd, failure
from bakex.testing.fakes import EventRecorder
from bakex.testing.keychain import StaticKeychain
from tests.unit.engines.buildkit.test_saved import archive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bakex.config import Settings
    from bakex.model.reference import Reference
    from bakex.testing.buildkitd import Build
    from tests.unit.engines.buildkit.conftest import MakeCell, UnixDialer


class Archives:
    """An image store that has one image under every name."""

    def __init__(self) -> None:
        self.saved: list[str] = []
        self.removed: list[str] = []
        self.is_lost = False

    async def save(self, name: str, archive_path: Path) -> None:
        self.saved.append(name)
        archive(archive_path)

    async def remove(self, name: str) -> None:
        self.removed.append(name)
        if self.is_lost:
            raise NodeError("lost")


class Registries:
    def __init__(self) -> None:
        self.stores: dict[str, MemoryStore] = {}
        self.insecure: set[bool] = set()

    def repository(self, reference: Reference, *, insecure: bool = False) -> MemoryStore:
        self.insecure.add(insecure)
        return self.stores.setdefault(reference.repository, MemoryStore())

    async def aclose(self) -> None:
        pass


@pytest.fixture
async def classic(dockerd: FakeBuildkitd) -> FakeBuildkitd:
    dockerd.workers[:] = [
        pb.WorkerRecord(id="moby", platforms=[pb.Platform(os="linux", architecture="amd64")])
    ]
    return dockerd


async def build(
    dialer: UnixDialer,
    settings: Settings,
    make_cell: MakeCell,
    *requests: Any,
    archives: Archives | None = None,
    registry: Any = None,
    **fields: Any,
) -> Any:
    engine = BuildkitEngine(
        dialer, keychain=StaticKeychain(), settings=settings, clock=SystemClock(),
        archives=archives, registry=registry,
    )  # fmt: skip
    try:
        return await engine.build(make_cell(**fields), requests, {}, EventRecorder())
    finally:
        await engine.aclose()


async def test_an_image_is_taken_out_of_the_store(
    classic: FakeBuildkitd, docker_dialer: UnixDialer, settings: Settings, make_cell: MakeCell,
    tmp_path: Path,
) -> None:  # fmt: skip
    archives = Archives()
    result = await build(
        docker_dialer, settings, make_cell, SaveImage(layout=tmp_path / "layout"),
        archives=archives, annotations=("note=this",),
    )  # fmt: skip
    (root,) = result.exports
    assert await OciLayout.open(tmp_path / "layout").exists(root)
    assert b'"note": "this"' in OciLayout(tmp_path / "layout").path(root.digest).read_bytes()
    (request,) = [b.request for b in classic.builds if b.request.exporters]
    assert request.exporters[0].type == "moby"
    assert [request.exporters[0].attrs["name"]] == archives.saved == archives.removed
    assert archives.saved[0].startswith("bakex.invalid/")


async def test_an_image_is_pushed_from_here(
    classic: FakeBuildkitd, docker_dialer: UnixDialer, settings: Settings, make_cell: MakeCell
) -> None:
    registry = Registries()
    request = PushImage(repositories=("r.example/a", "r.example/b"), insecure=True)
    result = await build(
        docker_dialer, settings, make_cell, request, archives=Archives(), registry=registry
    )
    (root,) = result.exports
    assert sorted(registry.stores) == ["r.example/a", "r.example/b"]
    assert registry.insecure == {True}
    for store in registry.stores.values():
        assert await store.exists(root)
    with pytest.raises(CapabilityError, match="no registry"):
        await build(docker_dialer, settings, make_cell, request, archives=Archives())


async def test_an_image_that_stays_has_no_manifest(
    classic: FakeBuildkitd, docker_dialer: UnixDialer, settings: Settings, make_cell: MakeCell
) -> None:
    result = await build(docker_dialer, settings, make_cell, StoreImage(names=("app:1",)))
    assert result.exports == (None,)


async def test_the_name_is_removed_after_a_failure(
    classic: FakeBuildkitd, docker_dialer: UnixDialer, settings: Settings, make_cell: MakeCell,
    tmp_path: Path,
) -> None:  # fmt: skip
    archives = Archives()
    archives.is_lost = True

    async def fail(_: Build) -> Mapping[str, str]:
        raise failure("no space")

    classic.script = fail
    with pytest.raises(BuildError):
        await build(
            docker_dialer, settings, make_cell, SaveImage(layout=tmp_path), archives=archives
        )
    assert not archives.saved
    assert len(archives.removed) == 1


async def test_an_engine_without_a_way_to_the_store(
    classic: FakeBuildkitd, docker_dialer: UnixDialer, settings: Settings, make_cell: MakeCell,
    tmp_path: Path,
) -> None:  # fmt: skip
    with pytest.raises(InternalError, match="nothing can take the image out"):
        await build(docker_dialer, settings, make_cell, SaveImage(layout=tmp_path))
