"""Reading what a cell handed over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bakex.errors import ContentError, ContentNotFoundError
from bakex.model.documents import encode
from bakex.model.index import Index
from bakex.model.media_types import OCI_INDEX
from bakex.model.platform import Platform
from bakex.oci.copy import push_document
from bakex.oci.memory import MemoryStore
from bakex.oci.parts import collect
from bakex.oci.verified import read_document
from bakex.testing.images import put_attested, put_image

if TYPE_CHECKING:
    from bakex.model.descriptor import Descriptor

AMD64 = Platform.parse("linux/amd64")
ARM64 = Platform.parse("linux/arm64")


async def put_index(store: MemoryStore, *entries: dict[str, Any]) -> Descriptor:
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries)}
    return await push_document(store, encode(document), OCI_INDEX)


def listed(image: Descriptor, **platform: str) -> dict[str, Any]:
    return {**image.to_json(), "platform": platform} if platform else image.to_json()


async def test_a_manifest_is_one_image_with_the_platform_of_its_config() -> None:
    store = MemoryStore()
    image = await put_image(store, "linux/arm/v6")
    part = await collect(store, image, platform=Platform.parse("linux/arm/v6"), origin="n")
    [found] = part.images
    assert found.descriptor.raw_platform == {
        "architecture": "arm",
        "os": "linux",
        "variant": "v6",
    }
    assert found.descriptor.digest == image.digest
    assert part.attestations == ()


async def test_an_index_gives_images_and_attestations() -> None:
    store = MemoryStore()
    root = await put_attested(store)
    part = await collect(store, root, platform=AMD64)
    assert isinstance(part.document, Index)
    assert [i.descriptor.digest for i in part.images] == [part.document.images[0].digest]
    assert part.attestations == part.document.attestations


async def test_what_a_node_says_about_its_export_is_left_out() -> None:
    store = MemoryStore()
    image = await put_image(store)
    root = replace(image, annotations={"org.opencontainers.image.created": "2026-01-01T00:00:00Z"})
    part = await collect(store, root, platform=AMD64)
    assert part.images[0].descriptor.annotations == {}


async def test_of_a_root_with_a_platform_only_that_counts() -> None:
    store = MemoryStore()
    entries: list[dict[str, Any]] = []
    for platform in ("linux/amd64", "linux/arm64"):
        document = await read_document(store, await put_attested(store, platform))
        assert isinstance(document, Index)
        entries += [entry.to_json() for entry in document.manifests]
    root = await put_index(store, *entries)
    part = await collect(store, replace(root, platform=ARM64), platform=ARM64)
    assert [str(image.descriptor.digest) for image in part.images] == [entries[2]["digest"]]
    assert [str(entry.digest) for entry in part.attestations] == [entries[3]["digest"]]
    assert len((await collect(store, root, platform=ARM64)).images) == 2


async def test_nested_indexes_are_flattened_but_not_without_end() -> None:
    store = MemoryStore()
    inner = await put_attested(store)
    outer = await put_index(store, listed(inner))
    part = await collect(store, outer, platform=AMD64)
    assert len(part.images) == 1
    assert len(part.attestations) == 1
    deeper = await put_index(store, listed(outer))
    with pytest.raises(ContentError, match="nested too deeply"):
        await collect(store, deeper, platform=AMD64)


async def test_a_platform_that_the_config_denies_is_an_error() -> None:
    store = MemoryStore()
    image = await put_image(store, "linux/amd64")
    root = await put_index(store, listed(image, os="linux", architecture="arm64"))
    with pytest.raises(ContentError, match="listed for linux/arm64 but its config says") as caught:
        await collect(store, root, platform=ARM64)
    assert "FROM --platform" in caught.value.hint


async def test_an_artifact_is_no_image() -> None:
    store = MemoryStore()
    root = await put_attested(store)
    index = Index.parse(store.blobs[root.digest])
    plain = replace(index.attestations[0], annotations={}, raw_platform={}, platform=None)
    # Its config has an image's type but no layers that a root file system would be made of.
    raw = store.blobs[plain.digest].replace(b"image.config", b"example.config")
    artifact = await push_document(store, raw, plain.media_type)
    with pytest.raises(ContentError, match="is not an image"):
        await collect(store, artifact, platform=AMD64)


async def test_what_is_missing_is_named() -> None:
    store = MemoryStore()
    image = await put_image(store)
    del store.blobs[image.digest]
    with pytest.raises(ContentNotFoundError, match=image.digest.hex):
        await collect(store, image, platform=AMD64)


WINDOWS = Platform.parse("windows/amd64")
VERSION = {"os.version": "10.0.20348.2", "os.features": ["win32k"]}


async def test_version_and_features_of_the_system_come_from_the_config() -> None:
    store = MemoryStore()
    image = await put_image(store, "windows/amd64", config=VERSION)
    entry = listed(image, os="windows", architecture="amd64")
    root = await put_index(store, entry)
    (found,) = (await collect(store, root, platform=WINDOWS)).images
    assert found.descriptor.to_json()["platform"] == {
        "architecture": "amd64",
        "os": "windows",
        **VERSION,
    }


async def test_another_version_than_in_the_config_is_an_error() -> None:
    store = MemoryStore()
    image = await put_image(store, "windows/amd64", config=VERSION)
    entry = listed(image, os="windows", architecture="amd64")
    entry["platform"]["os.version"] = "10.0.1"
    root = await put_index(store, entry)
    with pytest.raises(ContentError, match=r"listed for the version 10\.0\.1 of its system"):
        await collect(store, root, platform=WINDOWS)
