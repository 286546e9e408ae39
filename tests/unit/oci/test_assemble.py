"""From parts of several nodes to one index."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bakex.errors import ContentError
from bakex.model.annotations import Annotation
from bakex.model.index import Index
from bakex.model.media_types import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from bakex.model.platform import Platform
from bakex.oci.assemble import Assembly, assemble
from bakex.oci.memory import MemoryStore
from bakex.oci.parts import Part, collect
from bakex.testing.images import put_attested, put_image

PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7")


async def plain(store: MemoryStore, platform: str, *, node: str = "", **image: Any) -> Part:
    root = await put_image(store, platform, **image)
    return await collect(store, root, platform=Platform.parse(platform), origin=node)


async def attested(store: MemoryStore, platform: str, *, node: str = "") -> Part:
    root = await put_attested(store, platform)
    return await collect(store, root, platform=Platform.parse(platform), origin=node)


def document(assembly: Assembly) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(assembly.raw)
    return found


def notes(*texts: str) -> list[Annotation]:
    return [note for text in texts for note in Annotation.parse(text)]


async def test_images_come_in_the_order_of_the_parts() -> None:
    store = MemoryStore()
    parts = [await plain(store, platform) for platform in PLATFORMS]
    for order in (parts, parts[::-1]):
        found = document(assemble(order))
        listed = [
            "/".join(filter(None, map(e["platform"].get, ("os", "architecture", "variant"))))
            for e in found["manifests"]
        ]
        assert listed == [str(part.platform) for part in order]


async def test_the_bytes_do_not_depend_on_anything_but_the_parts() -> None:
    first, second = MemoryStore(), MemoryStore()
    one = assemble([await attested(first, platform) for platform in PLATFORMS])
    two = assemble([await attested(second, platform) for platform in PLATFORMS])
    assert one.raw == two.raw
    assert one.root == Index.parse(one.raw).descriptor


async def test_the_index_has_this_form() -> None:
    store = MemoryStore()
    part = await plain(store, "linux/arm/v7")
    found = assemble([part], annotations=notes("index:b=2", "index:a=<1> & 2")).raw
    digest = part.images[0].descriptor.digest
    assert found.decode() == (
        "{\n"
        '  "schemaVersion": 2,\n'
        f'  "mediaType": "{OCI_INDEX}",\n'
        '  "manifests": [\n'
        "    {\n"
        f'      "mediaType": "{OCI_MANIFEST}",\n'
        f'      "digest": "{digest}",\n'
        f'      "size": {part.images[0].descriptor.size},\n'
        '      "platform": {\n'
        '        "architecture": "arm",\n'
        '        "os": "linux",\n'
        '        "variant": "v7"\n'
        "      }\n"
        "    }\n"
        "  ],\n"
        '  "annotations": {\n'
        '    "a": "\\u003c1\\u003e \\u0026 2",\n'
        '    "b": "2"\n'
        "  }\n"
        "}"
    )


async def test_attestations_come_after_all_images_in_their_order() -> None:
    store = MemoryStore()
    parts = [await attested(store, platform) for platform in PLATFORMS]
    found = assemble(parts)
    index = Index.parse(found.raw)
    assert index.manifests == (*index.images, *index.attestations)
    assert [e.subject for e in index.attestations] == [e.digest for e in index.images]
    assert [str(p) for p in found.images] == list(PLATFORMS)
    assert found.children == index.manifests
    raw = document(found)["manifests"][3]
    assert raw["platform"] == {"architecture": "unknown", "os": "unknown"}
    assert list(raw) == ["mediaType", "digest", "size", "annotations", "platform"]


async def test_an_attestation_without_its_image_is_dropped() -> None:
    store = MemoryStore()
    whole, other = await attested(store, "linux/amd64"), await attested(store, "linux/arm64")
    found = assemble([replace(whole, attestations=(*whole.attestations, *other.attestations))])
    assert found.orphans == other.attestations
    assert Index.parse(found.raw).attestations == whole.attestations


async def test_a_lone_image_is_its_manifest() -> None:
    store = MemoryStore()
    part = await plain(store, "linux/amd64")
    found = assemble([part])
    assert found.raw == part.document.raw
    assert found.root.media_type == OCI_MANIFEST
    assert found.children == ()
    assert list(found.images) == [part.platform]
    forced = assemble([part], force_index=True)
    assert Index.parse(forced.raw).manifests == tuple(forced.images.values())


async def test_a_lone_image_in_an_index_is_its_manifest_too() -> None:
    store = MemoryStore()
    part = await attested(store, "linux/amd64")
    found = assemble([replace(part, attestations=())])
    assert found.raw == part.images[0].manifest.raw


async def test_the_index_of_the_only_node_stays_as_it_is() -> None:
    store = MemoryStore()
    part = await attested(store, "linux/amd64")
    assert assemble([part]).raw == part.document.raw
    annotated = assemble([part], annotations=notes("index:a=b"))
    assert Index.parse(annotated.raw).annotations == {"a": "b"}
    assert Index.parse(annotated.raw).manifests == part.document.children


async def test_annotations_go_where_they_belong() -> None:
    store = MemoryStore()
    parts = [await attested(store, platform) for platform in PLATFORMS[:2]]
    texts = (
        "index:i=1",
        "manifest-descriptor:all=1",
        "manifest-descriptor[linux/arm64]:one=1",
        "manifest:node=1",
        "index-descriptor:layout=1",
    )
    index = Index.parse(assemble(parts, annotations=notes(*texts)).raw)
    assert index.annotations == {"i": "1"}
    assert [dict(e.annotations) for e in index.images] == [{"all": "1"}, {"all": "1", "one": "1"}]
    assert all("all" not in e.annotations for e in index.attestations)


async def test_an_annotation_that_the_node_wrote_already_changes_nothing() -> None:
    store = MemoryStore()
    part = await attested(store, "linux/amd64")
    index = assemble([part], annotations=notes("manifest-descriptor:a=b"))
    root = await collect_index(store, index)
    again = assemble([root], annotations=notes("manifest-descriptor:a=b"))
    assert again.raw == index.raw


async def collect_index(store: MemoryStore, assembly: Assembly) -> Part:
    store.blobs[assembly.root.digest] = assembly.raw
    [platform] = assembly.images
    return await collect(store, assembly.root, platform=platform)


async def test_dockers_manifests_make_a_list_unless_something_needs_annotations() -> None:
    store = MemoryStore()
    parts = [await plain(store, platform, docker=True) for platform in PLATFORMS[:2]]
    found = assemble(parts)
    assert found.root.media_type == DOCKER_LIST
    assert {e.media_type for e in found.children} == {DOCKER_MANIFEST}
    assert assemble(parts, annotations=notes("index:a=b")).root.media_type == OCI_INDEX
    mixed = [parts[0], await plain(store, "linux/arm64")]
    assert assemble(mixed).root.media_type == OCI_INDEX


async def test_two_images_for_one_platform_name_both_nodes() -> None:
    store = MemoryStore()
    first = await plain(store, "linux/amd64", node="near")
    second = await plain(store, "linux/amd64", node="far", layers=({"x": b""},))
    with pytest.raises(ContentError, match="two images for linux/amd64") as caught:
        assemble([first, second])
    assert "near" in caught.value.detail
    assert "far" in caught.value.detail


async def test_the_same_image_twice_is_listed_once() -> None:
    store = MemoryStore()
    part = await plain(store, "linux/amd64")
    other = await plain(store, "linux/arm64")
    [image] = part.images
    noted = replace(image, descriptor=replace(image.descriptor, annotations={"a": "b"}))
    found = assemble([part, other, replace(part, images=(noted,))])
    assert [e.digest for e in found.children] == [
        image.descriptor.digest,
        other.images[0].descriptor.digest,
    ]
    assert found.children[0].annotations == {"a": "b"}


async def test_windows_versions_may_share_a_platform() -> None:
    store = MemoryStore()
    old, new = [
        await plain(store, "windows/amd64", config={"os.version": version})
        for version in ("10.0.17763.1", "10.0.20348.2")
    ]
    found = assemble([replace(old, images=(*old.images, *new.images))])
    versions = [e["platform"]["os.version"] for e in document(found)["manifests"]]
    assert versions == ["10.0.17763.1", "10.0.20348.2"]
    assert list(found.images.values()) == [found.children[0]]


async def test_another_platform_than_asked_for_is_an_error() -> None:
    store = MemoryStore()
    part = await plain(store, "linux/amd64", node="near")
    wrong = replace(part, platform=Platform.parse("linux/arm64"))
    with pytest.raises(ContentError, match="node near built linux/amd64 where linux/arm64"):
        assemble([wrong])


async def test_a_part_without_an_image_is_an_error() -> None:
    store = MemoryStore()
    part = await plain(store, "linux/amd64")
    with pytest.raises(ContentError, match="a node made no image for linux/amd64"):
        assemble([replace(part, images=())])
    with pytest.raises(ContentError, match="nothing to assemble"):
        assemble([])


async def test_an_index_has_a_largest_size() -> None:
    store = MemoryStore()
    part = await plain(store, "linux/amd64")
    large = Annotation(key="k", value="x" * (5 << 20), kind="index")
    with pytest.raises(ContentError, match="more than the"):
        assemble([part], annotations=[large])
