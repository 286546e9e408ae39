"""The store in memory."""

from __future__ import annotations

import pytest

from bakex.errors import ContentNotFoundError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.oci.memory import MemoryStore
from bakex.testing.checks import check_store


async def test_it_keeps_the_contract() -> None:
    await check_store(MemoryStore())


async def test_only_what_is_there_can_be_tagged() -> None:
    missing = Descriptor(media_type="x/y", digest=Digest.of(b"x"), size=1)
    with pytest.raises(ContentNotFoundError):
        await MemoryStore().tag(missing, "name")
