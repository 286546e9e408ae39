"""`bakex discover`; what it does is in ``tests/unit/cli/test_artifacts.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.cli.main import entry

if TYPE_CHECKING:
    import pytest

    from tests.unit.cli.conftest import FakeBackend


def test_what_it_takes(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["discover", "--help"], backend=backend) == 0
    assert "--artifact-type TYPE" in capsys.readouterr().out
    assert entry(["discover", "r.example/app:1", "--format", "table"], backend=backend) == 2
    assert "write --format text or --format json" in capsys.readouterr().err
    assert entry(["discover", "r.example/app:1", "--platform", "/"], backend=backend) == 3
    assert "invalid platform" in capsys.readouterr().err
