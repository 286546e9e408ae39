from __future__ import annotations

import io
import json
import os
import pty
import sys
from typing import TYPE_CHECKING

import pytest

from bakex.cli import building
from bakex.cli.backend import Invocation
from bakex.cli.building import BuildOptions, build, colours, is_terminal
from bakex.config import load
from bakex.errors import (
    BlockedError,
    OutputError,
    StepFailedError,
    UsageError,
)
from bakex.events import TransferMoved
from bakex.model.digest import Digest
from bakex.model.publication import Report, TargetReport
from tests.unit.cli.conftest import CELL, ODD, STEP, FakeBackend, warning

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bakex.events import Event

OPTIONS = BuildOptions(progress="plain", builder="box", metadata_file="", allow=("network.host",))
DIGEST = Digest.of(b"index")


def run(backend: FakeBackend, options: BuildOptions = OPTIONS) -> None:
    settings = backend.settings()
    resolution = backend.define(settings)
    build(Invocation(backend), settings, resolution, options)


def with_progress(mode: str, metadata_file: str = "") -> BuildOptions:
    return BuildOptions(progress=mode, builder="", metadata_file=metadata_file, allow=())


def test_plain_progress_and_a_summary(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.warnings = (ODD,)
    run(backend)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "#0 warning[BX2000]: the file is odd",
        "#0 node here: unix:///d (usual)",
        "#0 app linux/amd64 on here (native)",
        "#1 [app linux/amd64 1/1] RUN make",
        "#1 0.000 compiling",
        "#0 app: pushed to r.example/app:1",
        "",
        f"app {DIGEST} (linux/amd64)",
        "  pushed to r.example/app:1",
    ]
    assert backend.asked("connect") == "box"
    assert backend.asked("bake")["allow"] == ("network.host",)


def test_quiet_is_quiet(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    run(backend, with_progress("quiet"))
    assert capsys.readouterr() == ("", "")


def test_rawjson_is_nothing_but_json(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    run(backend, with_progress("rawjson"))
    documents = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [list(document) for document in documents] == [["vertexes"], ["logs"]]


def test_the_mode_of_the_environment(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.environ["BUILDKIT_PROGRESS"] = "quiet"
    run(backend, with_progress(""))
    assert capsys.readouterr().err == ""


def test_a_terminal_must_be_there(backend: FakeBackend) -> None:
    with pytest.raises(UsageError, match="needs a terminal"):
        run(backend, with_progress("tty"))
    assert [name for name, _ in backend.calls] == ["define"]


def test_the_metadata_file(backend: FakeBackend, tmp_path: Path) -> None:
    run(backend, with_progress("quiet", "m.json"))
    document = json.loads((tmp_path / "m.json").read_text())
    assert document["app"]["containerimage.digest"] == str(DIGEST)


def test_a_metadata_file_that_cannot_be_written(backend: FakeBackend) -> None:
    with pytest.raises(OutputError):
        run(backend, with_progress("quiet", "no/such/m.json"))


def test_a_failure_writes_no_metadata(
    backend: FakeBackend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def failing(emit: Callable[[Event], None]) -> None:
        emit(warning("look out"))
        raise StepFailedError("make failed")

    backend.body = failing
    with pytest.raises(StepFailedError):
        run(backend, with_progress("plain", "m.json"))
    assert not (tmp_path / "m.json").exists()
    err = capsys.readouterr().err
    assert "warning[BX4090]: look out" in err
    assert "pushed" not in err


def test_a_defect_of_the_display_loses_no_build(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    async def poisonous(emit: Callable[[Event], None]) -> None:
        broken = TransferMoved(
            at=None,  # type: ignore[arg-type]  # the defect
            cell=CELL,
            step=STEP,
            id="layer",
            current=1,
            total=2,
            started=backend.time.now(),
        )
        emit(broken)

    backend.body = poisonous
    run(backend)
    err = capsys.readouterr().err
    assert "warning[BX9000]: the display of the progress failed: TypeError" in err
    assert err.endswith("  pushed to r.example/app:1\n")


def test_the_live_view(backend: FakeBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    backend.environ["TERM"] = "xterm"
    backend.environ["NO_COLOR"] = "1"
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        run(backend, with_progress("auto"))
        written = os.read(master, 65536).decode()
    os.close(master)
    assert "[+] done" in written
    assert "\x1b[1;34m" not in written


@pytest.mark.parametrize(
    ("environ", "terminal", "coloured"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({}, False, False),
    ],
)
def test_what_a_terminal_can_do(environ: dict[str, str], terminal: bool, coloured: bool) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    settings = load(environ)
    assert is_terminal(Terminal(), settings) is terminal
    assert colours(Terminal(), settings) is coloured
    assert not is_terminal(io.StringIO(), settings)


def test_a_terminal_that_does_not_tell_its_size() -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        assert building._size(terminal) == (80, 24)
    os.close(master)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - nothing to gain from a Path
        assert building._size(nowhere) == (80, 24)


def test_what_gates_keep_back(
    backend: FakeBackend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rest was published: the summary and the metadata tell of it."""

    async def blocked(emit: Callable[[Event], None]) -> None:
        error = BlockedError("1 of 1 targets not published")
        error.report = Report(targets={"app": TargetReport(name="app", blocked=(CELL,))})
        raise error

    backend.body = blocked
    with pytest.raises(BlockedError) as caught:
        run(backend, with_progress("plain", "m.json"))
    assert caught.value.exit_code == 6
    assert json.loads((tmp_path / "m.json").read_text()) == {"app": {}}
    assert capsys.readouterr().err.splitlines()[-3:] == [
        "app",
        f"  not published: failed ({CELL.platform})",
        "",
    ]
