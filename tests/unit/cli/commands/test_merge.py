from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.cli.main import entry

if TYPE_CHECKING:
    import pytest

    from tests.unit.cli.conftest import FakeBackend


def test_a_record_is_needed(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["merge"], backend=backend) == 2
    assert entry(["merge", "x.json", "--format", "yaml"], backend=backend) == 2
    assert "invalid format 'yaml'" in capsys.readouterr().err
    assert entry(["merge", "x.json"], backend=backend) == 2
    assert "cannot read" in capsys.readouterr().err
    assert entry(["merge", "--verify", "some", "x.json"], backend=backend) == 2
    assert "there is no mode of verification 'some'" in capsys.readouterr().err
