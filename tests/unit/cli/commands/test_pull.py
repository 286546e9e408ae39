"""`bakex pull`; what it does is in ``tests/unit/cli/test_artifacts.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.cli.main import entry

if TYPE_CHECKING:
    import pytest

    from tests.unit.cli.conftest import FakeBackend


def test_what_it_takes(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["pull", "--help"], backend=backend) == 0
    assert "Images are copied with bakex image copy." in capsys.readouterr().out
    assert entry(["pull"], backend=backend) == 2
    assert entry(["pull", "oci:nothing:app"], backend=backend) == 5
    assert "cannot read nothing" in capsys.readouterr().err
