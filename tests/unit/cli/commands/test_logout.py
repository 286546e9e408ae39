"""`bakex logout`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bakex.cli.main import entry

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.unit.cli.conftest import FakeBackend


def test_credentials_are_removed_and_others_told_of(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ours, other = tmp_path / ".docker" / "config.json", tmp_path / ".config/containers/auth.json"
    for file in (ours, other):
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"auths": {"ghcr.io": {"auth": "eDp5"}}}))
    assert entry(["logout", "ghcr.io"], backend=backend) == 0
    out, err = capsys.readouterr()
    assert out == "logged out of ghcr.io\n"
    assert f"{other} still has credentials for ghcr.io" in err
    assert json.loads(ours.read_text()) == {"auths": {}}
    assert entry(["logout", "https://ghcr.io/"], backend=backend) == 0
    assert capsys.readouterr().out == "not logged in to ghcr.io\n"
    assert entry(["logout"], backend=backend) == 0
    assert capsys.readouterr().out == "not logged in to docker.io\n"


def test_a_part_of_a_host(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / ".docker" / "buildx" / "config" / "ghcr.io" / "a" / "b@push"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"auths": {"ghcr.io": {"auth": "eDp5"}}}))
    assert entry(["logout", "ghcr.io", "--scope", "a/b@push"], backend=backend) == 0
    assert capsys.readouterr().out == "logged out of ghcr.io/a/b@push\n"
    assert entry(["logout", "ghcr.io", "--scope", "@../x"], backend=backend) == 2
