from __future__ import annotations

import json
from typing import Any

import pytest

from bakex.errors import ContentError
from bakex.model.digest import Digest
from bakex.model.manifest import ImageConfig, ImageManifest
from bakex.model.media_types import OCI_CONFIG, OCI_EMPTY, OCI_MANIFEST
from bakex.model.platform import Platform

DIGEST = "sha256:" + "a" * 64


def entry(kind: str = "t") -> dict[str, Any]:
    return {"mediaType": kind, "digest": DIGEST, "size": 3}


MANIFEST: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": OCI_MANIFEST,
    "config": entry(OCI_CONFIG),
    "layers": [entry("a"), entry("b")],
    "unknown": {"x": 1},
}
CONFIG: dict[str, Any] = {
    "architecture": "arm",
    "os": "linux",
    "variant": "v7",
    "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
    "history": [{"created_by": "a"}, {"empty_layer": True}],
}


def test_a_manifest_keeps_its_bytes() -> None:
    raw = json.dumps(MANIFEST).encode()
    found = ImageManifest.parse(raw)
    assert found.raw == raw
    assert found.descriptor.digest == Digest.of(raw)
    assert found.fields["unknown"] == {"x": 1}
    assert [child.media_type for child in found.children] == [OCI_CONFIG, "a", "b"]
    assert found.is_image
    assert found.subject is None


def test_an_artifact() -> None:
    document = {**MANIFEST, "config": entry(OCI_EMPTY), "artifactType": "at", "subject": entry()}
    found = ImageManifest.parse(json.dumps(document).encode())
    assert not found.is_image
    assert found.artifact_type == "at"
    assert found.subject is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"schemaVersion": 1},
        {"layers": None},
        {"layers": {}},
        {"config": None},
        {"layers": [5]},
        {"layers": [entry()] * 1001},
        {"mediaType": OCI_CONFIG},
        {"annotations": {"a": 1}},
    ],
)
def test_malformed_manifests(changes: dict[str, object]) -> None:
    with pytest.raises(ContentError):
        ImageManifest.parse(json.dumps({**MANIFEST, **changes}).encode())


def test_a_config() -> None:
    found = ImageConfig.parse(json.dumps(CONFIG).encode())
    assert found.platform == Platform("linux", "arm", "v7")
    assert found.raw_platform == {"architecture": "arm", "os": "linux", "variant": "v7"}
    assert found.diff_ids == (Digest.parse(DIGEST),)
    assert found.filled == 1


@pytest.mark.parametrize("rootfs", [{"type": "layers"}, {"type": "layers", "diff_ids": None}])
def test_a_config_without_layers(rootfs: dict[str, object]) -> None:
    document = {**CONFIG, "rootfs": rootfs, "history": None}
    found = ImageConfig.parse(json.dumps(document).encode())
    assert (found.diff_ids, found.filled) == ((), None)


@pytest.mark.parametrize(
    "changes",
    [
        {"os": ""},
        {"architecture": None},
        {"rootfs": None},
        {"rootfs": {"type": "other"}},
        {"rootfs": {"type": "layers", "diff_ids": {}}},
        {"rootfs": {"type": "layers", "diff_ids": ["x"]}},
    ],
)
def test_malformed_configs(changes: dict[str, object]) -> None:
    with pytest.raises(ContentError):
        ImageConfig.parse(json.dumps({**CONFIG, **changes}).encode())
