from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bakex.cli.main import entry

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_matrix_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docker-bake.hcl").write_text(
        'target "app" {\n  platforms = ["linux/amd64", "linux/arm64"]\n}\n'
    )
    arguments = ["ci", "matrix", "app", "--default-runner", "any", "--platform", "linux/arm64"]
    assert entry(arguments) == 0
    assert json.loads(capsys.readouterr().out) == {
        "include": [{"name": "linux-arm64", "platform": "linux/arm64", "runner": "any"}]
    }
    assert entry(["ci", "matrix", "none"]) == 3
