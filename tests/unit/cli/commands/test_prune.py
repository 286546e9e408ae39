"""`bakex prune` and `bakex du`, over two nodes."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from bakex.cli.main import entry
from bakex.diagnostics import Diagnostic
from bakex.model.node import NodeName
from bakex.model.upkeep import Pruning, UsageRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.unit.cli.conftest import FakeBackend

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Keeper:
    def __init__(self, name: str, *sizes: int) -> None:
        self.node = NodeName(name)
        self.asked: list[Any] = []
        self.records = [
            UsageRecord(
                node=self.node, id=f"{name}{size}", size=size, kind="regular", last_used=BEGIN,
                description="RUN \x1b[2Jmake\n", mutable=size == 1, shared=size == 2,
                in_use=size == 3,
            )
            for size in sizes
        ]  # fmt: skip

    async def usage(self, filters: Sequence[str]) -> list[UsageRecord]:
        self.asked.append(tuple(filters))
        return self.records

    async def prune(self, pruning: Pruning) -> AsyncIterator[UsageRecord]:
        self.asked.append(pruning)
        for record in self.records:
            yield record


@pytest.fixture
def keepers(backend: FakeBackend) -> list[Keeper]:
    backend.keepers = found = [Keeper("a", 1, 2), Keeper("b", 3)]
    return found


@pytest.fixture
def run(backend: FakeBackend, keepers: list[Keeper], capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str, code: int = 0) -> str:
        assert entry(list(arguments), backend=backend) == code
        shown = capsys.readouterr()
        return shown.out if code == 0 else shown.err

    return call


def test_disk_usage(run: Any, keepers: list[Keeper]) -> None:
    lines = run("du").splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["ID", "b3", "a2", "a1*"]
    assert lines[1].endswith("3B    regular  false        2026-01-01 12:00  RUN make")
    assert lines[4:] == [
        "", "shared:      2B", "private:     4B", "reclaimable: 3B", "total:       6B"
    ]  # fmt: skip
    found = json.loads(run("du", "--format", "json"))
    assert [(entry["node"], entry["size"]) for entry in found] == [("a", 1), ("a", 2), ("b", 3)]
    assert found[0]["last_used"] == "2026-01-01T12:00:00+00:00"


def test_an_empty_cache_and_a_warning(
    run: Any, backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.keepers = []
    backend.warnings = (Diagnostic(code="BX3510", summary="soon", severity="warning"),)
    assert entry(["du"], backend=backend) == 0
    shown = capsys.readouterr()
    assert shown.out == "nothing is in the cache\n"
    assert shown.err == "warning[BX3510]: soon\n"


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (["type=regular"], ('type=="regular"',)),
        (["id=ab", "inuse"], ('id~="ab",inuse',)),
        (["shared=false"], ("shared!=true",)),
        (["private=1"], ("private",)),
        (["parent=x", "description=y"], ('parents~="x",description~="y"',)),
        (["type==regular,inuse"], ("type==regular,inuse",)),
        ([], ()),
    ],
)
def test_filters(run: Any, keepers: list[Keeper], given: list[str], asked: tuple[str, ...]) -> None:
    run("du", *(word for text in given for word in ("--filter", text)))
    assert [keeper.asked for keeper in keepers] == [[asked], [asked]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("du", "--filter", "colour=red"), "filters are"),
        (("du", "--filter", "inuse=perhaps"), "unknown filter"),
        (("du", "--filter", "until=soon"), "invalid duration 'soon'"),
        (("prune", "-f", "--keep-storage", "much"), "invalid size 'much'"),
        (("prune",), "there is no terminal to ask on"),
    ],
)
def test_what_cannot_be_done(
    run: Any, arguments: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert words in run(*arguments, code=2)


def test_pruning(run: Any, keepers: list[Keeper]) -> None:
    text = run(
        *("prune", "--force", "--all", "--filter", "until=1h30m", "--filter", "type=regular"),
        *("--keep-storage", "1kb", "--max-used-space", "2kb", "--min-free-space", "3kb"),
    )
    assert text.endswith("removed 3, freed 6B\n")
    assert "RUN make" in text
    assert "\x1b" not in text
    expected = Pruning(
        filters=('type=="regular"',), all=True, unused_for_s=5400, reserved=1024, max_used=2048,
        min_free=3072,
    )  # fmt: skip
    assert [keeper.asked for keeper in keepers] == [[expected], [expected]]
    found = json.loads(run("prune", "-f", "--format", "json"))
    assert found["freed"] == 6
    assert len(found["removed"]) == 3


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "removed"), [("y\n", True), ("no\n", False), ("", False)])
def test_it_asks_on_a_terminal(
    run: Any, keepers: list[Keeper], monkeypatch: pytest.MonkeyPatch, answer: str, removed: bool
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    text = run("prune")
    assert ("removed 3" in text) is removed
    assert (text == "nothing was removed\n") is not removed
    assert bool(keepers[0].asked) is removed
