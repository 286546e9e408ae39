from __future__ import annotations

from typing import Any

import pytest

from bakex.errors import ContentError
from bakex.model.descriptor import Descriptor, string_map
from bakex.model.digest import Digest
from bakex.model.media_types import ATTESTATION, REFERENCE_DIGEST, REFERENCE_TYPE
from bakex.model.platform import Platform

DIGEST = "sha256:" + "a" * 64
SMALL: dict[str, Any] = {"mediaType": "t", "digest": DIGEST, "size": 3}


def test_read_and_write() -> None:
    document = {
        **SMALL,
        "urls": ["https://x"],
        "annotations": {"a": "1", "b": "2"},
        "data": "e30=",
        "platform": {"architecture": "arm", "os": "linux", "variant": "v7", "x": "y"},
        "artifactType": "at",
    }
    found = Descriptor.from_json(document)
    assert found.platform == Platform("linux", "arm", "v7")
    assert found.to_json() == document
    assert list(found.to_json()) == list(document)


def test_the_smallest() -> None:
    assert Descriptor.from_json(SMALL).to_json() == SMALL


def test_a_platform_of_our_own_is_written() -> None:
    found = Descriptor(
        media_type="t", digest=Digest.parse(DIGEST), size=3, platform=Platform("linux", "arm", "v7")
    )
    assert found.to_json()["platform"] == {"architecture": "arm", "os": "linux", "variant": "v7"}


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {**SMALL, "mediaType": 1},
        {**SMALL, "digest": "sha256:x"},
        {**SMALL, "size": -1},
        {**SMALL, "size": True},
        {**SMALL, "size": "3"},
        {**SMALL, "platform": []},
        {**SMALL, "platform": {"os": "linux"}},
        {**SMALL, "annotations": []},
        {**SMALL, "annotations": {"a": 1}},
        {**SMALL, "urls": "x"},
    ],
)
def test_malformed(document: object) -> None:
    with pytest.raises(ContentError):
        Descriptor.from_json(document)


def test_attestations() -> None:
    annotations = {REFERENCE_TYPE: ATTESTATION, REFERENCE_DIGEST: DIGEST}
    found = Descriptor.from_json({**SMALL, "annotations": annotations})
    assert found.is_attestation
    assert found.subject == Digest.parse(DIGEST)
    assert not Descriptor.from_json(SMALL).is_attestation
    assert Descriptor.from_json(SMALL).subject is None


def test_string_map() -> None:
    assert string_map(None, "x") == {}
    assert string_map({"a": "b"}, "x") == {"a": "b"}
