"""Two images: platforms, documents, layers."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bakex.errors import ContentError, DigestMismatchError
from bakex.model.digest import Digest
from bakex.model.documents import encode
from bakex.model.media_types import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from bakex.model.platform import Platform
from bakex.oci.compare import Side, compare
from bakex.oci.copy import push_document
from bakex.oci.memory import MemoryStore
from bakex.testing.images import (
    layer_tar,
    put_artifact,
    put_attested,
    put_blob,
    put_image,
    put_index,
    put_platforms,
)
from tests.unit.oci.packing import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bakex.model.descriptor import Descriptor
    from bakex.model.difference import Comparison

TAR = "application/vnd.oci.image.layer.v1.tar"
AMD64 = Platform.parse("linux/amd64")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


async def compared(store: MemoryStore, a: Descriptor, b: Descriptor, **options: Any) -> Comparison:
    sides = [Side(name=name, root=root, store=store) for name, root in (("a", a), ("b", b))]
    return await compare(*sides, files=100, **options)


async def put(
    store: MemoryStore, layers: Sequence[tuple[bytes, str]], config: Mapping[str, Any] | None = None
) -> Descriptor:
    """Store an image with these very layers and types; each is a tar, packed as its type says."""
    pack: dict[str, Callable[[bytes], bytes]] = {"+gzip": gzip.compress, "+zstd": zstd.compress}
    blobs = [await put_blob(store, pack.get(kind[-5:], bytes)(tar), kind) for tar, kind in layers]
    fields = {
        "os": "linux",
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(tar)) for tar, _ in layers]},
        **(config or {}),
    }
    described = await put_blob(store, json.dumps(fields).encode(), OCI_CONFIG)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described.to_json(),
        "layers": [blob.to_json() for blob in blobs],
    }
    return await push_document(store, encode(document), OCI_MANIFEST)


async def test_equal_images_are_not_looked_at(store: MemoryStore) -> None:
    root = await put_platforms(store, "linux/amd64", "linux/arm64")
    for digest in list(store.blobs):
        if digest != root.digest:
            del store.blobs[digest]
    found = await compared(store, root, root, attestations=True)
    assert found.is_equal
    assert [(image.name, image.status) for image in found.images] == [
        ("linux/amd64", "equal"),
        ("linux/arm64", "equal"),
        ("attestation of linux/amd64", "equal"),
        ("attestation of linux/arm64", "equal"),
    ]


async def test_platforms_that_only_one_has(store: MemoryStore) -> None:
    a = await put_platforms(store, "linux/amd64", "linux/arm64")
    b = await put_platforms(store, "linux/amd64", "linux/riscv64")
    found = await compared(store, a, b)
    assert {image.name: image.status for image in found.images} == {
        "linux/amd64": "equal",
        "linux/arm64": "removed",
        "linux/riscv64": "added",
    }
    assert not found.is_equal
    assert found.images[1].b is None


async def test_an_index_and_the_image_that_it_lists(store: MemoryStore) -> None:
    image = await put_image(store)
    index = await put_index(store, [replace(image, platform=AMD64)])
    found = await compared(store, index, image)
    assert found.images[0].status == "equal"
    assert [change.to_json() for change in found.index] == [
        {"field": "mediaType", "a": OCI_INDEX, "b": OCI_MANIFEST}
    ]
    named = replace(image, annotations={"org.opencontainers.image.ref.name": "1"})
    assert (await compared(store, image, named)).is_equal


async def test_what_indexes_say(store: MemoryStore) -> None:
    amd64, arm64 = [
        replace(await put_image(store, name), platform=Platform.parse(name))
        for name in ("linux/amd64", "linux/arm64")
    ]

    async def index(*entries: Descriptor, **fields: Any) -> Descriptor:
        listed = [entry.to_json() for entry in entries]
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed, **fields}
        return await push_document(store, encode(document), OCI_INDEX)

    a = await index(amd64, arm64)
    b = await index(arm64, replace(amd64, annotations={"k": "v"}), annotations={"x": "1"})
    found = await compared(store, a, b)
    assert all(image.status == "equal" for image in found.images)
    assert [(c.field, c.a, c.b) for c in found.index] == [
        ("annotations.x", None, "1"),
        ("order of the platforms", ["linux/amd64", "linux/arm64"], ["linux/arm64", "linux/amd64"]),
        ("manifests[linux/amd64].annotations.k", None, "v"),
    ]
    assert not found.is_equal


async def test_several_images_of_one_platform_and_nested_indexes(store: MemoryStore) -> None:
    windows = [
        replace(
            await put_image(store, "windows/amd64", config={"os.version": version}),
            platform=Platform.parse("windows/amd64"),
            raw_platform={"os": "windows", "architecture": "amd64", "os.version": version},
        )
        for version in ("10.1", "10.2")
    ]
    twice = replace(await put_image(store), platform=AMD64)
    a = await put_index(store, [*windows, twice, twice])
    b = await put_index(store, [await put_index(store, [twice]), *windows])
    found = await compared(store, a, b)
    assert [(image.name, image.status) for image in found.images] == [
        ("windows(10.1)/amd64", "equal"),
        ("windows(10.2)/amd64", "equal"),
        ("linux/amd64", "equal"),
        ("linux/amd64 (2)", "removed"),
    ]
    deep = await put_image(store)
    for _ in range(5):
        deep = await put_index(store, [deep])
    with pytest.raises(ContentError, match="nested too deeply"):
        await compared(store, deep, deep)


async def test_an_index_where_an_image_should_be(store: MemoryStore) -> None:
    a = await put_index(store, [replace(await put_attested(store), platform=AMD64)])
    b = await put_index(store, [replace(await put_image(store), platform=AMD64)])
    with pytest.raises(ContentError, match="is listed for a platform, and is an index"):
        await compared(store, a, b)


async def test_manifest_config_and_files(store: MemoryStore) -> None:
    a = await put_image(store, layers=[{"base": b""}, {"x": b"1"}], annotations={"k": "1"})
    history = [{"created_by": "FROM"}, {"empty_layer": True}, {"created_by": "RUN date > /x"}]
    b = await put_image(
        store,
        layers=[{"base": b""}, {"x": b"2"}],
        annotations={"k": "2"},
        config={"config": {"Env": ["A=1"]}, "history": history},
    )
    (image,) = (await compared(store, a, b)).images
    assert [c.field for c in image.manifest] == ["annotations.k"]
    assert {"config.WorkingDir", "config.Env.A"} <= {c.field for c in image.config}
    (layer,) = image.layers
    assert (layer.status, layer.side.number, image.of) == ("changed", 2, 2)
    assert layer.b is not None
    assert layer.b.created_by == "RUN date > /x"
    assert [file.path for file in layer.files] == ["x"]
    assert image.to_json()["layers"][0]["files"][0]["differs"] == ["content"]


async def test_a_layer_in_between(store: MemoryStore) -> None:
    tars = [(layer_tar({name: b""}), TAR) for name in "abcd"]
    (image,) = (
        await compared(store, await put(store, tars[:3]), await put(store, [tars[3], *tars[:3]]))
    ).images
    (layer,) = image.layers
    assert layer.a is None
    assert (layer.side.number, layer.status, image.of) == (1, "added", 4)
    (image,) = (await compared(store, await put(store, tars), await put(store, tars[:3]))).images
    assert [(layer.side.number, layer.status) for layer in image.layers] == [(4, "removed")]


async def test_only_the_compression_differs(store: MemoryStore) -> None:
    tar = layer_tar({"x": b"1" * 5000})
    a = await put(store, [(tar, TAR + "+gzip")])
    b = await put(store, [(tar, TAR + "+zstd")])
    (image,) = (await compared(store, a, b)).images
    (layer,) = image.layers
    assert (layer.status, layer.files) == ("compression", ())
    other = await put(store, [(layer_tar({"x": b"2" * 5000}), TAR + "+zstd")])
    (image,) = (await compared(store, a, other)).images
    assert [file.path for file in image.layers[0].files] == ["x"]


async def test_archives_that_differ_in_their_form_only(store: MemoryStore) -> None:
    tar = layer_tar({"x": b"1"})
    a, b = await put(store, [(tar, TAR)]), await put(store, [(tar + bytes(512), TAR)])
    (layer,) = (await compared(store, a, b)).images[0].layers
    assert layer.status == "changed"
    assert "in their form only" in layer.notes[0]


async def test_a_config_that_lies_about_a_layer(store: MemoryStore) -> None:
    a = await put(store, [(layer_tar({"x": b"1"}), TAR)])
    lie = {"rootfs": {"type": "layers", "diff_ids": [str(Digest.of(b"lie"))]}}
    b = await put(store, [(layer_tar({"x": b"2"}), TAR)], lie)
    with pytest.raises(DigestMismatchError, match="the image's config says"):
        await compared(store, a, b)


@pytest.mark.parametrize(
    "rootfs", [{"type": "layers"}, {"type": "layers", "diff_ids": [str(Digest.of(b"1"))] * 2}]
)
async def test_configs_that_say_nothing_about_layers(
    store: MemoryStore, rootfs: dict[str, Any]
) -> None:
    config = {"rootfs": rootfs, "history": ["odd", {"comment": "imported"}]}
    a = await put(store, [(layer_tar({"x": b"1"}), TAR)], config)
    b = await put(store, [(layer_tar({"x": b"2"}), TAR)], config)
    (layer,) = (await compared(store, a, b)).images[0].layers
    assert (layer.side.diff_id, layer.side.created_by) == ("", "")
    assert [file.path for file in layer.files] == ["x"]


@pytest.mark.parametrize(
    "kind",
    ["application/octet-stream", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"],
)
async def test_layers_that_are_not_looked_into(store: MemoryStore, kind: str) -> None:
    a, b = await put(store, [(b"1", kind)]), await put(store, [(b"2", kind)])
    (layer,) = (await compared(store, a, b)).images[0].layers
    assert layer.notes == ("its content is not one that can be looked into",)


async def test_artifacts(store: MemoryStore) -> None:
    image = await put_image(store)
    a = await put_artifact(store, image, "signature/1", data=b"1")
    b = await put_artifact(store, image, "signature/1", data=b"2")
    (found,) = (await compared(store, a, b)).images
    assert (found.name, found.config, len(found.layers)) == ("signature/1", (), 1)


async def test_configs_of_artifacts_are_compared_by_digest(store: MemoryStore) -> None:
    roots: list[Descriptor] = []
    for data in (b"{}", b"[]"):
        config = await put_blob(store, data, "application/x-config")
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": config.to_json(),
            "layers": [],
        }
        roots.append(await push_document(store, encode(document), OCI_MANIFEST))
    (image,) = (await compared(store, *roots)).images
    assert [change.field for change in image.manifest] == ["config.digest"]


async def test_attestations_are_compared_if_asked(store: MemoryStore) -> None:
    a = await put_attested(store, predicate={"time": 1})
    b = await put_attested(store, predicate={"time": 2})
    assert (await compared(store, a, b)).is_equal
    found = await compared(store, a, b, attestations=True)
    assert not found.is_equal
    (layer,) = found.images[1].layers
    assert [(c.field, c.a, c.b) for c in layer.changes] == [("predicate.time", 1, 2)]
    lonely = replace(
        await put_image(store), annotations={"vnd.docker.reference.type": "attestation-manifest"}
    )
    index = await put_index(store, [lonely])
    found = await compared(store, index, index, attestations=True)
    assert [image.name for image in found.images] == ["attestation of nothing"]
