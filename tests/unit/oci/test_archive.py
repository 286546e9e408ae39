"""Layouts as tar archives."""

from __future__ import annotations

import asyncio
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from bakex.errors import ContentNotFoundError, DigestMismatchError, OutputError, SizeMismatchError
from bakex.model.media_types import IMAGE_NAME, REF_NAME
from bakex.model.platform import Platform
from bakex.oci.archive import write_archive
from bakex.oci.assemble import assemble
from bakex.oci.copy import push_document, walk
from bakex.oci.layout import OciLayout
from bakex.oci.parts import collect
from bakex.testing.images import put_attested, put_blob, put_image

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.model.descriptor import Descriptor

NAME = "docker.io/library/app:1"


@pytest.fixture
def layout(tmp_path: Path) -> OciLayout:
    return OciLayout.create(tmp_path / "layout")


async def several(layout: OciLayout) -> Descriptor:
    parts = []
    for text in ("linux/amd64", "linux/arm64"):
        root = await put_attested(layout, text)
        parts.append(await collect(layout, root, platform=Platform.parse(text)))
    return await push_document(layout, assemble(parts).raw)


def document(archive: Path, name: str) -> Any:
    with tarfile.open(archive) as opened:
        file = opened.extractfile(name)
        assert file is not None
        return json.loads(file.read())


async def test_an_archive_is_a_layout_with_nothing_else(layout: OciLayout, tmp_path: Path) -> None:
    root = await several(layout)
    await put_blob(layout, b"unrelated", "x/y")
    await write_archive(layout, [(root, NAME)], tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as opened:
        entries = opened.getmembers()
        opened.extractall(tmp_path / "out", filter="data")
    assert [e.name for e in entries[:2]] == ["oci-layout", "index.json"]
    assert {(e.mtime, e.uid, e.gid, e.uname) for e in entries} == {(0, 0, 0, "")}
    copy = OciLayout.open(tmp_path / "out")
    assert (await copy.resolve(NAME)).digest == root.digest
    wanted = {d.digest.hex for d in (await walk(layout, root)).descriptors}
    assert {p.name for p in (tmp_path / "out" / "blobs" / "sha256").iterdir()} == wanted
    [entry] = document(tmp_path / "a.tar", "index.json")["manifests"]
    assert entry["annotations"] == {IMAGE_NAME: NAME, REF_NAME: "1"}


async def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    files: list[bytes] = []
    for name, platforms in (("a", ("linux/amd64", "linux/arm64")), ("b", ("linux/arm64",))):
        layout = OciLayout.create(tmp_path / name)
        for text in platforms:
            await put_image(layout, text)
        root = await put_image(layout, "linux/amd64")
        await write_archive(layout, [(root, NAME)], tmp_path / f"{name}.tar", docker=True)
        files.append((tmp_path / f"{name}.tar").read_bytes())
    assert files[0] == files[1]


async def test_dockers_manifest_lists_single_images(layout: OciLayout, tmp_path: Path) -> None:
    image, attested = await put_image(layout), await put_attested(layout, "linux/arm64")
    entries = [(image, NAME), (image, "host/app:2"), (attested, ""), (await several(layout), "x/y")]
    await write_archive(layout, entries, tmp_path / "a.tar", docker=True)
    first, second = document(tmp_path / "a.tar", "manifest.json")
    assert first["RepoTags"] == [NAME, "host/app:2"]
    assert second["RepoTags"] == []
    with tarfile.open(tmp_path / "a.tar") as opened:
        names = opened.getnames()
    for entry in (first, second):
        assert entry["Config"] in names
        assert all(layer in names for layer in entry["Layers"])


async def test_several_platforms_have_no_docker_manifest(layout: OciLayout, tmp_path: Path) -> None:
    await write_archive(layout, [(await several(layout), "")], tmp_path / "a.tar", docker=True)
    with tarfile.open(tmp_path / "a.tar") as opened:
        assert "manifest.json" not in opened.getnames()


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda data: data[:-1], SizeMismatchError),
        (lambda data: data + b"!", SizeMismatchError),
        (lambda data: b"!" + data[1:], DigestMismatchError),
    ],
)
async def test_damaged_blobs_do_not_get_in(
    layout: OciLayout, tmp_path: Path, damage: Any, error: type[Exception]
) -> None:
    image = await put_image(layout)
    blob = max((await walk(layout, image)).blobs.values(), key=lambda b: b.size)
    data = layout.path(blob.digest).read_bytes()
    layout.path(blob.digest).write_bytes(damage(data))
    with pytest.raises(error):
        await write_archive(layout, [(image, "")], tmp_path / "a.tar")


async def test_missing_blobs_are_named(layout: OciLayout, tmp_path: Path) -> None:
    image = await put_image(layout)
    blob = next(iter((await walk(layout, image)).blobs))
    layout.path(blob).unlink()
    with pytest.raises(ContentNotFoundError, match=blob.hex):
        await write_archive(layout, [(image, "")], tmp_path / "a.tar")


async def test_an_unwritable_file_is_an_output_error(layout: OciLayout, tmp_path: Path) -> None:
    image = await put_image(layout)
    with pytest.raises(OutputError, match="cannot write"):
        await write_archive(layout, [(image, "")], tmp_path / "none" / "a.tar")


async def test_cancelling_stops_the_writing(layout: OciLayout, tmp_path: Path) -> None:
    big = {f"f{n}": bytes(1 << 20) for n in range(16)}
    image = await put_image(layout, layers=(big,))

    async def run() -> None:
        await write_archive(layout, [(image, "")], tmp_path / "a.tar")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(run())
        while not (tmp_path / "a.tar").exists():  # noqa: ASYNC110 - a thread makes it
            await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()
