from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bakex.cli.planning import show
from bakex.errors import UsageError

if TYPE_CHECKING:
    from tests.unit.cli.conftest import FakeBackend


def planned(backend: FakeBackend, format_: str) -> str:
    settings = backend.settings()
    return show(backend, settings, backend.define(settings), builder="box", format_=format_)


def test_text(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    lines = planned(backend, "text").splitlines()
    assert lines[1].split() == ["app", "linux/amd64", "here", "native"]
    assert backend.asked("connect") == "box"
    assert capsys.readouterr() == ("", "")


def test_json(backend: FakeBackend) -> None:
    text = planned(backend, "json")
    assert json.loads(text)["requested"] == ["app"]
    assert text.endswith("}\n")


def test_a_node_that_was_passed_over_is_named(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.note = "docker was passed over\x1b[2J"
    planned(backend, "json")
    assert capsys.readouterr().err == "note: docker was passed over\n"


def test_other_formats(backend: FakeBackend) -> None:
    with pytest.raises(UsageError, match="invalid format 'yaml'"):
        planned(backend, "yaml")
    assert [name for name, _ in backend.calls] == ["define"]
