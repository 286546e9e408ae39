"""Images of image stores, as docker hands them over before and since version 25."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from bakex.api.stored import taken
from bakex.errors import ContentError
from bakex.model.digest import Digest
from bakex.model.manifest import ImageManifest
from bakex.oci.archive import write_archive
from bakex.oci.layout import OciLayout
from bakex.oci.verified import read_document
from bakex.testing.images import layer_tar, put_image

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(slots=True)
class Archives:
    content: bytes

    async def save(self, name: str, archive: Path) -> None:
        assert name == "app:1"
        archive.write_bytes(self.content)  # noqa: ASYNC240 - small

    async def remove(self, name: str) -> None:
        raise NotImplementedError


def packed(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return target.getvalue()


async def test_a_layout(tmp_path: Path) -> None:
    layout = OciLayout.create(tmp_path / "layout")
    made = await put_image(layout)
    await write_archive(layout, [(made, "app:1")], tmp_path / "a.tar", docker=True)
    store = Archives((tmp_path / "a.tar").read_bytes())
    async with taken(store, "app:1", tmp_path) as (reader, root):
        assert root.digest == made.digest
        assert isinstance(await read_document(reader, root), ImageManifest)
    assert not list(tmp_path.glob("kept-*"))  # noqa: ASYNC240 - two entries


async def test_what_is_no_layout(tmp_path: Path) -> None:
    layer = layer_tar({"a": b"b"})
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(layer))]},
    }
    listed = [{"Config": "c.json", "RepoTags": ["app:1"], "Layers": ["1/layer.tar"]}]
    content = {
        "1/layer.tar": layer,
        "c.json": json.dumps(config).encode(),
        "manifest.json": json.dumps(listed).encode(),
    }
    async with taken(Archives(packed(content)), "app:1", tmp_path) as (reader, root):
        assert isinstance(await read_document(reader, root), ImageManifest)


async def test_what_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(ContentError):
        async with taken(Archives(b"x" * 2000), "app:1", tmp_path):
            pass
