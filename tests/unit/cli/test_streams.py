from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bakex.cli.streams import prepare, put, say, settle
from bakex.errors import OutputError

FULL = Path("/dev/full")


def test_put_and_say(capsys: pytest.CaptureFixture[str]) -> None:
    put("out")
    say("err")
    settle()
    assert capsys.readouterr() == ("out", "err\n")


def test_a_full_disk_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with FULL.open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(OutputError, match="cannot write to standard output"):
            put("x")
        put("from here on nothing is written, and nothing complains")


def test_messages_that_cannot_be_written_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    with FULL.open("w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        say("x")
        settle()


def test_a_reader_that_went_away(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        with pytest.raises(BrokenPipeError):
            put("x")
        settle()


def test_streams_that_were_closed_lead_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    prepare()
    put("x")
    say("x")
    sys.stdout.close()
    sys.stderr.close()


@pytest.mark.parametrize(
    ("redirection", "code"),
    [(">&-", 0), ("2>&-", 0), (">/dev/full", 5), ("| true", 0)],
)
def test_the_command_as_a_shell_runs_it(redirection: str, code: int) -> None:
    line = f'"{sys.executable}" -m bakex version {redirection}'
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
