from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bakex.cli.main import entry
from tests.unit.cli.conftest import ODD, FakeBackend

if TYPE_CHECKING:
    import pytest


def test_text(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    backend.warnings = (ODD,)
    assert entry(["plan", "--builder", "box", "--push", "app"], backend=backend) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split() == ["app", "linux/amd64", "here", "native"]
    assert err == "warning[BX2000]: the file is odd\n"
    assert backend.asked("connect") == "box"
    assert backend.asked("define")["overrides"] == ["*.push=true"]


def test_json(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["plan", "--format", "json"], backend=backend) == 0
    assert json.loads(capsys.readouterr().out)["requested"] == ["app"]


def test_nothing_is_built(backend: FakeBackend) -> None:
    assert entry(["plan"], backend=backend) == 0
    assert [name for name, _ in backend.calls] == ["define", "connect"]


def test_emulation(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["plan", "--emulation", "never"], backend=backend) == 0
    assert backend.asked("emulation") == "never"
    assert entry(["plan", "--emulation", "sometimes"], backend=backend) == 2
    error = capsys.readouterr().err
    assert "invalid --emulation 'sometimes'" in error
    assert "use allow, fallback, never" in error
