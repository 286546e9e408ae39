from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from bakex.engines.buildkit.saved import adopt
from bakex.errors import ContentError, DigestMismatchError, OutputError
from bakex.model.media_types import DOCKER_MANIFEST, OCI_MANIFEST
from bakex.oci.layout import OciLayout

if TYPE_CHECKING:
    from pathlib import Path

LAYERS = (b"first layer" * 1000, b"second")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def archive(path: Path, **changes: Any) -> Path:
    """Write what docker 20.10 writes, with some entries changed; None leaves one out."""
    config = changes.get(
        "config", json.dumps({"rootfs": {"diff_ids": [f"sha256:{sha256(x)}" for x in LAYERS]}})
    )
    names = [f"{number}/layer.tar" for number in range(len(LAYERS))]
    manifest = changes.get(
        "manifest", json.dumps([{"Config": "c.json", "RepoTags": None, "Layers": names}])
    )
    with tarfile.open(path, "w") as tar:
        for name, data in zip(names, changes.get("layers", LAYERS), strict=True):
            if data is None:
                link = tarfile.TarInfo(name)
                link.type, link.linkname = tarfile.SYMTYPE, "../0/layer.tar"
                tar.addfile(link)
            else:
                add(tar, name, data)
        if config is not None:
            add(tar, "c.json", config.encode())
        if manifest is not None:
            add(tar, "manifest.json", manifest.encode())
    return path


async def test_an_image(tmp_path: Path) -> None:
    file = archive(tmp_path / "a.tar")
    found = adopt(file, tmp_path / "l", annotations={"b": "2", "a": "1"})
    layout = OciLayout.open(tmp_path / "l")
    assert found.media_type == OCI_MANIFEST
    assert await layout.exists(found)
    manifest = json.loads(layout.path(found.digest).read_bytes())
    assert manifest["annotations"] == {"a": "1", "b": "2"}
    for entry, content in zip(manifest["layers"], LAYERS, strict=True):
        blob = (tmp_path / "l/blobs/sha256" / entry["digest"][7:]).read_bytes()
        assert entry["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
        assert len(blob) == entry["size"]
        assert gzip.decompress(blob) == content
    again = adopt(file, tmp_path / "other", annotations={"a": "1", "b": "2"})
    assert again == found


def test_docker_media_types_without_compression(tmp_path: Path) -> None:
    file = archive(tmp_path / "a.tar")
    found = adopt(file, tmp_path / "l", annotations={}, oci=False, compressed=False)
    assert found.media_type == DOCKER_MANIFEST
    manifest = json.loads(OciLayout(tmp_path / "l").path(found.digest).read_bytes())
    assert "annotations" not in manifest
    assert manifest["config"]["mediaType"] == "application/vnd.docker.container.image.v1+json"
    assert [entry["mediaType"] for entry in manifest["layers"]] == [
        "application/vnd.docker.image.rootfs.diff.tar"
    ] * 2
    assert manifest["layers"][1]["digest"] == f"sha256:{sha256(LAYERS[1])}"


def test_layers_that_are_links(tmp_path: Path) -> None:
    diff_ids = [f"sha256:{sha256(LAYERS[0])}"] * 2
    config = json.dumps({"rootfs": {"diff_ids": diff_ids}})
    file = archive(tmp_path / "a.tar", layers=(LAYERS[0], None), config=config)
    found = adopt(file, tmp_path / "l", annotations={})
    manifest = json.loads(OciLayout(tmp_path / "l").path(found.digest).read_bytes())
    assert manifest["layers"][0] == manifest["layers"][1]


def test_a_layer_that_the_config_does_not_know(tmp_path: Path) -> None:
    file = archive(tmp_path / "a.tar", layers=(LAYERS[0], b"other"))
    with pytest.raises(DigestMismatchError, match="for the layer"):
        adopt(file, tmp_path / "l", annotations={})
    assert not list((tmp_path / "l").glob(".blob-*"))


@pytest.mark.parametrize(
    "changes",
    [
        {"manifest": None},
        {"manifest": "{}"},
        {"manifest": "[]"},
        {"manifest": '[{"Config": 1, "Layers": []}]'},
        {"manifest": '[{"Config": "c.json", "Layers": []}]'},
        {"manifest": '[{"Config": "c.json", "Layers": ["none", "none"]}]'},
        {"config": None},
        {"config": "[]"},
        {"config": "no json"},
        {"config": "x" * (9 << 20)},
    ],
)
def test_malformed_archives(tmp_path: Path, changes: dict[str, Any]) -> None:
    file = archive(tmp_path / "a.tar", **changes)
    with pytest.raises(ContentError, match="the daemon sent"):
        adopt(file, tmp_path / "l", annotations={})


def test_no_archive_and_no_place(tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("junk")
    with pytest.raises(ContentError, match="malformed archive"):
        adopt(tmp_path / "junk", tmp_path / "l", annotations={})
    with pytest.raises(OutputError, match="cannot write"):
        adopt(archive(tmp_path / "a.tar"), tmp_path / "junk" / "l", annotations={})
