"""Names in a layout's index.json."""

from __future__ import annotations

import pytest

from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_MANIFEST
from bakex.oci.layout_index import EMPTY, LayoutIndex, split_name

IMAGE = Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(b"x"), size=1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("latest", ("", "latest")),
        ("docker.io/library/app:1", ("docker.io/library/app:1", "1")),
        ("host:5000/app:v1", ("host:5000/app:v1", "v1")),
        ("app:1", ("app:1", "1")),
        ("", ("", "")),
    ],
)
def test_names_are_split(name: str, expected: tuple[str, str]) -> None:
    assert split_name(name) == expected


def test_nothing_is_found_in_an_empty_index() -> None:
    found = LayoutIndex.parse(EMPTY)
    assert found.entries == ()
    assert found.find("latest") is None


def test_entering_is_idempotent() -> None:
    once = LayoutIndex.parse(EMPTY).entered([(IMAGE, "host/app:1")])
    assert once.entered([(IMAGE, "host/app:1")]).raw == once.raw
    assert once.find("host/app:1") == IMAGE
    assert once.find(str(IMAGE.digest)) == IMAGE
