from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bakex.nodes.drivers.processes import (
    arguments,
    identify,
    is_running,
    processes_mentioning,
    reap,
    sees,
    send,
    start_detached,
)


def until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while identify(pid) is not None:
        assert time.monotonic() < deadline
        os.sched_yield()


def test_a_process_is_itself() -> None:
    own = identify(os.getpid())
    assert own is not None
    assert is_running(own)
    assert arguments(own.pid)


def test_another_process_with_the_same_id_is_not_it() -> None:
    own = identify(os.getpid())
    assert own is not None
    assert not is_running(replace(own, started=own.started + 1))
    assert not is_running(replace(own, boot="another"))
    assert not send(replace(own, started=own.started + 1), signal.SIGKILL)


def test_what_a_process_sees(tmp_path: Path) -> None:
    assert sees(os.getpid(), tmp_path)
    assert not sees(os.getpid(), tmp_path / "none")
    assert not sees(2**22 + 1, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot takes root")
def test_the_same_path_elsewhere_is_not_seen(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    script = f"import os; os.chroot({str(tmp_path)!r}); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert not sees(child.pid, Path("/etc"))
        child.communicate(b"\n")


def test_no_process() -> None:
    # Above the kernel's largest process id.
    assert identify(2**22 + 1) is None
    assert arguments(2**22 + 1) == ()
    own = identify(os.getpid())
    assert own is not None
    assert not send(replace(own, pid=2**22 + 1), signal.SIGKILL)


def test_a_zombie_does_not_run() -> None:
    child = subprocess.Popen([sys.executable, "-IS", "-c", "input()"], stdin=subprocess.PIPE)
    found = identify(child.pid)
    assert found is not None
    child.kill()
    until_gone(child.pid)
    assert Path(f"/proc/{child.pid}").exists()
    assert not is_running(found)
    assert not send(found, signal.SIGKILL)
    child.communicate()


def test_a_detached_program(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    script = "import os, sys; print(os.getcwd(), os.getsid(0) == os.getpid(), os.environ['WHO']);"
    script += "print(repr(sys.stdin.read()), file=sys.stderr)"
    pid = start_detached([sys.executable, "-IS", "-c", script], env={"WHO": "me"}, log=log)
    until_gone(pid)
    assert sorted(log.read_text().splitlines()) == sorted(["before", "/ True me", "''"])
    assert log.stat().st_mode & 0o777 in {0o600, 0o644}
    reap(pid)
    assert not Path(f"/proc/{pid}").exists()
    reap(pid)


def test_signals_are_not_ignored_in_a_detached_program(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pid = start_detached(["sleep", "60"], env={"PATH": os.defpath}, log=tmp_path / "log")
    finally:
        signal.signal(signal.SIGINT, before)
    found = identify(pid)
    assert found is not None
    assert send(found, signal.SIGINT)
    until_gone(pid)
    reap(pid)


def test_processes_by_what_they_mention(tmp_path: Path) -> None:
    mark = f"{tmp_path}/mark"
    assert processes_mentioning(mark) == []
    pid = start_detached(
        ["sleep", "60", f"--={mark}"], env={"PATH": os.defpath}, log=tmp_path / "log"
    )
    # sleep refuses the option, but the shell that starts it names it too; whichever is there first.
    for found in processes_mentioning(mark):
        assert found.pid == pid
        send(found, signal.SIGKILL)
    until_gone(pid)
    reap(pid)
