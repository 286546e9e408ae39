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
