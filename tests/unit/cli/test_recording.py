"""What is on record of a bake, and what is said when it ends badly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bakex.api.outcome import read
from bakex.cli.main import entry
from bakex.cli.recording import resumption
from bakex.cli.stop import StoppedError
from bakex.errors import PublicationError, StepFailedError
from bakex.events import CellFinished
from bakex.model.result import CellResult
from tests.unit.cli.conftest import CELL, IMAGE, FakeBackend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bakex.events import Event


def ending(backend: FakeBackend, error: Exception, *, done: bool = True) -> None:
    """Let a bake end like that, perhaps with a build that is done."""

    async def body(emit: Callable[[Event], None]) -> None:
        if done:
            result = CellResult(cell=CELL, exports=())
            emit(CellFinished(at=backend.time.now(), cell=CELL, result=result))
        raise error

    backend.body = body


def records(backend: FakeBackend) -> list[Path]:
    return sorted((backend.settings().state / "runs").iterdir())


def test_every_bake_is_on_record(backend: FakeBackend, tmp_path: Path) -> None:
    arguments = ["bake", "-f", "x.hcl", "--push", "--var", "A=1", "--result", "r.json", "app"]
    assert entry([*arguments, "--expect-digest", "r.example/app:1=any"], backend=backend) == 0
    (path,) = records(backend)
    outcome = read(tmp_path / "r.json")
    assert outcome == read(path)
    assert outcome.state == "succeeded"
    assert outcome.directory == str(tmp_path)
    assert {key: value for key, value in outcome.options.items() if value} == {
        "targets": ["app"],
        "files": ["x.hcl"],
        "set": ["*.push=true"],
        "var": ["A=1"],
        "rollback": True,
        "expectDigest": ["r.example/app:1=any"],
    }
    assert outcome.publications == (
        {"type": "registry", "place": "r.example/app:1", "digest": str(IMAGE.digest)},
    )


def test_no_password_is_on_record(backend: FakeBackend, tmp_path: Path) -> None:
    backend.environ["TOKEN"] = "environment-word"
    url = "https://user:pass-word@example.com/repository.git"
    assert entry(["bake", "--result", "r.json", url, "app"], backend=backend) == 0
    raw = (tmp_path / "r.json").read_text()
    assert "pass-word" not in raw
    assert "environment-word" not in raw
    assert json.loads(raw)["options"]["url"] == "https://***@example.com/repository.git"


def without_progress(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_last_line_says_how_to_go_on(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    ending(backend, StepFailedError("a step failed"))
    arguments = ["bake", "--builder", "a b", "--allow", "network.host", "--progress", "plain"]
    assert entry([*arguments, "app"], backend=backend) == 1
    (path,) = records(backend)
    assert read(path).state == "failed"
    assert without_progress(capsys.readouterr().err) == [
        "error[BX4002]: a step failed",
        f"resume with: bakex resume {path} --builder 'a b' --allow network.host",
    ]


def test_the_file_that_was_asked_for_is_named(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ending(backend, StoppedError(15))
    assert entry(["bake", "--result", "r.json", "--progress", "quiet"], backend=backend) == 143
    assert read(tmp_path / "r.json").state == "cancelled"
    assert capsys.readouterr().err.splitlines() == [
        "interrupted",
        f"resume with: bakex resume {tmp_path}/r.json",
    ]


@pytest.mark.parametrize(
    ("error", "done"),
    [(StepFailedError("a step failed"), False), (PublicationError("refused"), True)],
    ids=["nothing to use", "its hint says more"],
)
def test_no_such_line(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str], error: Any, done: bool
) -> None:
    ending(backend, error, done=done)
    assert entry(["bake", "--progress", "quiet"], backend=backend) == error.exit_code
    assert "resume with" not in capsys.readouterr().err


def test_findings_for_programs_stay_alone(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    ending(backend, StepFailedError("a step failed"))
    assert entry(["bake", "--format", "json"], backend=backend) == 1
    (finding,) = json.loads(capsys.readouterr().err)["diagnostics"]
    assert finding["code"] == "BX4002"


def test_the_line_can_be_pasted(tmp_path: Path) -> None:
    line = resumption(tmp_path / "it's here.json", ["--builder", "x"])
    assert line.endswith("here.json' --builder x")


def test_a_place_that_cannot_be_written(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry(["bake", "--result", "none/r.json"], backend=backend) == 5
    assert "cannot write the result to" in capsys.readouterr().err
    assert "connect" not in dict(backend.calls)
