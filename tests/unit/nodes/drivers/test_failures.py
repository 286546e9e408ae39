from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.nodes.drivers.failures import start_failure, tail, too_old

if TYPE_CHECKING:
    from pathlib import Path


def fail(tmp_path: Path, text: str) -> tuple[str, str]:
    log = tmp_path / "log"
    log.write_text(text)
    error = start_failure("dockerd ended while it was starting", log=log)
    assert error.summary == "dockerd ended while it was starting"
    return error.detail, error.hint


@pytest.mark.parametrize(
    ("line", "why", "todo"),
    [
        (
            "failed to start daemon: Devices cgroup isn't mounted",
            "control groups are not mounted",
            "mount -t cgroup2",
        ),
        (
            "failed to mount overlay: invalid argument",
            "cannot stack directories",
            "ext4",
        ),
        (
            "write /x: no space left on device",
            "is full",
            "prune",
        ),
        (
            "failed to start daemon: operation not permitted",
            "not privileged",
            "privileged container",
        ),
        (
            "mkdir /sys/fs/cgroup/x: read-only file system",
            "cannot be written to",
            "both can be written to",
        ),
        (
            'failed to start containerd: exec: "containerd": executable file not found in $PATH',
            "is missing",
            "install the missing program",
        ),
        (
            "could not lock /x/buildkitd.lock, another instance running?",
            "Another daemon",
            "end that daemon",
        ),
        (
            "dockerd: /lib/libc.so.6: version `GLIBC_2.38' not found",
            "another release",
            "belongs to this release",
        ),
    ],
)
def test_what_daemons_say_is_explained(tmp_path: Path, line: str, why: str, todo: str) -> None:
    detail, hint = fail(tmp_path, f"starting\n{line}\n")
    assert why in detail
    assert line in detail
    assert todo in hint


def test_an_unknown_reason_shows_the_log(tmp_path: Path) -> None:
    detail, hint = fail(tmp_path, "something new\n")
    assert detail == "The last lines of its log:\n  something new"
    assert hint == f"see {tmp_path / 'log'}"


def test_routine_lines_make_room_for_warnings(tmp_path: Path) -> None:
    info = 'time="2026-01-01T00:00:00Z" level=info msg="loading plugin"\n'
    warning = 'time="2026-01-01T00:00:00Z" level=warning msg="not \\"good\\"" error=x\n'
    detail, _ = fail(tmp_path, info * 3 + warning + info * 30)
    assert 'warning: not \\"good\\" error=x' in detail
    assert "loading plugin" not in detail
    detail, _ = fail(tmp_path, info * 30)
    assert detail.count("info: loading plugin") == 12


def test_an_empty_log(tmp_path: Path) -> None:
    detail, _ = fail(tmp_path, "\n")
    assert detail == "It printed nothing."
    error = start_failure("x", log=tmp_path / "none")
    assert error.detail == "It printed nothing."


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("no space left on device\n" + "x" * 70_000 + "\nlast\n")
    assert tail(log)[-1] == "last"
    assert "no space" not in start_failure("x", log=log).detail


def test_a_dockerd_that_is_too_old() -> None:
    error = too_old("/usr/sbin/dockerd", {"ID": "debian", "VERSION_ID": "12"})
    assert error.summary == "/usr/sbin/dockerd is too old for bakex"
    assert "20.10" in error.detail
    assert "Debian 13" in error.hint
    assert "20.10" not in too_old("dockerd", {"ID": "fedora"}).detail
