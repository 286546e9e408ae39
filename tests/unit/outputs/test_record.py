"""The record of a publication."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bakex.errors import ConfigError, OutputError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_INDEX, OCI_MANIFEST
from bakex.model.publication import TagMove
from bakex.model.reference import Reference
from bakex.outputs.record import Record, held, place

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ROOT = Descriptor(media_type=OCI_INDEX, digest=Digest.of(b"new"), size=3)
OLD = replace(ROOT, digest=Digest.of(b"old"))
CHILD = Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(b"child"), size=5)


def move(name: str, *, insecure: bool = False) -> TagMove:
    return TagMove(
        target="app",
        reference=Reference.parse(name),
        root=ROOT,
        platforms={"linux/amd64": CHILD},
        insecure=insecure,
    )


MOVES = (move("ghcr.io/acme/app:1"), move("localhost:5000/app:latest", insecure=True))


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = Record.of([(MOVES[0], None), (MOVES[1], OLD)], AT)
    path = tmp_path / "a" / "b" / "r.json"
    record.write(path)
    assert Record.read(path) == record
    assert record.created == "2026-01-02T03:04:05+00:00"
    assert [former for _, former in record.tags] == [None, OLD.digest]
    assert [p.name for p in path.parent.iterdir()] == ["r.json"]


def test_the_same_tags_have_the_same_record(tmp_path: Path) -> None:
    other = (replace(MOVES[1], root=OLD), MOVES[0])
    assert place(tmp_path, MOVES) == place(tmp_path, other)
    assert place(tmp_path, MOVES[:1]) != place(tmp_path, MOVES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"kind": "other"}',
        '{"kind": "bakex.publication.v1", "created": "", "tags": [{}]}',
        '{"kind": "bakex.publication.v1", "created": "", "tags": [3]}',
        '{"kind": "bakex.publication.v1", "created": "", "tags": [{"reference": "UPPER CASE"}]}',
        "[" * 100_000,
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(ConfigError, match="is no record of a publication"):
        Record.read(tmp_path / "r.json")


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    Record.of([(MOVES[0], None)], AT).write(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ConfigError):
            Record.read(path)


@pytest.mark.parametrize("change", [{"root": {}}, {"former": "x"}, {"platforms": 1}])
def test_a_damaged_entry_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "r.json"
    Record.of([(MOVES[0], OLD)], AT).write(path)
    document = json.loads(path.read_bytes())
    document["tags"][0] |= change
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigError):
        Record.read(path)


def test_places_that_cannot_be_used_are_errors(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    record = Record.of([], AT)
    with pytest.raises(OutputError, match="cannot write"):
        record.write(tmp_path / "file" / "r.json")
    with pytest.raises(ConfigError, match="cannot read"):
        Record.read(tmp_path / "missing.json")


async def test_publications_of_the_same_tags_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "p" / "r.json"
    inside = 0

    async def one() -> None:
        nonlocal inside
        async with held(path):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(one())
    assert list(path.parent.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot lock"):
        async with held(tmp_path / "file" / "r.json"):
            pass


async def test_a_publication_that_hangs_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bakex.outputs.record._LOCK_S", 0.05)
    async with held(tmp_path / "r.json"):
        with pytest.raises(OutputError, match="is publishing the same tags"):
            async with held(tmp_path / "r.json"):
                pass
