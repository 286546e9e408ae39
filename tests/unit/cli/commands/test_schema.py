from __future__ import annotations

import json

import pytest

from bakex.cli.main import entry


@pytest.mark.parametrize("argv", [["schema"], ["schema", "--format", "json"]])
def test_the_schema(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(argv) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["title"] == "Bake file"
    assert err == ""


def test_other_formats(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["schema", "--format", "yaml"]) == 2
    assert "use --format json" in capsys.readouterr().err


def test_the_schema_of_results(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["schema", "result"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Result of a bake"


def test_the_schema_of_builders(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["schema", "builders"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Builders of bakex"
    assert entry(["schema", "cake"]) == 2
    assert "write bake, builders or result" in capsys.readouterr().err
