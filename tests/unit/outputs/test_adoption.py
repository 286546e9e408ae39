"""The same images with provenance of another run are the same result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bakex.model.documents import encode
from bakex.model.index import Index
from bakex.model.media_types import OCI_INDEX, OCI_MANIFEST
from bakex.model.reference import Reference
from bakex.oci.copy import push_document
from bakex.oci.verified import read_document
from bakex.outputs.adoption import published_before
from bakex.testing.images import put_attested, put_blob, put_image

if TYPE_CHECKING:
    from bakex.model.descriptor import Descriptor
    from bakex.testing.registry import FakeRegistry
    from tests.unit.outputs.conftest import Bench


class Scene:
    """A repository with a tag, and a result that might be what the tag stands for."""

    def __init__(self, bench: Bench, registry: FakeRegistry) -> None:
        self.registry = registry
        self.references = [Reference.parse(f"{registry.host}/app:{tag}") for tag in ("1", "2")]
        self.store = bench.desk.registry.repository(self.references[0])

    async def tagged(self, tag: str = "1", **made: Any) -> Descriptor:
        root = await put_attested(self.store, **made)
        await self.store.tag(root, tag)
        return root

    async def found(self, **made: Any) -> Descriptor | None:
        root = await read_document(self.store, await put_attested(self.store, **made))
        assert isinstance(root, Index)
        return await published_before(self.store, self.references, root)


@pytest.fixture
def scene(bench: Bench, registry: FakeRegistry) -> Scene:
    return Scene(bench, registry)


def v02(run: str, **more: Any) -> dict[str, Any]:
    volatile = {"buildInvocationID": run, "buildStartedOn": run, "buildFinishedOn": run}
    return {"metadata": {**volatile, "completeness": True, **more}}


def v1(run: str) -> dict[str, Any]:
    metadata = {"invocationId": run, "startedOn": run, "finishedOn": run}
    return {"runDetails": {"builder": {"id": ""}, "metadata": metadata}}


@pytest.mark.parametrize("made", [v02, v1])
async def test_time_and_number_of_the_run_do_not_count(scene: Scene, made: Any) -> None:
    before = await scene.tagged(predicate=made("1"))
    found = await scene.found(predicate=made("2"))
    assert found is not None
    assert found.digest == before.digest


async def test_an_sbom_of_the_same_is_the_same(scene: Scene) -> None:
    one = {"creationInfo": {"created": "1", "by": "x"}, "documentNamespace": "1", "files": [1]}
    two = {"creationInfo": {"created": "2", "by": "x"}, "documentNamespace": "2", "files": [1]}
    before = await scene.tagged(predicate=one)
    found = await scene.found(predicate=two)
    assert found is not None
    assert found.digest == before.digest


async def test_every_tag_is_looked_at(scene: Scene) -> None:
    await scene.tagged("1", predicate=v02("1"), layers=[{"other": b""}])
    second = await scene.tagged("2", predicate=v02("1"))
    found = await scene.found(predicate=v02("2"))
    assert found is not None
    assert found.digest == second.digest


@pytest.mark.parametrize(
    "made",
    [
        {"predicate": v02("2", source="other")},
        {"predicate": {**v02("2"), "metadata": 3}},
        {"predicate": v02("2"), "layers": [{"other": b""}]},
        {"predicate": v02("2"), "platform": "linux/arm64"},
        {"predicate": v02("2"), "annotations": {"a": "b"}},
    ],
)
async def test_anything_else_counts(scene: Scene, made: dict[str, Any]) -> None:
    await scene.tagged(predicate=v02("1"))
    assert await scene.found(**made) is None


async def test_no_tag_or_another_kind_is_no_match(scene: Scene) -> None:
    assert await scene.found() is None
    await scene.store.tag(await put_image(scene.store), "1")
    assert await scene.found() is None


async def test_what_is_damaged_is_no_match(scene: Scene, bench: Bench) -> None:
    await scene.tagged(predicate=v02("1"))
    new = await read_document(scene.store, await put_attested(scene.store, predicate=v02("2")))
    assert isinstance(new, Index)
    old = await scene.store.resolve("1")
    document = await read_document(scene.store, old)
    assert isinstance(document, Index)
    scene.registry.content.delete_manifest("app", str(document.attestations[0].digest))
    await bench.forget()
    store = bench.desk.registry.repository(scene.references[0])
    assert await published_before(store, scene.references, new) is None


PREDICATE = "in-toto.io/predicate-type"


async def custom(
    scene: Scene, *blobs: bytes, note: str = "p", subject: str = "", as_index: bool = False
) -> Descriptor:
    """Store one image with an attestation of just these blobs."""
    image = await put_image(scene.store)
    layers = [(await put_blob(scene.store, blob, "application/x")).to_json() for blob in blobs]
    for layer in layers:
        layer["annotations"] = {PREDICATE: note} if note else {}
    config = await put_blob(scene.store, b"{}", "application/x")
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.to_json(),
        "layers": layers,
    }
    made = await push_document(scene.store, encode(manifest))
    if as_index:
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [made.to_json()]}
        made = await push_document(scene.store, encode(document))
    link = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": subject or str(image.digest),
    }
    entries = [image.to_json(), {**made.to_json(), "annotations": link}]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries[: len(blobs) + 1]}
    return await push_document(scene.store, encode(index))


@pytest.mark.parametrize(
    ("there", "new", "same"),
    [
        ({"blobs": [b'{"a": 1}']}, {"blobs": [b'{"a":1}']}, True),
        ({"blobs": [b'{"a": 1}']}, {"blobs": [b'{"a":2}']}, False),
        ({"blobs": [b'{"a": 1}']}, {"blobs": []}, False),
        ({"blobs": [b"x", b'{"a": 1}']}, {"blobs": [b"x", b'{"a":1}']}, True),
        ({"blobs": [b"x", b'{"a": 1}']}, {"blobs": [b'{"a":1}']}, False),
        ({"blobs": [b'{"a": 1}'], "note": ""}, {"blobs": [b'{"a":1}'], "note": ""}, False),
        ({"blobs": [b'{"a": 1}'], "note": "q"}, {"blobs": [b'{"a":1}']}, False),
        ({"blobs": [b"no json"]}, {"blobs": [b'{"a":1}']}, False),
        ({"blobs": [b"[1]"]}, {"blobs": [b"[1] "]}, False),
        ({"blobs": [b"1"], "as_index": True}, {"blobs": [b"2"]}, False),
        ({"blobs": [b'{"a":1}']}, {"blobs": [b'{"a": 1}'], "subject": f"sha256:{0:064}"}, False),
        ({"blobs": [b'{"predicate": 1}']}, {"blobs": [b'{"predicate":1}']}, True),
    ],
)
async def test_attestations_have_to_say_the_same(
    scene: Scene, there: dict[str, Any], new: dict[str, Any], *, same: bool
) -> None:
    before = await custom(scene, *there.pop("blobs"), **there)
    await scene.store.tag(before, "1")
    root = await read_document(scene.store, await custom(scene, *new.pop("blobs"), **new))
    assert isinstance(root, Index)
    found = await published_before(scene.store, scene.references, root)
    assert (found.digest if found else None) == (before.digest if same else None)
