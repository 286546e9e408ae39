"""Layout directories: the contract, names, and hostile ones."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from bakex._util.atomic import try_lock
from bakex.errors import (
    ContentError,
    ContentNotFoundError,
    DigestMismatchError,
    OutputError,
    SizeMismatchError,
)
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import IMAGE_NAME, REF_NAME
from bakex.oci.copy import once
from bakex.oci.layout import OciLayout
from bakex.oci.verified import read
from bakex.testing.checks import check_store
from bakex.testing.images import put_blob, put_image

if TYPE_CHECKING:
    from pathlib import Path

FULL = "docker.io/library/app:1"


@pytest.fixture
def layout(tmp_path: Path) -> OciLayout:
    return OciLayout.create(tmp_path / "layout")


def index(layout: OciLayout) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((layout.root / "index.json").read_bytes())
    return found


@pytest.mark.parametrize("durable", [True, False])
async def test_it_keeps_the_contract(tmp_path: Path, durable: bool) -> None:
    await check_store(OciLayout.create(tmp_path / "l", durable=durable))
    left = {str(p.relative_to(tmp_path / "l")) for p in (tmp_path / "l").iterdir()}
    assert {"oci-layout", "index.json", "blobs"} <= left | {"index.json"}
    assert "index.json.lock" not in left


async def test_a_layout_is_made_once_and_opened_again(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b"
    first = OciLayout.create(root)
    image = await put_image(first)
    await first.tag(image, "latest")
    OciLayout.create(root)
    assert (await OciLayout.open(root).resolve("latest")).digest == image.digest
    assert sorted(p.name for p in root.iterdir()) == ["blobs", "index.json", "oci-layout"]


async def test_a_directory_with_blobs_alone_becomes_a_layout(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    OciLayout.create(tmp_path)
    OciLayout.open(tmp_path)


def test_other_directories_are_not_layouts(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"")
    with pytest.raises(ContentError, match="is not an OCI layout"):
        OciLayout.create(tmp_path)
    with pytest.raises(ContentError, match="is not an OCI layout"):
        OciLayout.open(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize(
    "marker", [b"{}", b"[]", b"nonsense", b'{"imageLayoutVersion":"2.0.0"}', b" " * (1 << 17)]
)
def test_unknown_versions_are_refused(tmp_path: Path, marker: bytes) -> None:
    (tmp_path / "oci-layout").write_bytes(marker)
    with pytest.raises(ContentError):
        OciLayout.open(tmp_path)


def test_a_file_in_the_way_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write the OCI layout"):
        OciLayout.create(tmp_path / "file" / "layout")


async def test_a_full_disk_is_an_output_error_and_leaves_nothing(
    layout: OciLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError) as caught:
        await put_blob(layout, b"data", "x/y")
    assert caught.value.detail == "No space left on device"
    assert not list((layout.root / "blobs" / "sha256").iterdir())
    assert not list((layout.root / ".ingest").iterdir())


async def test_a_tag_is_found_by_tag_and_by_digest(layout: OciLayout) -> None:
    image = await put_image(layout)
    await layout.tag(image, "1.0")
    assert await layout.resolve("1.0") == image
    assert await layout.resolve(str(image.digest)) == image
    assert index(layout)["manifests"][0]["annotations"] == {REF_NAME: "1.0"}


async def test_a_full_name_has_both_annotations(layout: OciLayout) -> None:
    image = await put_image(layout)
    await layout.tag(image, FULL)
    names = {IMAGE_NAME: FULL, REF_NAME: "1"}
    assert index(layout)["manifests"][0]["annotations"] == names
    assert await layout.resolve(FULL) == image
    assert await layout.resolve("1") == image


async def test_a_name_has_one_entry(layout: OciLayout) -> None:
    first, second = await put_image(layout), await put_image(layout, "linux/arm64")
    await layout.enter([(first, FULL), (first, "host:5000/app:1"), (second, FULL), (second, "")])
    await layout.enter([(second, ""), (first, "")])
    listed = [(e.digest, e.annotations.get(IMAGE_NAME)) for e in layout.index().entries]
    assert listed == [
        (first.digest, "host:5000/app:1"),
        (second.digest, FULL),
        (second.digest, None),
        (first.digest, None),
    ]
    with pytest.raises(ContentError, match="several images"):
        await layout.resolve("1")


async def test_annotations_of_the_entry_are_kept(layout: OciLayout) -> None:
    image = await put_image(layout)
    await layout.tag(replace(image, annotations={"a": "b"}), "1")
    assert index(layout)["manifests"][0]["annotations"] == {"a": "b", REF_NAME: "1"}
    assert (await layout.resolve("1")).annotations == {"a": "b"}


async def test_what_others_wrote_into_the_index_stays(layout: OciLayout) -> None:
    image = await put_image(layout)
    other = {
        "mediaType": "application/vnd.example",
        "digest": str(Digest.of(b"gone")),
        "size": 4,
        "strange": True,
    }
    document = {"schemaVersion": 2, "manifests": [other], "extra": 1}
    (layout.root / "index.json").write_text(json.dumps(document))
    await layout.tag(image, "1")
    written = index(layout)
    assert written["extra"] == 1
    assert written["manifests"][0] == other


async def test_only_what_is_there_can_be_tagged(layout: OciLayout) -> None:
    missing = Descriptor(media_type="x/y", digest=Digest.of(b"x"), size=1)
    with pytest.raises(ContentNotFoundError):
        await layout.tag(missing, "1")
    assert not (layout.root / "index.json").exists()


async def test_a_digest_that_is_not_listed_is_read(layout: OciLayout) -> None:
    image = await put_image(layout)
    assert await layout.resolve(str(image.digest)) == image
    layout.path(image.digest).write_bytes(layout.path(image.digest).read_bytes() + b"\n")
    with pytest.raises(ContentError, match="something else"):
        await layout.resolve(str(image.digest))


async def test_blobs_that_are_there_are_not_written_again(layout: OciLayout) -> None:
    blob = await put_blob(layout, b"data", "x/y")
    before = layout.path(blob.digest).stat().st_ino
    await put_blob(layout, b"data", "x/y")
    assert layout.path(blob.digest).stat().st_ino == before


async def test_damaged_blobs_are_noticed_and_replaced(layout: OciLayout) -> None:
    blob = await put_blob(layout, b"data", "x/y")
    layout.path(blob.digest).write_bytes(b"dat")
    with pytest.raises(SizeMismatchError):
        await read(layout, blob, limit=100)
    await put_blob(layout, b"data", "x/y")
    assert await read(layout, blob, limit=100) == b"data"
    layout.path(blob.digest).write_bytes(b"DATA")
    with pytest.raises(DigestMismatchError):
        await read(layout, blob, limit=100)


async def test_linked_blobs_share_their_content(layout: OciLayout, tmp_path: Path) -> None:
    other = OciLayout.create(tmp_path / "other")
    blob = await put_blob(layout, b"data", "x/y")
    assert await other.link(layout, blob)
    assert await other.link(layout, blob)
    assert other.path(blob.digest).samefile(layout.path(blob.digest))
    bad = await put_blob(layout, b"evil", "x/y")
    layout.path(bad.digest).write_bytes(b"EVIL")
    with pytest.raises(DigestMismatchError):
        await other.link(layout, bad)


async def test_where_links_are_impossible_it_says_so(
    layout: OciLayout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    blob = await put_blob(layout, b"data", "x/y")
    assert not await OciLayout.create(tmp_path / "other").link(layout, blob)


async def test_a_hostile_blob_is_not_opened(layout: OciLayout, tmp_path: Path) -> None:
    blob = Descriptor(media_type="x/y", digest=Digest.of(b"secret"), size=6)
    (tmp_path / "secret").write_bytes(b"secret")
    layout.path(blob.digest).symlink_to(tmp_path / "secret")
    assert not await layout.exists(blob)
    with pytest.raises(ContentError, match="cannot read"):
        await read(layout, blob, limit=100)
    layout.path(blob.digest).unlink()
    os.mkfifo(layout.path(blob.digest))
    with pytest.raises(ContentError) as caught:
        await read(layout, blob, limit=100)
    assert caught.value.detail == "It is not a regular file."
    layout.path(blob.digest).unlink()
    layout.path(blob.digest).mkdir()
    with pytest.raises(ContentError):
        await read(layout, blob, limit=100)


@pytest.mark.parametrize(
    "document",
    [
        b"[]",
        b'{"schemaVersion":2}',
        b'{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:../../x","size":1}]}',
        b'{"schemaVersion":2,"mediaType":"x/y","manifests":[]}',
        b'{"schemaVersion":2,"manifests":[]}' + b" " * (5 << 20),
    ],
)
async def test_a_hostile_index_is_refused(layout: OciLayout, document: bytes) -> None:
    (layout.root / "index.json").write_bytes(document)
    with pytest.raises(ContentError):
        await layout.resolve("1")


async def test_a_linked_index_is_not_read(layout: OciLayout, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b'{"schemaVersion":2,"manifests":[]}')
    (layout.root / "index.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ContentError, match=r"cannot read index\.json"):
        layout.index()


async def test_a_lock_that_stays_is_named(
    layout: OciLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bakex.oci.layout._LOCK_TIMEOUT_S", 0.05)
    image = await put_image(layout)
    lock = try_lock(layout.root / "index.json.lock")
    assert lock is not None
    with pytest.raises(OutputError, match="is locked by another program"):
        await layout.tag(image, "1")
    lock.release()
    await layout.tag(image, "1")


async def test_no_entry_is_lost_between_tasks(layout: OciLayout) -> None:
    images = [await put_image(layout, layers=({"f": bytes([n])},)) for n in range(8)]
    async with asyncio.TaskGroup() as group:
        for number, image in enumerate(images):
            group.create_task(layout.tag(image, f"t{number}"))
    assert [(await layout.resolve(f"t{n}")).digest for n in range(8)] == [i.digest for i in images]


def test_no_entry_is_lost_between_processes(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from pathlib import Path
from bakex.oci.layout import OciLayout
from bakex.testing.images import put_image
async def main(root, me):
    layout = OciLayout.create(root)
    for n in range(5):
        image = await put_image(layout, layers=({"f": f"{me} {n}".encode()}, {"g": b"shared"}))
        await layout.tag(image, f"{me}-{n}")
asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""
    root = tmp_path / "layout"
    started = [subprocess.Popen([sys.executable, "-c", program, str(root), name]) for name in "abc"]
    assert [process.wait(timeout=60) for process in started] == [0, 0, 0]
    layout = OciLayout.open(root)
    assert len(layout.index().entries) == 15
    assert not (root / ".ingest").exists()


async def test_cancelling_leaves_no_blob(layout: OciLayout) -> None:
    blob = Descriptor(media_type="x/y", digest=Digest.of(b"ab"), size=2)

    async def endless() -> Any:
        yield b"a"
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(layout.push(blob, endless))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
    assert not await layout.exists(blob)
    assert not list((layout.root / ".ingest").iterdir())
    await layout.push(blob, partial(once, b"ab"))
