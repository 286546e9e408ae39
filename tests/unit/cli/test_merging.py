"""`bakex merge`, down to a backend that publishes nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bakex.cli.main import entry
from bakex.errors import IncompleteResultError
from bakex.model.publication import PublishPolicy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bakex.events import Event
    from tests.unit.cli.conftest import FakeBackend


@pytest.fixture
def records(backend: FakeBackend) -> list[str]:
    names = ["a.json", "b.json"]
    for name in names:
        arguments = ["bake", "--progress", "quiet", "-f", "x.hcl", "--push", "--result", name]
        assert entry([*arguments, "app"], backend=backend) == 0
    backend.calls.clear()
    return names


def test_the_records_are_merged(
    backend: FakeBackend, records: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["merge", *records, "--no-rollback", "--metadata-file", "m.json"]
    assert entry(arguments, backend=backend) == 0
    assert backend.asked("define") == {
        "files": ["x.hcl"],
        "overrides": ["*.push=true"],
        "targets": ["app"],
    }
    asked = backend.asked("merge")
    assert list(asked["records"]) == records
    assert asked["policy"] == PublishPolicy(rollback=False)
    assert "connect" not in dict(backend.calls)
    assert capsys.readouterr().err.startswith("app sha256:")
    assert list(json.loads((tmp_path / "m.json").read_text())) == ["app"]


def test_json_is_for_findings(
    backend: FakeBackend, records: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry(["merge", *records, "--format", "json"], backend=backend) == 0
    assert capsys.readouterr() == ("", "")


def test_what_cannot_be_merged(
    backend: FakeBackend, records: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    async def body(_emit: Callable[[Event], None]) -> None:
        raise IncompleteResultError("linux/arm64 is in no record")

    backend.body = body
    assert entry(["merge", *records], backend=backend) == 9
    assert "error[BX5602]: linux/arm64 is in no record" in capsys.readouterr().err


def test_a_file_that_is_not_there(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["merge", "none.json"], backend=backend) == 2
    assert "cannot read" in capsys.readouterr().err
