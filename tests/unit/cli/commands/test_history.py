"""`bakex history`, over two nodes."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bakex.cli.main import entry
from bakex.events import StepChanged
from bakex.model.digest import Digest
from bakex.model.node import NodeName
from bakex.model.upkeep import HistoryBlob, HistoryRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bakex.events import EventSink
    from bakex.model.plan import CellId
    from tests.unit.cli.conftest import FakeBackend

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
LOGS = b"what it said"
BLOB = HistoryBlob(role="logs", media_type="text/x", digest=str(Digest.of(LOGS)), size=len(LOGS))


def record(ref: str, minutes: int, **fields: Any) -> HistoryRecord:
    created = BEGIN + timedelta(minutes=minutes)
    found = HistoryRecord(
        node=NodeName("?"), ref=ref, created=created, completed=created + timedelta(seconds=90)
    )
    return replace(found, **fields)


class Keeper:
    def __init__(self, name: str, *records: HistoryRecord) -> None:
        self.node = NodeName(name)
        self.records = [replace(record, node=self.node) for record in records]
        self.forgotten: list[str] = []

    async def history(self) -> list[HistoryRecord]:
        return self.records

    async def forget(self, ref: str) -> None:
        self.forgotten.append(ref)

    async def replay(self, ref: str, cell: CellId, events: EventSink) -> None:
        at = BEGIN + timedelta(seconds=1)
        events.emit(
            StepChanged(at=at, cell=cell, step="s", name=f"RUN {ref}", started=BEGIN, completed=at)
        )

    async def content(self, blob: HistoryBlob) -> AsyncIterator[bytes]:
        yield LOGS


@pytest.fixture
def keepers(backend: FakeBackend) -> list[Keeper]:
    attrs = {
        "context": "https://x.git",
        "filename": "D",
        "target": "app",
        "platform": "linux/s390x",
    }
    found = [
        Keeper(
            "one",
            record("aaa1", 1, blobs=(BLOB,), frontend_attrs=attrs, steps=3),
            record("abb", 3),
        ),
        Keeper(
            "two",
            record("aaa2", 2, error="it \x1b[2Jbroke"),
            record("ccc", 4, completed=None),
            record("ddd", 0, error="context canceled"),
        ),
    ]  # fmt: skip
    backend.keepers = found
    return found


@pytest.fixture
def run(backend: FakeBackend, keepers: list[Keeper], capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str, code: int = 0) -> str:
        assert entry(["history", *arguments], backend=backend) == code
        shown = capsys.readouterr()
        return shown.out if code == 0 else shown.err

    return call


def test_all_builds_of_all_nodes_newest_first(run: Any, backend: FakeBackend) -> None:
    lines = run("ls", "--builder", "mine").splitlines()
    assert backend.asked("upkeep") == "mine"
    assert [line.split()[0] for line in lines] == ["REF", "ccc", "abb", "aaa2", "aaa1", "ddd"]
    assert [line.split()[2] for line in lines[1:]] == [
        "running", "completed", "failed", "completed", "canceled"
    ]  # fmt: skip
    assert lines[4].endswith("2026-01-01 12:01  1m30s     https://x.git D (app)")
    found = json.loads(run("ls", "--format", "json"))
    assert [entry["ref"] for entry in found] == ["ccc", "abb", "aaa2", "aaa1", "ddd"]
    assert found[3]["duration"] == 90.0


def test_no_builds(run: Any, backend: FakeBackend) -> None:
    backend.keepers = [Keeper("one")]
    assert run("ls") == "there are no builds\n"


def test_one_build(run: Any) -> None:
    text = run("inspect", "aaa1")
    assert "status: completed\n" in text
    assert "  target: app\n" in text
    assert f"logs: {BLOB.digest}" in text
    assert "error: it broke" in run("inspect", "builder/two/aaa2").replace("\x1b", "ESC")
    assert "ref: ccc" in run("inspect")
    assert json.loads(run("inspect", "abb", "--format", "json"))["node"] == "one"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("inspect", "zzz"), "there is no build zzz"),
        (("inspect", "aaa"), "aaa stands for 2 builds"),
        (("ls", "--format", "xml"), "unknown format"),
        (("rm",), "name builds, or all of them"),
        (("rm", "abb", "--all"), "name builds, or all of them"),
    ],
)
def test_what_cannot_be_done(run: Any, arguments: tuple[str, ...], words: str) -> None:
    assert words in run(*arguments, code=2)


def test_logs(run: Any) -> None:
    text = run("logs", "aaa1")
    assert "[app linux/s390x] RUN aaa1" in text
    assert "DONE 1.0s" in text
    assert "RUN abb" in run("logs", "abb")


def test_an_export(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "record.tar"
    assert run("export", "aaa1", "-o", str(file)) == f"aaa1 written to {file}\n"
    with tarfile.open(file) as tar:
        assert f"blobs/sha256/{Digest.of(LOGS).hex}" in tar.getnames()
    run("export", "abb", "-o", str(file))  # a build that has left nothing but its record
    error = run("export", "abb", "-o", str(tmp_path / "none" / "x"), code=5)
    assert "cannot" in error
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_forgetting(run: Any, keepers: list[Keeper]) -> None:
    assert run("rm", "abb", "aaa2") == "abb\naaa2\n"
    assert [keeper.forgotten for keeper in keepers] == [["abb"], ["aaa2"]]
    run("rm", "--all")
    assert keepers[1].forgotten == ["aaa2", "aaa2", "ddd"]  # not the one that still runs
