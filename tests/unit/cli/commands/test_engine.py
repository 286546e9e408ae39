from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.cli.main import entry

if TYPE_CHECKING:
    import pytest

    from tests.unit.cli.conftest import FakeBackend


def test_from_start_to_end(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    def run(command: str) -> tuple[int, list[str]]:
        code = entry(["engine", command], backend=backend)
        return code, capsys.readouterr().out.splitlines()

    assert run("status") == (1, ["state:   stopped", "folder:  /home/me/engine"])
    assert run("start") == (0, ["running: unix:///private.sock"])
    assert run("status") == (
        0,
        [
            "state:   running",
            "folder:  /home/me/engine",
            "address: unix:///private.sock",
            "process: 42 (/usr/sbin/buildkitd)",
            "log:     /home/me/engine/log",
        ],
    )
    assert run("stop") == (0, ["stopped"])
    assert run("stop") == (0, ["it was not running"])
    assert run("prune") == (0, ["freed 1.50MB"])


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["engine", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in ("start", "status", "stop", "prune"))


def test_a_command_that_it_does_not_have(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["engine", "restart"]) == 2
    assert capsys.readouterr().err.startswith("error[BX1000]: no such command 'restart'")
