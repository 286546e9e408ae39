from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bakex.engines.buildkit import layouts
from bakex.errors import SessionError
from bakex.model.media_types import IMAGE_NAME, OCI_MANIFEST, REF_NAME

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "sha256:" + "a" * 64


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def write(directory: Path, *annotations: dict[str, str]) -> None:
    manifests = [
        {"mediaType": OCI_MANIFEST, "digest": digest(n), "size": 1, "annotations": found}
        for n, found in enumerate(annotations)
    ]
    directory.mkdir()
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("oci-layout://dir", ("dir", "", "")),
        ("oci-layout://dir:v1", ("dir", "v1", "")),
        (f"oci-layout://dir@{DIGEST}", ("dir", "", DIGEST)),
        (f"oci-layout:///a/b:v1@{DIGEST}", ("/a/b", "v1", DIGEST)),
        ("oci-layout://a:b/c", ("a:b/c", "", "")),
        ("oci-layout://a@b", ("a@b", "", "")),
    ],
)
def test_what_stands_behind_the_path(text: str, expected: tuple[str, str, str]) -> None:
    assert layouts.split(text) == expected


def test_tags_are_found_by_full_name_and_by_tag(tmp_path: Path) -> None:
    write(tmp_path / "l", {REF_NAME: "v1"}, {REF_NAME: "v2", IMAGE_NAME: "me/app:v2"})
    assert layouts.find(tmp_path / "l", "v1") == digest(0)
    assert layouts.find(tmp_path / "l", "me/app:v2") == digest(1)
    assert layouts.find(tmp_path / "l", "v3") is None


def test_the_only_image_answers_to_any_tag(tmp_path: Path) -> None:
    write(tmp_path / "l", {REF_NAME: "v1"})
    assert layouts.find(tmp_path / "l", "whatever") == digest(0)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"manifests":[{"digest":"x"}]}'])
def test_a_malformed_index_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(SessionError):
        layouts.find(tmp_path, "v1")


def test_a_directory_that_is_no_layout(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="is no OCI layout"):
        layouts.find(tmp_path, "v1")
