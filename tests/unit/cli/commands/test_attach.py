"""`bakex attach`; what it does is in ``tests/unit/cli/test_artifacts.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.cli.main import entry

if TYPE_CHECKING:
    import pytest

    from tests.unit.cli.conftest import FakeBackend


def test_what_it_takes(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["attach", "--help"], backend=backend) == 0
    assert "[FILE[:MEDIATYPE]]..." in capsys.readouterr().out
    assert entry(["attach", "r.example/app:1", "file"], backend=backend) == 2
    assert "hint: add --artifact-type" in capsys.readouterr().err
    assert entry(["attach"], backend=backend) == 2
    words = ["attach", "r.example/app:1", "nothing", "--artifact-type", "a/b"]
    assert entry(words, backend=backend) == 2
    assert "no such file: 'nothing'" in capsys.readouterr().err
    assert backend.asked("artifacts") is False
