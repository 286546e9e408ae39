from __future__ import annotations

import json

import pytest

from bakex.errors import ContentError, MediaTypeError, SizeMismatchError
from bakex.model.documents import check_kind, encode, is_docker, kind_of, load_object
from bakex.model.media_types import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST


def test_load() -> None:
    assert load_object(b'{"a": 1}', "it", 100) == {"a": 1}


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"a":1,"a":2}', b"\xff", b"[" * 100_000])
def test_what_is_no_object(raw: bytes) -> None:
    with pytest.raises(ContentError, match="it is not"):
        load_object(raw, "it", 1 << 20)


def test_too_large() -> None:
    with pytest.raises(SizeMismatchError):
        load_object(b'{"a": 1}', "it", 3)


def test_encode_is_go_s_encoding() -> None:
    raw = encode({"b": "<é>&\u2028", "a": []})
    assert raw == '{\n  "b": "\\u003cé\\u003e\\u0026\\u2028",\n  "a": []\n}'.encode()
    assert json.loads(raw) == {"b": "<é>&\u2028", "a": []}


@pytest.mark.parametrize(
    ("fields", "given", "kind"),
    [
        ({"mediaType": OCI_INDEX}, "", OCI_INDEX),
        ({}, OCI_INDEX, OCI_INDEX),
        ({"mediaType": OCI_INDEX}, OCI_INDEX, OCI_INDEX),
    ],
)
def test_kinds(fields: dict[str, object], given: str, kind: str) -> None:
    assert check_kind(fields, given, "it", {OCI_INDEX}) == kind


@pytest.mark.parametrize(
    ("fields", "given"),
    [
        ({}, ""),
        ({"mediaType": 1}, ""),
        ({"mediaType": OCI_MANIFEST}, OCI_INDEX),
        ({"mediaType": OCI_MANIFEST}, ""),
        ({"schemaVersion": 1}, ""),
        ({"mediaType": OCI_INDEX, "manifests": [], "layers": []}, ""),
    ],
)
def test_kinds_that_do_not_fit(fields: dict[str, object], given: str) -> None:
    with pytest.raises(MediaTypeError):
        check_kind(fields, given, "it", {OCI_INDEX})


def test_kind_of() -> None:
    assert kind_of({"mediaType": DOCKER_LIST}, OCI_INDEX) == DOCKER_LIST
    assert kind_of({}, OCI_INDEX) == OCI_INDEX
    assert kind_of({"manifests": []}) == OCI_INDEX
    assert kind_of({"layers": []}) == OCI_MANIFEST
    assert kind_of({}) == ""


def test_docker() -> None:
    assert is_docker(DOCKER_MANIFEST)
    assert is_docker(DOCKER_LIST)
    assert not is_docker(OCI_INDEX)
