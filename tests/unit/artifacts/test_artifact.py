"""From files to a manifest: the same ones give the same bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bakex._util.threads import StopFlag
from bakex.artifacts.artifact import Artifact, Recipe, build
from bakex.artifacts.attachment import attachments
from bakex.errors import ContentNotFoundError, DigestMismatchError, UsageError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_MANIFEST
from bakex.oci.copy import copy
from bakex.oci.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

SUBJECT = Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(b"subject"), size=7)
EMPTY = {
    "mediaType": "application/vnd.oci.empty.v1+json",
    "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    "size": 2,
    "data": "e30=",
}


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "f").write_text("f")
    (tmp_path / "a.json").write_text("{}")
    return tmp_path


def made(cwd: Path, *files: str, **options: Any) -> Artifact:
    scratch = cwd / f"scratch-{len(list(cwd.iterdir()))}"
    scratch.mkdir()
    if "said" in options:
        options["annotation_file"] = scratch / "said.json"
        options["annotation_file"].write_text(json.dumps(options.pop("said")))
    recipe = Recipe(files=attachments(files, cwd), artifact_type="a/b", **options)
    return build(recipe, SUBJECT, scratch, StopFlag())


def test_the_manifest_is_as_oras_writes_it(cwd: Path) -> None:
    found = made(cwd, "a.json:c/d", annotations={"z": "<1>", "a": "é"})
    digest = Digest.of(b"{}")
    assert found.manifest.raw.decode() == (
        '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",'
        '"artifactType":"a/b",'
        f'"config":{json.dumps(EMPTY, separators=(",", ":"))},'
        f'"layers":[{{"mediaType":"c/d","digest":"{digest}","size":2,'
        '"annotations":{"org.opencontainers.image.title":"a.json"}}],'
        f'"subject":{{"mediaType":"{OCI_MANIFEST}","digest":"{SUBJECT.digest}","size":7}},'
        '"annotations":{"a":"é","z":"\\u003c1\\u003e"}}'
    )


def test_without_files_the_empty_blob_stands_for_them(cwd: Path) -> None:
    document = json.loads(made(cwd, annotations={"a": "b"}).manifest.raw)
    assert document["config"] == EMPTY
    assert document["layers"] == [EMPTY]


def test_twice_is_the_same(cwd: Path) -> None:
    first, again = made(cwd, "a.json", "dir"), made(cwd, "a.json", "dir")
    assert first.manifest.raw == again.manifest.raw
    assert "annotations" not in json.loads(first.manifest.raw)
    other = made(cwd, "a.json", "dir", epoch=86_400)
    assert other.manifest.annotations == {
        "org.opencontainers.image.created": "1970-01-02T00:00:00Z"
    }
    assert other.manifest.layers[1].digest != first.manifest.layers[1].digest
    said = {"org.opencontainers.image.created": "then"}
    assert made(cwd, "a.json", epoch=0, annotations=said).manifest.annotations == said


def test_directories_say_so(cwd: Path) -> None:
    (layer,) = made(cwd, "dir").manifest.layers
    marks = dict(layer.annotations)
    assert marks.pop("io.deis.oras.content.digest").startswith("sha256:")
    assert marks == {
        "io.deis.oras.content.unpack": "true",
        "org.opencontainers.image.title": "dir",
    }


@pytest.mark.parametrize("name", ["./a.json", "a.json", "{cwd}/a.json"])
def test_what_a_file_says_about_files(cwd: Path, name: str) -> None:
    said = {
        "$manifest": {"m": "1", "n": "2"},
        "$config": {"c": "3"},
        name.format(cwd=cwd): {"f": "4"},
    }
    found = made(cwd, "./a.json", said=said, annotations={"n": "5"}).manifest
    assert found.annotations == {"m": "1", "n": "5"}
    assert found.config.annotations == {"c": "3"}
    assert found.layers[0].annotations == {"f": "4", "org.opencontainers.image.title": "a.json"}


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"b.json": {"a": "b"}}, "is about 'b.json', which is not attached"),
        ({"a.json": {"org.opencontainers.image.title": "x"}}, "is given by the file itself"),
    ],
)
def test_what_a_file_must_not_say(cwd: Path, said: Any, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        made(cwd, "a.json", said=said)


async def test_it_can_be_copied(cwd: Path) -> None:
    found, store = made(cwd, "a.json", "dir"), MemoryStore()
    await copy(found, store, found.manifest.descriptor)
    for descriptor in (found.manifest.descriptor, *found.manifest.children):
        assert await store.exists(descriptor)
    with pytest.raises(ContentNotFoundError):
        await copy(found, store, SUBJECT)


async def test_a_file_that_changes_is_noticed(cwd: Path) -> None:
    (cwd / "a.json").write_text("first")
    found = made(cwd, "a.json")
    (cwd / "a.json").write_text("other")
    with pytest.raises(DigestMismatchError):
        await copy(found, MemoryStore(), found.manifest.descriptor)
    (cwd / "a.json").unlink()
    with pytest.raises(UsageError, match="cannot read"):
        await copy(found, MemoryStore(), found.manifest.descriptor)


def test_what_cannot_be_read(cwd: Path) -> None:
    recipe = Recipe(files=attachments(["a.json"], cwd), artifact_type="a/b")
    (cwd / "a.json").unlink()
    with pytest.raises(UsageError, match="cannot read") as caught:
        build(recipe, SUBJECT, cwd, StopFlag())
    assert "a.json" in caught.value.detail
