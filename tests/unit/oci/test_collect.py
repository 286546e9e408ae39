"""Cleaning layouts: everything that is listed stays whole, and the rest goes."""

from __future__ import annotations

import json
import os
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bakex._util.atomic import try_lock
from bakex.errors import ContentError, OutputError, UsageError
from bakex.model.digest import Digest
from bakex.model.documents import encode
from bakex.model.garbage import Garbage, Wishes
from bakex.model.media_types import OCI_INDEX, OCI_MANIFEST
from bakex.oci import layout as layouts
from bakex.oci.collect import LayoutGarbage
from bakex.oci.copy import walk
from bakex.oci.layout import OciLayout
from bakex.oci.validate import validate
from bakex.oci.verified import read_document
from bakex.testing.images import (
    put_artifact,
    put_attested,
    put_blob,
    put_image,
    put_index,
    put_platforms,
)

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.model.descriptor import Descriptor

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALL = Wishes(held_since=datetime.max.replace(tzinfo=UTC))
TWO = ("linux/amd64", "linux/arm64")


@pytest.fixture
def layout(tmp_path: Path) -> OciLayout:
    return OciLayout.create(tmp_path / "layout")


def stamp(layout: OciLayout, at: datetime = NOW - timedelta(days=1)) -> None:
    """Let everything in a layout be of a certain time."""
    for path in (layout.root / "blobs" / "sha256").iterdir():
        os.utime(path, (at.timestamp(), at.timestamp()))


def kinds(garbage: Garbage) -> dict[str, int]:
    found: dict[str, int] = {}
    for item in garbage.doomed:
        found[item.kind] = found.get(item.kind, 0) + 1
    return found


async def test_what_lost_its_name_goes_and_shared_parts_stay(layout: OciLayout) -> None:
    base = {"base": b"base"}
    old = await put_platforms(layout, *TWO, layers=[base, {"a": b"old"}])
    await layout.tag(old, "1")
    new = await put_platforms(layout, *TWO, layers=[base, {"a": b"new"}])
    await layout.tag(new, "1")
    before = {digest for digest, _, _ in layout.files()}
    found = LayoutGarbage(layout, ALL).plan()
    assert {digest for digest, _, _ in layout.files()} == before
    assert not found.applied
    assert old.digest in {item.descriptor.digest for item in found.doomed}
    # The indexes of single platforms, from which the two were made, have no name, either.
    assert kinds(found) == {"index": 5, "manifest": 4, "blob": 7}
    assert found.kept == {"tags": 1, "manifests": 5, "referrers": 0, "held": 0}
    done = await LayoutGarbage(layout, ALL).apply()
    assert done.applied
    assert done.doomed == found.doomed
    graph = await walk(layout, new)
    assert {d for d, _, _ in layout.files()} == {d.digest for d in graph.descriptors}
    assert await validate(layout, new, contents=True)
    assert done.frees == sum(item.descriptor.size for item in done.doomed)
    assert not (await LayoutGarbage(layout, ALL).apply()).doomed


async def test_what_is_new_stays_with_what_it_needs(layout: OciLayout) -> None:
    root = await put_attested(layout)
    stamp(layout)
    # A writer that finds the index there is about to list it.
    assert await layout.exists(root)
    wishes = Wishes(held_since=NOW)
    found = LayoutGarbage(layout, wishes).plan()
    assert not found.doomed
    assert found.kept["held"] == len(list(layout.files()))
    stamp(layout)
    reader = OciLayout.open(layout.root, durable=False)
    assert await reader.exists(root)
    assert len(LayoutGarbage(layout, wishes).plan().doomed) == len(list(layout.files()))


async def test_tags_are_removed_by_pattern_and_age(layout: OciLayout) -> None:
    kept = await put_image(layout, layers=[{"a": b"kept"}])
    other = await put_image(layout, layers=[{"a": b"other"}])
    both = await put_image(layout, layers=[{"a": b"both"}])
    await layout.enter([(kept, "1.0"), (other, "pr-1"), (both, "pr-2"), (both, "main")])
    stamp(layout)
    wishes = Wishes(held_since=NOW, delete_tags=("pr-*",), older_than=NOW)
    found = await LayoutGarbage(layout, wishes).apply()
    assert found.doomed[0].tags == ("pr-1",)
    assert found.doomed[0].reason == "only the tag pr-1 stands for it"
    assert found.untagged == ("pr-2",)
    assert found.kept["tags"] == 2
    assert [name for name, _ in sorted(layout.index().named()[0].items())] == ["1.0", "main"]
    for name in ("1.0", "main"):
        assert await validate(layout, await layout.resolve(name), contents=True)
    young = Wishes(held_since=NOW, delete_tags=("*",), older_than=NOW - timedelta(days=2))
    assert not LayoutGarbage(layout, young).plan().doomed


async def test_referrers_stay_and_go_with_their_subject(layout: OciLayout) -> None:
    image = await put_image(layout)
    signature = await put_artifact(layout, image, "x/signature")
    await put_artifact(layout, signature, "x/countersignature")
    listed = await put_index(layout, [signature])
    await layout.enter([(image, "1"), (listed, f"sha256-{image.digest.hex}")])
    found = LayoutGarbage(layout, ALL).plan()
    assert not found.doomed
    assert found.kept == {"tags": 1, "manifests": 2, "referrers": 2, "held": 0}
    wishes = Wishes(held_since=ALL.held_since, delete_tags=("1", "sha256-*"))
    await LayoutGarbage(layout, wishes).apply()
    assert not list(layout.files())
    assert not layout.index().entries


async def test_roots_without_a_name_and_ambiguous_names_stay(layout: OciLayout) -> None:
    images = [await put_image(layout, layers=[{"a": bytes([n])}]) for n in range(3)]
    entries = [image.to_json() for image in images]
    for entry in entries[1:]:
        entry["annotations"] = {"org.opencontainers.image.ref.name": "twice"}
    document = {"schemaVersion": 2, "manifests": entries}
    (layout.root / "index.json").write_bytes(encode(document))
    wishes = Wishes(held_since=ALL.held_since, delete_tags=("*",))
    assert not LayoutGarbage(layout, wishes).plan().doomed


async def test_what_cannot_be_read_is_not_guessed_at(layout: OciLayout) -> None:
    image = await put_image(layout)
    await layout.tag(image, "1")
    layout.path(image.digest).write_bytes(b"{" + b" " * (image.size - 1))
    with pytest.raises(ContentError, match=f"cannot tell what {image.digest}"):
        LayoutGarbage(layout, ALL).plan()


async def test_what_an_unknown_document_names_stays(layout: OciLayout) -> None:
    blob = await put_blob(layout, b"a model", "application/x-model")
    await put_blob(layout, b"another", "application/x-model")
    raw = json.dumps({"mediaType": "application/x", "parts": [str(blob.digest)]}).encode()
    odd = await put_blob(layout, raw, "application/x")
    await layout.tag(odd, "odd")
    found = await LayoutGarbage(layout, ALL).apply()
    assert [item.descriptor.size for item in found.doomed] == [len(b"another")]
    assert layout.path(blob.digest).exists()


async def test_large_files_and_strange_ones_are_left_alone_or_taken_for_blobs(
    layout: OciLayout,
) -> None:
    image = await put_image(layout)
    await layout.tag(image, "1")
    large = layout.path(Digest.of(b"large"))
    with large.open("wb") as file:
        file.truncate(5 << 20)
    odd = layout.root / "blobs" / "sha256" / "odd"
    odd.write_bytes(b"?")
    found = await LayoutGarbage(layout, ALL).apply()
    assert [item.descriptor.size for item in found.doomed] == [5 << 20]
    assert odd.exists()


async def test_missing_parts_are_told(layout: OciLayout) -> None:
    image = await put_image(layout)
    await layout.tag(image, "1")
    layer = (await read_document(layout, image)).children[1]
    layout.path(layer.digest).unlink()
    [note] = LayoutGarbage(layout, ALL).plan().notes
    assert note == f"What stays leads to 1 that are missing: {str(layer.digest)[:19]}."


async def test_candidates_are_for_registries(layout: OciLayout) -> None:
    wishes = Wishes(held_since=NOW, candidates=(Digest.of(b""),))
    with pytest.raises(UsageError):
        LayoutGarbage(layout, wishes)


async def test_nothing_goes_while_another_program_changes_the_index(
    layout: OciLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_image(layout)
    monkeypatch.setattr(layouts, "_LOCK_TIMEOUT_S", 0.05)
    lock = try_lock(layout.root / "index.json.lock")
    assert lock is not None
    with pytest.raises(OutputError, match="is locked by another program"):
        await LayoutGarbage(layout, ALL).apply()
    lock.release()
    assert len((await LayoutGarbage(layout, ALL).apply()).doomed) == 3


@pytest.mark.parametrize("seed", range(12))
async def test_random_layouts_stay_whole(layout: OciLayout, seed: int) -> None:
    dice = random.Random(seed)
    pool: list[Descriptor] = []
    for number in range(10):
        layers = [{"l": bytes([dice.randrange(4)])} for _ in range(dice.randint(1, 3))]
        match dice.randrange(4) if pool else 0:
            case 0:
                made = await put_image(layout, layers=layers)
            case 1:
                made = await put_attested(layout, dice.choice(TWO), layers=layers)
            case 2:
                data = str(number).encode()
                made = await put_artifact(layout, dice.choice(pool), "x/y", data=data)
            case _:
                made = await put_index(layout, dice.sample(pool, min(len(pool), 2)))
        pool.append(made)
    roots = dice.sample(pool, 3)
    for number, root in enumerate(roots):
        await layout.tag(root, str(number))
    whole: dict[Digest, set[Digest]] = {}
    for root in roots:
        try:
            graph = await walk(layout, root)
        except ContentError:  # indexes of indexes of indexes
            continue
        whole[root.digest] = {found.digest for found in graph.descriptors}
    await LayoutGarbage(layout, ALL).apply()
    there = {digest for digest, _, _ in layout.files()}
    assert all(parts <= there for parts in whole.values())
    for root in roots:
        document = await read_document(layout, root)
        assert document.media_type in {OCI_INDEX, OCI_MANIFEST}
        if document.subject is not None:
            assert document.subject.digest in there
