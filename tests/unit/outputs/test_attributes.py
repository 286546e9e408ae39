"""Attributes of outputs."""

from __future__ import annotations

import pytest

from bakex.errors import DefinitionError, UnsupportedOutputError
from bakex.model.outputs import Output
from bakex.model.target import Target
from bakex.outputs.attributes import (
    file_attributes,
    flag,
    label,
    names,
    node_attributes,
    platform_count,
    target_annotations,
)

TARGET = Target(name="app", tags=("app:1", "ghcr.io/acme/app", "docker.io/library/app:1"))


def image(**attrs: str) -> Output:
    return Output(type="image", attrs={key.replace("_", "-"): v for key, v in attrs.items()})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", True), ("T", True), ("1", True), ("", True), ("false", False), ("0", False)],
)
def test_booleans_are_read(text: str, expected: bool) -> None:
    assert flag(TARGET, image(push=text), "push", default=False) is expected


def test_a_missing_boolean_has_its_default() -> None:
    assert flag(TARGET, image(), "push", default=True)


@pytest.mark.parametrize(("key", "text"), [("push", "maybe"), ("oci-mediatypes", "")])
def test_other_words_are_refused(key: str, text: str) -> None:
    with pytest.raises(UnsupportedOutputError) as caught:
        flag(TARGET, Output(type="image", attrs={key: text}), key, default=False)
    message = f"{key}={text} is no boolean"
    assert caught.value.summary == f"target 'app': output type=image: {message}"


@pytest.mark.parametrize(
    ("attrs", "message"),
    [
        ({"compression": "lzma"}, "unknown compression=lzma"),
        ({"compression": "gzip", "compression_level": "10"}, "is not a level of gzip"),
        ({"compression_level": "fast"}, "compression-level=fast is not a level of gzip"),
        ({"compression_level": "-1"}, "is not a level"),
        ({"compression": "zstd", "oci_mediatypes": "false"}, "needs OCI media types"),
        ({"force_compression": "x"}, "force-compression=x is no boolean"),
    ],
)
def test_senseless_values_are_refused_before_the_build(attrs: dict[str, str], message: str) -> None:
    with pytest.raises(UnsupportedOutputError, match=message):
        node_attributes(TARGET, image(**attrs))


def test_only_what_the_node_needs_goes_there() -> None:
    ours = {"name": "x", "push": "true", "load": "true", "tar": "false", "mode": "copy"}
    theirs = {"compression": "zstd", "compression_level": "22", "strange": "1"}
    sent = node_attributes(TARGET, image(**ours, **theirs))
    assert sent == {"compression": "zstd", "compression-level": "22", "strange": "1"}
    assert file_attributes(image(platform_split="false", x="y")) == {"x": "y"}


def test_names_are_the_tags_each_once_and_with_a_tag() -> None:
    assert [str(name) for name in names(TARGET, image())] == [
        "docker.io/library/app:1",
        "ghcr.io/acme/app:latest",
    ]


def test_the_outputs_own_names_go_first() -> None:
    assert [str(n) for n in names(TARGET, image(name="a, b:2"))] == [
        "docker.io/library/a:latest",
        "docker.io/library/b:2",
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("*", r"name=\* is not supported"),
        ("UPPER", "invalid reference"),
        ("a@sha256:" + "0" * 64, "has a digest"),
        ("a,,b", "invalid reference"),
    ],
)
def test_what_is_no_name_is_refused(name: str, message: str) -> None:
    with pytest.raises(UnsupportedOutputError, match=message):
        names(TARGET, image(name=name))


def test_annotations_are_read() -> None:
    target = Target(name="app", annotations=("a=1", "index,manifest:b=2"))
    found = [(note.kind, note.key) for note in target_annotations(target)]
    assert found == [("manifest", "a"), ("index", "b"), ("manifest", "b")]
    with pytest.raises(DefinitionError):
        target_annotations(Target(name="app", annotations=("nonsense",)))


def test_platforms_are_counted_as_what_they_are() -> None:
    assert platform_count(Target(name="x")) == 1
    assert platform_count(Target(name="x", platforms=("arm64", "linux/arm64/v8", "amd64"))) == 2
    assert platform_count(Target(name="x", platforms=("linux/arm64,linux/amd64", "local", ""))) == 3


def test_labels_tell_outputs_apart() -> None:
    outputs = [Output(type="tar", dest="a"), Output(type="tar", dest="b"), image()]
    assert len({label(TARGET, output) for output in outputs}) == 3
    assert label(TARGET, image()) == label(TARGET, image())
    assert label(TARGET, image()).isalnum()
