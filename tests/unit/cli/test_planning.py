from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bakex.cli.backend import Invocation
from bakex.cli.planning import show
from tests.unit.cli.conftest import ODD

if TYPE_CHECKING:
    from tests.unit.cli.conftest import FakeBackend


def planned(backend: FakeBackend, *, as_json: bool) -> str:
    settings, run = backend.settings(), Invocation(backend)
    run.as_json = as_json
    return show(run, settings, backend.define(settings), builder="box")


def test_text(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    lines = planned(backend, as_json=False).splitlines()
    assert lines[1].split() == ["app", "linux/amd64", "here", "native"]
    assert backend.asked("connect") == "box"
    assert capsys.readouterr() == ("", "")


def test_json(backend: FakeBackend) -> None:
    text = planned(backend, as_json=True)
    assert json.loads(text)["requested"] == ["app"]
    assert text.endswith("}\n")


@pytest.mark.parametrize(
    ("as_json", "told"), [(False, "note: docker was passed over\n"), (True, "")]
)
def test_a_node_that_was_passed_over_is_named(
    as_json: bool, told: str, backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.note = "docker was passed over\x1b[2J"
    planned(backend, as_json=as_json)
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("as_json", [False, True])
def test_a_node_that_is_left_out_is_named(
    as_json: bool, backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, run = backend.settings(), Invocation(backend)
    run.as_json = as_json
    backend.nodes_left_out = (ODD,)
    show(run, settings, backend.define(settings), builder="box")
    assert run.findings == ([ODD] if as_json else [])
    assert (ODD.summary in capsys.readouterr().err) is not as_json
