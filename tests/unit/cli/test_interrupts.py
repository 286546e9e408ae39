from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import termios
from threading import Condition, Thread
from typing import IO, TYPE_CHECKING

import pytest

from bakex.cli.interrupts import watched
from bakex.cli.stop import StoppedError
from tests.unit.cli.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.slow

CHILD = ROOT / "tests" / "unit" / "cli" / "child.py"
HIDDEN, SHOWN = b"\x1b[?25l", b"\x1b[?25h"
TIMEOUT_S = 60


def started(
    scenario: str, *arguments: str, stderr: int | IO[bytes] = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(CHILD), scenario, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
    )


def next_line(child: subprocess.Popen[bytes]) -> bytes:
    assert child.stdout is not None
    return child.stdout.readline().strip()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_the_first_signal_stops_the_run(number: signal.Signals, code: int) -> None:
    with started("forever", "bake", "--progress", "plain") as child:
        assert next_line(child) == b"ready"
        child.send_signal(number)
        out, err = child.communicate(timeout=TIMEOUT_S)
    assert child.returncode == code
    assert out == b"stopped\n"
    lines = err.decode().splitlines()
    assert lines[-3:] == ["#0 stopping; press Ctrl-C again to end at once", "", "interrupted"]
    assert "Traceback" not in err.decode()


def test_the_second_signal_ends_the_process() -> None:
    with started("stubborn", "bake", "--progress", "plain") as child:
        assert next_line(child) == b"ready"
        child.send_signal(signal.SIGINT)
        assert next_line(child) == b"not yet"
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=TIMEOUT_S)
    assert child.returncode == 130


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    ignoring = ["env", "--ignore-signal=HUP", sys.executable, str(CHILD)]
    with subprocess.Popen(
        [*ignoring, "forever", "bake"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as child:
        assert next_line(child) == b"ready"
        child.send_signal(signal.SIGHUP)
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=TIMEOUT_S)
    assert child.returncode == 143


def test_a_plan_can_be_stopped_and_an_interrupt_is_told(tmp_path: Path) -> None:
    with started("nothing", "plan") as child:
        out, _ = child.communicate(timeout=TIMEOUT_S)
    assert child.returncode == 0
    assert b"app" in out


class OnTerminal:
    """A child whose standard error is a terminal, and everything it wrote there."""

    def __init__(self, *arguments: str) -> None:
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (24, 80))
        self.before = termios.tcgetattr(self.slave)
        self.child = started(*arguments, stderr=self.slave)
        self.written = bytearray()
        self._more = Condition()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self.master, 65536):
                with self._more:
                    self.written += data
                    self._more.notify_all()

    def shows(self, text: bytes) -> bool:
        """Wait until a text was written."""
        with self._more:
            return self._more.wait_for(lambda: text in self.written, TIMEOUT_S)

    def finish(self) -> int:
        self.child.communicate(timeout=TIMEOUT_S)
        after = termios.tcgetattr(self.slave)
        os.close(self.slave)  # the last one that holds it: the reader gets the rest, then an error
        self._reader.join(TIMEOUT_S)
        os.close(self.master)
        assert after == self.before
        return self.child.returncode


@pytest.mark.parametrize(
    ("scenario", "signals"), [("forever", [b"stopped"]), ("stubborn", [b"not yet", b""])]
)
def test_the_terminal_is_as_it_was(scenario: str, signals: Sequence[bytes]) -> None:
    terminal = OnTerminal(scenario, "bake")
    assert next_line(terminal.child) == b"ready"
    assert terminal.shows(b"[app linux/amd64 1/1] RUN make")
    for answer in signals:
        terminal.child.send_signal(signal.SIGINT)
        assert next_line(terminal.child) == answer
    assert terminal.finish() == 130
    written = bytes(terminal.written)
    assert written.count(HIDDEN) == 1
    assert written.rfind(SHOWN) > written.rfind(HIDDEN)


def test_a_run_on_a_terminal_that_goes_well() -> None:
    terminal = OnTerminal("nothing", "bake")
    assert terminal.finish() == 0
    written = bytes(terminal.written)
    assert b"[+] done" in written
    assert written.rfind(SHOWN) > written.rfind(HIDDEN) > -1
    assert written.endswith(b"  pushed to r.example/app:1\r\n")


def test_a_terminal_that_goes_away_does_not_stop_the_build() -> None:
    master, slave = pty.openpty()
    child = started("paced", "bake", stderr=slave)
    assert next_line(child) == b"ready"
    os.close(slave)
    os.close(master)
    child.communicate(b"go on\n", timeout=TIMEOUT_S)
    assert child.returncode == 0


def test_standard_output_that_nobody_reads() -> None:
    with started("chatty", "bake", "--progress", "quiet") as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr is not None
        err = child.stderr.read()
        child.wait(TIMEOUT_S)
    assert (child.returncode, err) == (141, b"")


def test_a_result_is_returned_and_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)

    async def main() -> int:
        return 7

    with watched() as interrupts:
        assert signal.getsignal(signal.SIGINT) == interrupts.handle
        assert interrupts.run(main) == 7
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_while_it_runs_cancels_it() -> None:
    told: list[str] = []

    async def main() -> None:
        signal.raise_signal(signal.SIGTERM)
        import asyncio  # noqa: PLC0415 - only here

        await asyncio.Event().wait()

    with (
        watched(first=lambda: told.append("first")) as interrupts,
        pytest.raises(StoppedError) as caught,
    ):
        interrupts.run(main)
    assert caught.value.exit_code == 143
    assert told == ["first"]


def test_other_errors_get_through() -> None:
    async def main() -> None:
        raise KeyError("x")

    with watched() as interrupts, pytest.raises(KeyError):
        interrupts.run(main)


def test_in_other_threads_nothing_is_handled() -> None:
    before = signal.getsignal(signal.SIGINT)
    results: list[int] = []

    async def main() -> int:
        return 7

    def other() -> None:
        with watched() as interrupts:
            results.append(interrupts.run(main))

    thread = Thread(target=other)
    thread.start()
    thread.join()
    assert results == [7]
    assert signal.getsignal(signal.SIGINT) is before
