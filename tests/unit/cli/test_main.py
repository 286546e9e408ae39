from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

import pytest

from bakex._version import __version__
from bakex.cli.main import COMMANDS, entry, program
from bakex.errors import BuildError, InternalError, RunFailedError, StepFailedError
from tests.unit.cli.conftest import FakeBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakex.config import Settings
    from bakex.events import Event


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry([option]) == 0
    assert capsys.readouterr().out == f"bakex {__version__}\n"


def test_version_beside_other_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["--version", "bake"]) == 0
    assert capsys.readouterr().out == f"bakex {__version__}\n"


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(argv) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out and summary in out for name, summary in COMMANDS.items())


def test_arguments_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bakex", "version"])
    assert entry() == 0
    assert capsys.readouterr().out.startswith(f"bakex {__version__}\npython 3")


@pytest.mark.parametrize(
    ("argv", "lines"),
    [
        (["bkae"], ["error[BX1000]: no such command 'bkae'", "  hint: did you mean 'bake'?"]),
        (["zzz"], ["error[BX1000]: no such command 'zzz'", "  hint: see bakex --help"]),
        (
            ["bake", "--metadata"],
            [
                "error[BX1000]: no such option: --metadata",
                "  hint: did you mean --metadata-file?",
            ],
        ),
        (
            ["bake", "--zzz"],
            ["error[BX1000]: no such option: --zzz", "  hint: see bakex bake --help"],
        ),
        (
            ["bake", "--set"],
            ["error[BX1000]: option '--set' requires an argument", "  hint: see bakex --help"],
        ),
        (["--debug"], ["error[BX1000]: missing command", "  hint: see bakex --help"]),
    ],
)
def test_a_command_line_that_cannot_be_read(
    argv: list[str], lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry(argv) == 2
    assert capsys.readouterr().err.splitlines() == lines


def test_a_failure_is_explained(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    backend.refusal = BuildError("it broke", hint="mend it")
    assert entry(["bake"], backend=backend) == 1
    assert capsys.readouterr() == ("", "error[BX4000]: it broke\n  hint: mend it\n")


def test_several_failures_end_in_a_summary(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    failures = [StepFailedError("one"), StepFailedError("two")]
    backend.refusal = RunFailedError("2 of 3 cells failed", failures)
    assert entry(["bake"], backend=backend) == 1
    assert capsys.readouterr().err == (
        "error[BX4002]: one\n\nerror[BX4002]: two\n\n2 of 3 cells failed\n"
    )


@pytest.mark.parametrize("argv", [["--debug", "bake"], ["bake", "--debug"], ["bake", "-D"]])
def test_tracebacks_only_if_they_are_asked_for(
    argv: list[str], backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.refusal = ZeroDivisionError("division by secret")
    assert entry(["bake"], backend=backend) == InternalError.exit_code
    err = capsys.readouterr().err
    assert err.startswith("error[BX9000]: this is a bug in bakex: ZeroDivisionError in conftest.py")
    assert "Traceback" not in err
    assert "secret" not in err
    assert entry(argv, backend=backend) == InternalError.exit_code
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_outside_of_a_run(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    class Pressed(FakeBackend):
        def settings(self) -> Settings:
            raise KeyboardInterrupt

    assert entry(["bake"], backend=Pressed(environ={}, cwd=backend.cwd)) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_garbage_is_collected_during_a_run_and_after_it(backend: FakeBackend) -> None:
    seen: list[bool] = []

    async def look(_emit: Callable[[Event], None]) -> None:
        seen.append(gc.isenabled())

    class Looking(FakeBackend):
        def settings(self) -> Settings:
            seen.append(gc.isenabled())
            return super().settings()

    looking = Looking(environ=backend.environ, cwd=backend.cwd, body=look)
    assert entry(["bake", "--progress", "quiet"], backend=looking) == 0
    assert (seen[0], seen[-1]) == (False, True)
    assert gc.isenabled()


def test_the_program_ends_with_the_exit_code_and_collects_no_garbage_for_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[tuple[int, bool]] = []
    monkeypatch.setattr("sys.argv", ["bakex", "--no-such-option"])
    monkeypatch.setattr("bakex.cli.main.end", lambda code: ended.append((code, gc.isenabled())))
    try:
        assert program() == 2
    finally:
        gc.enable()
    assert ended == [(2, False)]
