"""What is known about layers is kept, and never more than was proved."""

from __future__ import annotations

import os
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from bakex.errors import ContentError
from bakex.model.digest import Digest
from bakex.testing.binaries import Elf, fat, macho
from bakex.testing.images import put_blob
from bakex.verification import facts as module
from bakex.verification.facts import Facts
from tests.unit.verification.conftest import LAYER, CountingStore, packed

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.verification.layer import Entry

TAR = packed(
    {
        "a": Elf(machine=62, needed=("libc.so.6",), runpath="/x").build(),
        "fat": fat((7, macho(7)), (12, macho(12))),
        "s": b"#!/usr/bin/env -S x\n",
        "l": "-> a\udcff",
        "etc/ld.so.conf": "/opt/x\n",
        "d": None,
        "data": "x",
    }
)


def kept(folder: Path) -> list[Path]:
    return sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime)


async def read(store: CountingStore, facts: Facts, tar: bytes = TAR) -> list[Entry]:
    blob = await put_blob(store, tar, LAYER)
    async with aclosing(facts.entries(store, blob, Digest.of(tar))) as source:
        return [entry async for entry in source]


async def test_a_layer_is_read_once(tmp_path: Path) -> None:
    store = CountingStore()
    first = Facts(tmp_path / "new" / "layers")
    found = await read(store, first)
    assert (first.read, first.bytes) == (1, len(TAR))
    second = Facts(tmp_path / "new" / "layers")
    assert await read(store, second) == found
    assert (second.read, second.bytes) == (0, 0)
    assert list(store.reads.values()) == [1]


async def test_damaged_files_count_as_none(tmp_path: Path) -> None:
    store = CountingStore()
    found = await read(store, Facts(tmp_path))
    (file,) = kept(tmp_path)
    for damage in (b"", b"x", file.read_bytes()[:-9]):
        file.write_bytes(damage)
        assert await read(store, Facts(tmp_path)) == found
    assert list(store.reads.values()) == [4]


async def test_what_is_wrong_or_not_read_to_its_end_is_not_kept(tmp_path: Path) -> None:
    store, facts = CountingStore(), Facts(tmp_path)
    blob = await put_blob(store, TAR, LAYER)
    async with aclosing(facts.entries(store, blob, Digest.of(TAR))) as source:
        await anext(source)
    with pytest.raises(ContentError):
        async with aclosing(facts.entries(store, blob, Digest.of(b"other"))) as source:
            assert [entry async for entry in source]
    assert kept(tmp_path) == []


async def test_the_oldest_ones_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 2)
    store, facts = CountingStore(), Facts(tmp_path)
    tars = [packed({name: b"x"}) for name in "abc"]
    for age, tar in enumerate(tars[:2]):
        await read(store, facts, tar)
        os.utime(kept(tmp_path)[-1], (age, age))
    await read(store, facts, tars[0])  # asked for again
    await read(store, facts, tars[2])
    assert len(kept(tmp_path)) == 2
    again = Facts(tmp_path)
    for tar in (tars[0], tars[2], tars[1]):
        await read(store, again, tar)
    assert again.read == 1


async def test_a_disk_that_takes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store, facts = CountingStore(), Facts(tmp_path / "file" / "layers")
    assert await read(store, facts) == await read(store, facts)
    assert facts.read == 2
