"""`bakex resume`, down to a builder that says what it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bakex.api.outcome import read
from bakex.cli.main import entry
from bakex.errors import StepFailedError
from bakex.model.publication import Expectation
from tests.unit.cli.test_recording import ending

if TYPE_CHECKING:
    from bakex.model.publication import PublishPolicy
    from tests.unit.cli.conftest import FakeBackend

QUIET = ["--progress", "quiet"]


@pytest.fixture
def failed(backend: FakeBackend, tmp_path: Path) -> Path:
    """Return the record of a bake that failed, elsewhere than where it is resumed."""
    ending(backend, StepFailedError("a step failed"))
    folder = tmp_path / "project"
    folder.mkdir()
    backend.cwd = folder
    options = ["--expect-digest", "r.example/app:1=none", "--immutable-tags", "v*"]
    arguments = ["bake", *QUIET, "-f", "x.hcl", "--set", "app.args.A=1", *options]
    assert entry([*arguments, "--result", "r.json", "app"], backend=backend) == 1
    backend.cwd = tmp_path
    backend.calls.clear()

    async def nothing(_emit: object) -> None:
        pass

    backend.body = nothing
    return folder / "r.json"


def change(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_was_asked_for_is_asked_for_again(
    backend: FakeBackend, failed: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    here = Path.cwd()
    given = ["--expect-digest", "r.example/app:1=any", "--immutable-tags", "w*", "--jobs", "2"]
    arguments = ["resume", str(failed), "--builder", "box", "--allow", "network.host", *given]
    assert (
        entry([*arguments, "--result", "again.json", "--progress", "plain"], backend=backend) == 0
    )
    assert capsys.readouterr().err.startswith("1 of 1 builds are recorded as done\n")
    assert backend.asked("define") == {
        "files": ["x.hcl"],
        "overrides": ["app.args.A=1"],
        "targets": ["app"],
    }
    assert backend.asked("connect") == "box"
    asked = backend.asked("bake")
    assert asked["recorded"] == read(failed).cells
    assert asked["running"].jobs == 2
    assert not asked["parts"]
    policy: PublishPolicy = asked["policy"]
    assert policy.immutable == ("v*", "w*")
    assert policy.expect == tuple(
        map(Expectation.parse, ["r.example/app:1=none", "r.example/app:1=any"])
    )
    again = read(tmp_path / "again.json")
    assert (again.state, again.options["files"]) == ("succeeded", ["x.hcl"])
    assert Path.cwd() == here


def test_another_definition(
    backend: FakeBackend, failed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(failed, definition="sha256:" + "0" * 64)
    assert entry(["resume", str(failed), *QUIET], backend=backend) == 3
    assert "error[BX2006]" in capsys.readouterr().err
    assert "connect" not in dict(backend.calls)


def test_another_commit_is_told(
    backend: FakeBackend, failed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(failed, revision="abc")
    assert entry(["resume", str(failed), "--progress", "plain"], backend=backend) == 0
    assert "warning[BX3103]: another commit is checked out" in capsys.readouterr().err


def test_a_directory_that_is_gone(
    backend: FakeBackend, failed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(failed, directory=str(failed.parent / "gone"))
    assert entry(["resume", str(failed), *QUIET], backend=backend) == 2
    assert "cannot go to" in capsys.readouterr().err


def test_a_file_that_is_none(
    backend: FakeBackend, failed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed.write_text("{}")
    assert entry(["resume", str(failed)], backend=backend) == 2
    assert "is no result of a bake" in capsys.readouterr().err


def test_a_shard_stays_one(
    backend: FakeBackend, failed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(failed, shard=["linux/arm64"])
    assert entry(["resume", str(failed), *QUIET], backend=backend) == 2
    # That of the fake backend.
    assert "target 'app' does not name its platforms" in capsys.readouterr().err
