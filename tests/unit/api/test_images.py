"""Images in registries, layouts and archives."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bakex.api.images import Images
from bakex.config import load
from bakex.errors import (
    ContentError,
    ContentNotFoundError,
    DeniedError,
    DigestMismatchError,
    NameUnknownError,
    SizeMismatchError,
    UsageError,
)
from bakex.model.digest import Digest
from bakex.model.documents import encode
from bakex.model.media_types import OCI_INDEX
from bakex.oci.archive import write_archive
from bakex.oci.copy import push_document
from bakex.oci.layout import OciLayout
from bakex.oci.verified import read_document
from bakex.testing.images import put_attested, put_image
from bakex.testing.registry import FakeRegistry, Fault

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from bakex.model.descriptor import Descriptor


@asynccontextmanager
async def opened(folder: Path, **options: Any) -> AsyncGenerator[Images, None]:
    async with Images.open(load({"HOME": str(folder)}, cwd=folder), **options) as images:
        yield images


async def layout_of(folder: Path, *names: str) -> tuple[OciLayout, Descriptor]:
    layout = OciLayout.create(folder / "layout")
    root = await put_attested(layout)
    await layout.enter([(root, name) for name in names])
    return layout, root


async def test_an_image_goes_everywhere_and_stays_whole(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    layout, root = await layout_of(tmp_path, "1")
    await write_archive(layout, [(root, "1")], tmp_path / "a.tar")
    host = registry.host
    async with opened(tmp_path) as images:
        await images.copy(f"{layout.root}", f"{host}/one:1")
        await images.copy(f"{host}/one:1", f"{host}/two:2")
        await images.copy(f"{tmp_path}/a.tar", f"{host}/three")
        await images.copy(f"{host}/three", f"oci:{tmp_path}/new:name")
        await images.copy(f"{host}/three", f"oci:{tmp_path}/new")
        await images.copy(f"{host}/three", f"{host}/four@{root.digest}")
        for place in (f"{host}/one:1", f"{host}/two:2", f"{host}/three", f"oci:{tmp_path}/new"):
            for contents in (None, True, False):
                for image, platforms in await images.verify(place, contents=contents):
                    assert image.root.digest == root.digest
                    assert list(map(str, platforms)) == ["linux/amd64"]
        assert await images.tags(f"{host}/three") == ("latest",)
        assert await images.tags(f"oci:{tmp_path}/new") == ["name", "latest"]
        assert registry.content.manifest("four", str(root.digest))
        with pytest.raises(UsageError, match="which is not"):
            await images.copy(f"{host}/three", f"{host}/four@{Digest.of(b'other')}")


async def test_damage_is_found_and_named(tmp_path: Path, registry: FakeRegistry) -> None:
    layout, root = await layout_of(tmp_path, "1")
    manifest = (await read_document(layout, root)).children[0]
    layer = (await read_document(layout, manifest)).children[1]
    file = layout.path(layer.digest)
    whole = file.read_bytes()
    async with opened(tmp_path) as images:
        file.write_bytes(whole[:-1])
        with pytest.raises(SizeMismatchError, match=str(layer.digest)):
            await images.verify(str(layout.root))
        with pytest.raises(ContentNotFoundError, match=str(layer.digest)):
            await images.verify(str(layout.root), contents=False)
        file.write_bytes(whole[:-1] + b"!")
        with pytest.raises(DigestMismatchError, match=str(layer.digest)):
            await images.verify(str(layout.root))
        file.unlink()
        with pytest.raises(ContentNotFoundError, match=str(layer.digest)):
            await images.verify(str(layout.root))
        with pytest.raises(ContentNotFoundError, match=str(layer.digest)):
            await images.copy(str(layout.root), f"{registry.host}/app:1")
    assert registry.content.tags("app") == []


async def test_a_registry_that_lost_a_layer_is_found_out(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    layout, root = await layout_of(tmp_path, "1")
    manifest = (await read_document(layout, root)).children[0]
    layer = (await read_document(layout, manifest)).children[1]
    async with opened(tmp_path) as images:
        await images.copy(str(layout.root), f"{registry.host}/app:1")
    registry.content.remove_blob("app", str(layer.digest))
    async with opened(tmp_path) as images:
        with pytest.raises(ContentNotFoundError, match=str(layer.digest)):
            await images.verify(f"{registry.host}/app:1")


async def test_images_are_described(tmp_path: Path) -> None:
    layout, root = await layout_of(tmp_path, "ghcr.io/acme/app:1", "2")
    lone = await put_image(
        layout, annotations={"a": "b"}, config={"config": {"Labels": {"l": "v"}}}
    )
    outer = await push_document(
        layout,
        encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [root.to_json()]}),
    )
    await layout.enter([(lone, "lone"), (outer, "outer")])
    async with opened(tmp_path) as images:
        found = await images.describe(str(layout.root))
        assert [entry["name"] for entry in found] == ["ghcr.io/acme/app:1", "2", "lone", "outer"]
        first: Any = found[0]
        assert first["digest"] == str(root.digest)
        assert [i["platform"] for i in first["images"]] == ["linux/amd64"]
        assert first["attestations"][0]["subject"] == first["images"][0]["digest"]
        one: Any
        [one] = await images.describe(f"oci:{layout.root}:lone")
        [image] = one["images"]
        assert image["labels"] == {"l": "v"}
        assert one["annotations"] == {"a": "b"}
        last: Any = found[-1]
        assert last["images"] == [{"digest": str(root.digest), "mediaType": OCI_INDEX}]


async def test_an_attestation_alone_is_an_artifact(tmp_path: Path) -> None:
    layout, _ = await layout_of(tmp_path, "1")
    raw = encode(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "text/x",
            "config": {
                "mediaType": "application/vnd.oci.empty.v1+json",
                "digest": str(Digest.of(b"{}")),
                "size": 2,
            },
            "layers": [],
        }
    )
    await layout.tag(await push_document(layout, raw), "artifact")
    async with opened(tmp_path) as images:
        found: Any
        [found] = await images.describe(f"oci:{layout.root}:artifact")
        assert found["images"][0]["artifactType"] == "text/x"


async def test_several_images_are_not_one(tmp_path: Path, registry: FakeRegistry) -> None:
    layout, _ = await layout_of(tmp_path, "1", "2")
    async with opened(tmp_path) as images:
        await images.copy(str(layout.root), f"{registry.host}/app:1")  # one image, two names
        await layout.tag(await put_image(layout), "3")
        with pytest.raises(UsageError, match="has several images"):
            await images.copy(str(layout.root), f"{registry.host}/app:2")
        with pytest.raises(ContentError, match="lists no image"):
            await images.find(str(OciLayout.create(tmp_path / "empty").root))


async def test_tags_go_alone(tmp_path: Path, registry: FakeRegistry) -> None:
    layout, root = await layout_of(tmp_path, "1")
    name = f"{registry.host}/app"
    async with opened(tmp_path, insecure=True) as images:
        for tag in ("1", "2"):
            await images.copy(str(layout.root), f"{name}:{tag}")
        await images.remove(f"{name}:1")
        assert await images.tags(name) == ("2",)
        with pytest.raises(DeniedError, match="2"):
            await images.remove(f"{name}@{root.digest}")
        registry.fail(Fault(match="DELETE .*/manifests/2", status=405, times=9))
        with pytest.raises(DeniedError, match="removes no single tags"):
            await images.remove(f"{name}:2")
        registry.heal()
        await images.remove(f"{name}:2")
        await images.remove(f"{name}@{root.digest}")
        with pytest.raises(NameUnknownError):
            await images.remove(f"{name}:2")


async def test_mirrors_are_read_and_never_verified(tmp_path: Path, registry: FakeRegistry) -> None:
    config = tmp_path / ".config" / "containers"
    config.mkdir(parents=True)
    layout, root = await layout_of(tmp_path, "1")
    with FakeRegistry() as mirror:
        name = f"{registry.host}/app:1"
        async with opened(tmp_path) as images:
            await images.copy(str(layout.root), name)
            await images.copy(str(layout.root), f"{mirror.host}/cache/app:1")
        (config / "registries.conf").write_text(
            f'[[registry]]\nlocation = "{registry.host}"\n'
            f'[[registry.mirror]]\nlocation = "{mirror.host}/cache"\n'
        )
        registry.log.clear()
        async with opened(tmp_path) as images:
            assert (await images.describe(name))[0]["digest"] == str(root.digest)
            assert not registry.log
            await images.copy(name, f"oci:{tmp_path}/copied:1")
            assert not registry.log
            mirror.log.clear()
            assert await images.verify(name, contents=True)
            assert not mirror.log
        # A mirror that has lost it is no reason to fail.
        mirror.content.delete_manifest("cache/app", str(root.digest))
        async with opened(tmp_path) as images:
            await images.copy(name, f"oci:{tmp_path}/again:1")


async def test_copies_on_one_registry_are_mounts(tmp_path: Path, registry: FakeRegistry) -> None:
    layout, _ = await layout_of(tmp_path, "1")
    async with opened(tmp_path) as images:
        await images.copy(str(layout.root), f"{registry.host}/one:1")
    registry.log.clear()
    async with opened(tmp_path) as images:
        await images.copy(f"{registry.host}/one:1", f"{registry.host}/two:1")
    uploads = [seen for seen in registry.log if "uploads" in seen.target]
    assert uploads
    assert all("mount=" in str(seen) for seen in uploads)
