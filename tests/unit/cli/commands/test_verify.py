"""`bakex verify`: what it answers, and how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bakex.cli.main import entry
from bakex.oci.layout import OciLayout
from bakex.testing.binaries import Elf
from bakex.testing.images import put_platforms

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    layout = OciLayout.create(tmp_path / "layout")
    layer = {"bin/app": Elf(machine=62).build()}
    root = await put_platforms(layout, "linux/amd64", "linux/arm64", layers=[layer])
    await layout.enter([(root, "1")])
    return f"oci:{layout.root}"


def test_a_file_that_does_not_fit(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["verify", place]) == 8
    told = capsys.readouterr().out
    assert "linux/amd64  1      1" in told
    assert "  error: /bin/app (in /bin)\n    expected aarch64, found x86-64\n" in told


@pytest.mark.parametrize(
    "options",
    [["--mode", "entrypoint"], ["--allow", "/bin/*"], ["--platform", "linux/amd64"]],
)
def test_what_is_asked_for(
    place: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry(["verify", *options, "--format", "json", place]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


def test_mistakes(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["verify", "--mode", "bins", place]) == 2
    assert entry(["verify", "--device", "toster", place]) == 2
    assert entry(["verify", "--platform", "linux/386", place]) == 2
    assert "has no image for linux/386" in capsys.readouterr().err
