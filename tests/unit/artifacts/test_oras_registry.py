"""What oras-py does for us, and what it is kept from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import oras.provider
import pytest

from bakex.artifacts.oras_registry import CollectingRegistry, annotations_in, collect
from bakex.errors import InternalError, UsageError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_EMPTY, OCI_MANIFEST

if TYPE_CHECKING:
    from pathlib import Path

SUBJECT = Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(b"subject"), size=7)


def put(folder: Path, **files: Any) -> list[Path]:
    for name, content in files.items():
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return [folder / name for name in files]


def test_what_is_pushed_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, config = put(tmp_path, one="1", two="22", config="{}")
    said = {"$manifest": {"m": "1"}, "$config": {"c": "2"}, str(two): {"t": "3"}}
    (marks,) = put(tmp_path, marks=said)
    # Of these oras would read what is said about the host, and run the helper.
    home = tmp_path / "home"
    (home / ".docker").mkdir(parents=True)
    put(home / ".docker", **{"config.json": {"credsStore": "never"}})
    monkeypatch.setenv("HOME", str(home))
    found = collect(
        [(one, "a/b"), (two, "c/d")],
        config=(config, OCI_EMPTY),
        annotation_file=marks,
        subject=SUBJECT,
    )
    layers = [Descriptor.from_json(layer) for layer in found.manifest["layers"]]
    assert [(layer.media_type, layer.digest, layer.size) for layer in layers] == [
        ("a/b", Digest.of(b"1"), 1),
        ("c/d", Digest.of(b"22"), 2),
    ]
    assert layers[1].annotations["t"] == "3"
    assert found.manifest["annotations"] == {"m": "1"}
    assert found.manifest["subject"] == SUBJECT.to_json()
    sent = Descriptor.from_json(found.manifest["config"])
    assert (sent.media_type, sent.digest) == (OCI_EMPTY, Digest.of(b"{}"))
    assert sent.annotations == {"c": "2"}
    assert [(d.digest, path) for d, path in found.blobs] == [
        (layers[0].digest, str(one)),
        (layers[1].digest, str(two)),
        (sent.digest, str(config)),
    ]


def test_oras_sends_nothing_itself() -> None:
    registry = CollectingRegistry()
    for ask in (registry.get_manifest, registry.get_tags):
        with pytest.raises(InternalError, match="oras wants to send GET"):
            ask("r.example/app:1")


@pytest.mark.parametrize("name", ["push", "upload_blob", "upload_manifest", "do_request", "auth"])
def test_oras_still_has_what_we_override(name: str) -> None:
    assert hasattr(oras.provider.Registry(), name)


def test_annotation_files(tmp_path: Path) -> None:
    (good,) = put(tmp_path, good={"$manifest": {"a": "b"}, "file": {}, "none": None})
    assert annotations_in(good) == {"$manifest": {"a": "b"}, "file": {}, "none": {}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not valid JSON"),
        ([], "is no annotation file"),
        ("3", "is no annotation file"),
        ({"a": "b"}, "is no annotation file"),
        ({"a": {"b": 1}}, "is no annotation file"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: object, said: str) -> None:
    (file,) = put(tmp_path, file=content)
    with pytest.raises(UsageError, match=said):
        annotations_in(file)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        annotations_in(tmp_path / "nothing")
    with pytest.raises(UsageError, match="cannot read"):
        annotations_in(tmp_path)
