"""The client as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.model.platform import Platform
from bakex.oci.assemble import assemble
from bakex.oci.copy import copy, push_document, walk
from bakex.oci.memory import MemoryStore
from bakex.oci.parts import collect
from bakex.oci.validate import validate
from bakex.testing.images import put_attested

if TYPE_CHECKING:
    from bakex.testing.registry import FakeRegistry
    from tests.unit.registry.conftest import MakeRig, Rig


def test_repositories_are_shared(rig: Rig) -> None:
    assert rig.repository("ghcr.io/a/b:1") is rig.repository("ghcr.io/a/b:2")
    assert rig.repository("ghcr.io/a/b") is not rig.repository("ghcr.io/a/c")


async def test_an_image_goes_there_and_back(
    registry: FakeRegistry, rig: Rig, make_rig: MakeRig
) -> None:
    local = MemoryStore()
    platforms = [Platform.parse(text) for text in ("linux/amd64", "linux/arm64")]
    parts = [await collect(local, await put_attested(local, str(p)), platform=p) for p in platforms]
    root = await push_document(local, assemble(parts).raw)
    repository = rig.repository(f"{registry.host}/team/app")
    await copy(local, repository, root)
    await repository.tag(root, "1")
    async with make_rig() as other:
        source = other.repository(f"{registry.host}/team/app")
        back = MemoryStore()
        found = await source.resolve("1")
        assert list(await validate(source, found, platforms=platforms)) == platforms
        await copy(source, back, found)
    wanted = (await walk(local, root)).descriptors
    assert back.blobs == {d.digest: local.blobs[d.digest] for d in wanted}


async def test_a_copy_between_repositories_of_a_host_mounts(
    registry: FakeRegistry, rig: Rig
) -> None:
    source = rig.repository(f"{registry.host}/base")
    root = await put_attested(source)
    registry.log.clear()
    await copy(source, rig.repository(f"{registry.host}/app"), root)
    assert registry.requests("GET") == []
    assert not [r for r in registry.requests("PUT") if "/blobs/" in r]
