"""Attestations that say the same; more of it in tests/unit/outputs/test_adoption.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bakex.errors import ContentError
from bakex.model.index import Index
from bakex.oci.memory import MemoryStore
from bakex.oci.sameness import say_the_same
from bakex.oci.verified import read_document
from bakex.testing.images import put_attested

if TYPE_CHECKING:
    from bakex.model.descriptor import Descriptor


async def attestations(store: MemoryStore, **predicate: Any) -> tuple[Descriptor, ...]:
    document = await read_document(store, await put_attested(store, predicate=predicate))
    assert isinstance(document, Index)
    return document.attestations


async def test_each_is_read_where_it_is() -> None:
    there, here = MemoryStore(), MemoryStore()
    one = await attestations(there, metadata={"buildStartedOn": "1"})
    other = await attestations(here, metadata={"buildStartedOn": "2"})
    assert one != other
    assert await say_the_same((there, one), (here, other))
    assert await say_the_same((there, ()), (here, ()))
    assert not await say_the_same((there, one), (here, ()))
    assert not await say_the_same((there, one), (here, await attestations(here, source="x")))
    with pytest.raises(ContentError):
        await say_the_same((here, one), (there, other))


def buildkit(digest: str, op: str = "file", *, source: object = None) -> dict[str, Any]:
    """Return provenance of ``mode=max`` in both versions."""
    config = {"llbDefinition": [{"id": "step0", "op": op}], "digestMapping": {digest: "step0"}}
    known = {"source": {"infos": source or [{"filename": "F", "digestMapping": {digest: "step0"}}]}}
    return {
        "buildConfig": config,
        "metadata": {"https://mobyproject.org/buildkit@v1#metadata": known},
        "buildDefinition": {"internalParameters": {"buildConfig": config}},
        "runDetails": {"metadata": {"buildkit_metadata": known}},
    }


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (buildkit("sha256:2"), True),
        (buildkit("sha256:2", "exec"), False),
        (buildkit("sha256:2", source=["x"]), False),
        (buildkit("sha256:2", source="x"), False),
    ],
)
async def test_steps_count_but_not_their_digests(other: dict[str, Any], *, same: bool) -> None:
    store = MemoryStore()
    one = await attestations(store, **buildkit("sha256:1"))
    assert await say_the_same((store, one), (store, await attestations(store, **other))) is same
