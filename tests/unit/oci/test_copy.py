"""Copying graphs between stores."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bakex.errors import (
    ContentError,
    ContentNotFoundError,
    DigestMismatchError,
    MissingPartsError,
)
from bakex.model.digest import Digest
from bakex.model.documents import encode
from bakex.model.media_types import OCI_INDEX, is_document
from bakex.oci.copy import copy, push_document, walk
from bakex.oci.layout import OciLayout
from bakex.oci.memory import MemoryStore
from bakex.oci.validate import validate
from bakex.oci.verified import parse_document
from bakex.testing.images import put_attested, put_blob, put_image

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable
    from pathlib import Path

    from bakex.model.descriptor import Descriptor


class Recording(MemoryStore):
    """Remembers pushes, and damages the first reads of what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.pushed: list[Digest] = []
        self.damaged: dict[Digest, int] = {}

    async def push(
        self, descriptor: Descriptor, content: Callable[[], AsyncIterator[bytes]]
    ) -> None:
        if not await self.exists(descriptor):
            await super().push(descriptor, content)
            self.pushed.append(descriptor.digest)

    async def fetch(self, descriptor: Descriptor) -> AsyncGenerator[bytes, None]:
        if self.damaged.get(descriptor.digest, 0):
            self.damaged[descriptor.digest] -= 1
            yield b"\0" * descriptor.size
            return
        async for chunk in super().fetch(descriptor):
            yield chunk


async def test_everything_under_a_root_is_copied_children_first() -> None:
    source, target = MemoryStore(), Recording()
    root = await put_attested(source)
    await copy(source, target, root)
    assert target.blobs == source.blobs
    order = {digest: place for place, digest in enumerate(target.pushed)}
    graph = await walk(source, root)
    for descriptor, document in graph.documents.values():
        assert all(order[c.digest] < order[descriptor.digest] for c in document.children)
    assert target.pushed[-1] == root.digest


async def test_a_second_copy_moves_nothing() -> None:
    source, target = MemoryStore(), Recording()
    root = await put_attested(source)
    await copy(source, target, root)
    target.pushed.clear()
    await copy(source, target, root)
    assert target.pushed == []


async def test_shared_blobs_are_walked_once() -> None:
    store = MemoryStore()
    images = [await put_image(store, platform) for platform in ("linux/amd64", "linux/arm64")]
    graph = await walk(store, *images, images[0])
    assert len(graph.documents) == 2
    assert len(graph.blobs) == 3
    assert [is_document(d.media_type) for d in graph.descriptors] == [False] * 3 + [True] * 2


async def test_foreign_layers_are_left_out() -> None:
    source = MemoryStore()
    image = await put_image(source)
    document = json.loads(source.blobs[image.digest])
    foreign = {
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "digest": str(Digest.of(b"far away")),
        "size": 8,
        "urls": ["https://example.com/layer"],
    }
    document["layers"].append(foreign)
    root = await push_document(source, encode(document))
    target = MemoryStore()
    await copy(source, target, root)
    assert Digest.of(b"far away") not in target.blobs
    assert root.digest in target.blobs


async def test_damage_on_the_way_is_repaired_but_not_for_ever() -> None:
    source, target = Recording(), MemoryStore()
    root = await put_image(source)
    blob = next(iter((await walk(source, root)).blobs))
    source.damaged[blob] = 2
    await copy(source, target, root)
    assert target.blobs == source.blobs
    source.damaged[blob] = 3
    with pytest.raises(DigestMismatchError):
        await copy(source, MemoryStore(), root)


async def test_what_is_missing_is_named_and_the_root_is_not_copied() -> None:
    source, target = MemoryStore(), MemoryStore()
    root = await put_image(source)
    blob = next(iter((await walk(source, root)).blobs))
    del source.blobs[blob]
    with pytest.raises(ContentNotFoundError, match=blob.hex):
        await copy(source, target, root)
    assert root.digest not in target.blobs


async def test_graphs_have_a_largest_depth() -> None:
    store = MemoryStore()
    root = await put_image(store)
    for _ in range(4):
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [root.to_json()]}
        root = await push_document(store, encode(document), OCI_INDEX)
    with pytest.raises(ContentError, match="nested too deeply"):
        await walk(store, root)


async def test_layouts_share_blobs(tmp_path: Path) -> None:
    source, target = OciLayout.create(tmp_path / "a"), OciLayout.create(tmp_path / "b")
    root = await put_attested(source)
    await copy(source, target, root)
    await validate(target, root, contents=True)
    blob = next(iter((await walk(source, root)).blobs))
    assert target.path(blob).samefile(source.path(blob))


async def test_a_leaf_can_be_walked() -> None:
    store = MemoryStore()
    blob = await put_blob(store, b"x", "x/y")
    assert list((await walk(store, blob)).blobs) == [blob.digest]


class Forgetful(Recording):
    """Loses what a document refers to, and says so."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def push(
        self, descriptor: Descriptor, content: Callable[[], AsyncIterator[bytes]]
    ) -> None:
        if is_document(descriptor.media_type) and self.times:
            self.times -= 1
            raw = b"".join([chunk async for chunk in content()])
            for child in parse_document(raw).children:
                self.blobs.pop(child.digest, None)
            raise MissingPartsError("some parts are missing")
        await super().push(descriptor, content)


async def test_parts_that_were_lost_are_copied_again() -> None:
    source = MemoryStore()
    root = await put_attested(source)
    target = Forgetful(2)
    await copy(source, target, root)
    await validate(target, root, contents=True)
    with pytest.raises(MissingPartsError):
        await copy(source, Forgetful(99), root)


async def test_small_blobs_of_manifests_that_are_there_are_not_sent_again() -> None:
    source = MemoryStore()
    root = await put_attested(source)
    target = Recording()
    await copy(source, target, root)
    target.pushed.clear()
    # One blob is gone although its manifest is there.
    lost = next(iter((await walk(source, root)).blobs))
    del target.blobs[lost]
    await copy(source, target, root)
    assert target.pushed == [lost]
