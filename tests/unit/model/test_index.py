from __future__ import annotations

import json
from typing import Any

import pytest

from bakex.errors import ContentError
from bakex.model.digest import Digest
from bakex.model.index import MAX_ENTRIES, Index
from bakex.model.media_types import ATTESTATION, OCI_INDEX, OCI_MANIFEST, REFERENCE_TYPE

ENTRY: dict[str, Any] = {"mediaType": OCI_MANIFEST, "digest": "sha256:" + "a" * 64, "size": 3}
PROOF: dict[str, Any] = {**ENTRY, "annotations": {REFERENCE_TYPE: ATTESTATION}}
INDEX: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": OCI_INDEX,
    "manifests": [ENTRY, PROOF],
    "annotations": {"a": "b"},
    "unknown": 1,
}


def test_an_index_keeps_its_bytes() -> None:
    raw = json.dumps(INDEX).encode()
    found = Index.parse(raw)
    assert found.raw == raw
    assert found.descriptor.digest == Digest.of(raw)
    assert found.descriptor.media_type == OCI_INDEX
    assert found.fields["unknown"] == 1
    assert found.annotations == {"a": "b"}
    assert len(found.images) == len(found.attestations) == 1
    assert found.children == (*found.images, *found.attestations)


@pytest.mark.parametrize(
    "changes",
    [
        {"schemaVersion": 1},
        {"manifests": None},
        {"manifests": [5]},
        {"manifests": [ENTRY] * (MAX_ENTRIES + 1)},
        {"mediaType": OCI_MANIFEST},
        {"layers": []},
    ],
)
def test_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(ContentError):
        Index.parse(json.dumps({**INDEX, **changes}).encode())
