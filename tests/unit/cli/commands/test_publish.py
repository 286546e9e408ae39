"""`bakex publish`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bakex.cli.main import entry

if TYPE_CHECKING:
    import pytest

    from tests.unit.cli.conftest import FakeBackend


def test_interrupted_publications_are_listed(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry(["publish"], backend=backend) == 0
    assert capsys.readouterr().out == "no publication was interrupted\n"
    backend.is_interrupted = True
    assert entry(["publish"], backend=backend) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "/state/r.json  2026-01-01T00:00:00+00:00"
    assert second.startswith("  r.example/app:1@sha256:")


def test_one_is_finished(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["publish", "r.json"], backend=backend) == 0
    assert backend.asked("complete") == Path(backend.cwd / "r.json")
    assert capsys.readouterr().out == "app: pushed to r.example/app:1\n"
