"""The end of the process: what has to run runs, and what watches is left alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bakex.cli import ending

# The object's last words are heard only from an interpreter that takes itself apart.
PROGRAM = """
import atexit, sys
class Last:
    def __del__(self, write=sys.stderr.write):
        write("taken apart ")
sys.modules["kept"] = Last()
atexit.register(sys.stderr.write, "registered ")
sys.stdout.write("out")
{before}
from bakex.cli.ending import end
end(7)
sys.stderr.write("went on ")
{after}
sys.exit(7)
"""
THREAD = """
import threading
gate = threading.Event()
threading.Thread(target=lambda: gate.wait() and sys.stderr.write("joined ")).start()
"""


def ended(before: str = "", *options: str, after: str = "") -> tuple[int, str, set[str]]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, *options, "-c", PROGRAM.format(before=before, after=after)],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout, set(done.stderr.split())


def test_what_was_registered_runs_and_nothing_is_taken_apart() -> None:
    assert ended() == (7, "out", {"registered"})


def test_a_daemon_thread_is_not_waited_for() -> None:
    before = """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
"""
    assert ended(before) == (7, "out", {"registered"})


@pytest.mark.parametrize(
    ("before", "options", "more"),
    [
        (THREAD, (), {"joined"}),
        ("sys.settrace(lambda *_: None)", (), set[str]()),
        ("sys.setprofile(lambda *_: None)", (), set[str]()),
        ("sys.modules['coverage'] = sys", (), set[str]()),
        ("del atexit._run_exitfuncs", (), set[str]()),
        ("", ("-X", "dev"), set[str]()),
    ],
    ids=["thread", "trace", "profile", "coverage", "no function", "development"],
)
def test_the_interpreter_ends_the_process(
    before: str, options: tuple[str, ...], more: set[str]
) -> None:
    code, out, err = ended(before, *options, after="gate.set()" if before == THREAD else "")
    assert (code, out) == (7, "out")
    assert {"went", "on", "registered"} | more <= err


def test_within_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    ran: list[str] = []
    monkeypatch.setattr(ending, "_watched", lambda: False)
    monkeypatch.setattr(ending, "_threads", lambda: False)
    monkeypatch.setattr("atexit._run_exitfuncs", lambda: ran.append("last"))
    monkeypatch.setattr("os._exit", codes.append)
    ending.end(3)
    assert (ran, codes) == (["last"], [3])


@pytest.mark.parametrize("answer", [True, False])
def test_who_watches(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    monkeypatch.setattr("os._exit", lambda _code: pytest.fail("ended"))
    monkeypatch.setattr(ending, "_watched", lambda: answer)
    monkeypatch.setattr(ending, "_threads", lambda: True)
    ending.end(3)
