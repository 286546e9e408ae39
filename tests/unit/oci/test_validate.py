"""Every invariant of a graph, broken one at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bakex.errors import ContentError, ContentNotFoundError, DigestMismatchError, MediaTypeError
from bakex.model.documents import encode
from bakex.model.index import Index
from bakex.model.manifest import ImageManifest
from bakex.model.media_types import OCI_INDEX
from bakex.model.platform import Platform
from bakex.oci.copy import push_document
from bakex.oci.layout import OciLayout
from bakex.oci.memory import MemoryStore
from bakex.oci.validate import validate, validate_layout
from bakex.testing.images import put_attested, put_image

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.model.descriptor import Descriptor

AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")


async def put_index(store: MemoryStore, *entries: Descriptor) -> Descriptor:
    listed = [entry.to_json() for entry in entries]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}
    return await push_document(store, encode(document), OCI_INDEX)


def at(image: Descriptor, platform: Platform) -> Descriptor:
    return replace(image, platform=platform)


async def test_sound_graphs_pass() -> None:
    store = MemoryStore()
    amd64, arm64 = await put_image(store), await put_image(store, "linux/arm64")
    root = await put_index(store, at(amd64, AMD64), at(arm64, ARM64))
    for contents in (False, True):
        found = await validate(store, root, platforms=[ARM64, AMD64], contents=contents)
        assert [(p, d.digest) for p, d in found.items()] == [
            (AMD64, amd64.digest),
            (ARM64, arm64.digest),
        ]
    assert list(await validate(store, amd64)) == [AMD64]
    attested = await put_attested(store)
    assert list(await validate(store, attested, platforms=[AMD64])) == [AMD64]
    outer = await put_index(store, attested)
    assert list(await validate(store, outer)) == [AMD64]


async def test_a_missing_platform_is_an_error_and_so_is_an_extra_one() -> None:
    store = MemoryStore()
    root = await put_image(store)
    with pytest.raises(ContentError, match="the image for linux/arm64 is missing"):
        await validate(store, root, platforms=[AMD64, ARM64])
    with pytest.raises(ContentError, match="linux/amd64, which was not asked for"):
        await validate(store, root, platforms=[])


async def test_missing_and_damaged_blobs_are_found() -> None:
    store = MemoryStore()
    root = await put_image(store)
    [layer] = ImageManifest.parse(store.blobs[root.digest]).layers
    whole = store.blobs[layer.digest]
    store.blobs[layer.digest] = whole[:-1] + b"!"
    await validate(store, root)
    with pytest.raises(DigestMismatchError):
        await validate(store, root, contents=True)
    store.blobs[layer.digest] = whole[:-1]
    with pytest.raises(ContentNotFoundError, match="has another size"):
        await validate(store, root)
    del store.blobs[layer.digest]
    with pytest.raises(ContentNotFoundError):
        await validate(store, root)


async def test_a_descriptor_of_another_kind_is_found() -> None:
    store = MemoryStore()
    image = await put_image(store)
    root = await put_index(store, replace(image, media_type=OCI_INDEX))
    with pytest.raises(MediaTypeError):
        await validate(store, root)


async def test_an_image_listed_for_another_platform_is_found() -> None:
    store = MemoryStore()
    root = await put_index(store, at(await put_image(store), ARM64))
    with pytest.raises(ContentError, match="listed for linux/arm64 but its config says"):
        await validate(store, root)


async def test_a_platform_that_is_listed_twice_is_found() -> None:
    store = MemoryStore()
    first = await put_image(store)
    second = await put_image(store, layers=())
    root = await put_index(store, at(first, AMD64), at(second, AMD64))
    with pytest.raises(ContentError, match="lists linux/amd64 twice"):
        await validate(store, root)
    await validate(store, await put_index(store, at(first, AMD64), at(first, AMD64)))


async def test_attestations_have_their_place_and_their_image() -> None:
    store = MemoryStore()
    index = Index.parse(store.blobs[(await put_attested(store)).digest])
    [image], [attestation] = index.images, index.attestations
    with pytest.raises(ContentError, match="an attestation before an image"):
        await validate(store, await put_index(store, attestation, image))
    with pytest.raises(ContentError, match="does not list"):
        await validate(store, await put_index(store, attestation))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"rootfs": {"type": "layers", "diff_ids": []}}, "1 layers but 0 diff IDs"),
        ({"history": [{"empty_layer": True}]}, "1 layers but a history that made 0"),
    ],
)
async def test_a_config_that_does_not_fit_is_found(config: dict[str, Any], message: str) -> None:
    store = MemoryStore()
    root = await put_image(store, config=config)
    with pytest.raises(ContentError, match=message):
        await validate(store, root)


async def test_a_history_is_optional() -> None:
    store = MemoryStore()
    await validate(store, await put_image(store, config={"history": None}))


async def test_a_layout_is_checked_as_a_whole(tmp_path: Path) -> None:
    layout = OciLayout.create(tmp_path)
    root = await put_attested(layout)
    await layout.enter([(root, "1"), (root, "2")])
    await validate_layout(tmp_path)
    document = json.loads(layout.path(root.digest).read_bytes())
    layout.path(root.digest).write_text(json.dumps(document))
    with pytest.raises(ContentError):
        await validate_layout(tmp_path)
