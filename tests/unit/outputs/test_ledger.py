"""What this machine remembers of what it pushed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bakex.model.digest import Digest
from bakex.outputs import ledger as module
from bakex.outputs.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

ONE, TWO, THREE = (Digest.of(bytes([number])) for number in range(3))
AT = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 2, 1, tzinfo=UTC)


def test_digests_are_kept_by_repository_with_the_time_of_the_first_note(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "pushed")
    assert ledger.known("host/app") == {}
    ledger.note("host/app", [ONE, TWO], AT)
    Ledger(tmp_path / "pushed").note("host/app", [TWO, THREE], LATER)
    assert ledger.known("host/app") == {ONE: AT, TWO: AT, THREE: LATER}
    assert ledger.known("host/other") == {}
    ledger.note("host/other", [], AT)
    assert len(list((tmp_path / "pushed").iterdir())) == 1


def test_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.note("host/app", [ONE, TWO], AT)
    ledger.forget("host/app", {THREE})
    ledger.forget("host/app", {ONE})
    assert ledger.known("host/app") == {TWO: AT}
    ledger.forget("host/app", {TWO})
    assert list(tmp_path.iterdir()) == []


def test_damaged_lines_count_as_none(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.note("host/app", [ONE], AT)
    (file,) = tmp_path.iterdir()
    odd = b'\n{"digest": "?", "at": "2026-01-01"}\n[]\n{"digest": 1}\n\xff\n'
    bare = f'{{"digest": "{TWO}", "at": "2026-01-01T00:00:00"}}\n{{"digest": "{THREE}'
    file.write_bytes(file.read_bytes() + odd + bare.encode())
    assert ledger.known("host/app") == {ONE: AT, TWO: AT}


def test_it_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LARGE", 1000)
    ledger = Ledger(tmp_path)
    for number in range(50):
        ledger.note("host/app", [Digest.of(str(number).encode())], AT)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size < 1200
    assert Digest.of(b"49") in ledger.known("host/app")


def test_a_directory_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ledger = Ledger(tmp_path / "file" / "pushed")
    ledger.note("host/app", [ONE], AT)
    ledger.forget("host/app", {ONE})
    assert ledger.known("host/app") == {}
