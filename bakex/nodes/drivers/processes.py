"""Processes that outlive bakex: started detached, recognised again, ended without mistakes.

A process is known by its id, the time it was started and the boot in which that was: ids are used
again, the three together are not. Signals go through a pidfd that is opened before the identity
is checked, so that they cannot hit a process that took over the id in between.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PROC = Path("/proc")
_DEAD = frozenset("ZXx")  # zombies hold their id but run nothing; proc(5), /proc/pid/stat


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """One process, told apart from all that had or will have its id.

    Attributes:
        started: Clock ticks between boot and start, field 22 of ``/proc/<pid>/stat``.
        boot: The kernel's id of the boot.
    """

    pid: int
    started: int
    boot: str


def identify(pid: int) -> ProcessIdentity | None:
    """Return the identity of a running process; None if there is none with that id."""
    try:
        # The second field is the program's name in parentheses, which may hold any character.
        fields = (
            (_PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        )
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    if fields[0] in _DEAD:
        return None
    return ProcessIdentity(pid=pid, started=int(fields[19]), boot=boot)


def arguments(pid: int) -> tuple[str, ...]:
    """Return the command line of a process; empty if it is gone or has none."""
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(os.fsdecode(part) for part in raw.split(b"\0")[:-1])


def sees(pid: int, directory: Path) -> bool:
    """Return whether a directory is the same one for a process as it is for this one.

    In a container or a chroot the same path may be another directory. Without the right to look,
    which only the processes of other users deny, the answer is yes.
    """
    try:
        return (_PROC / str(pid) / "root" / directory.relative_to("/")).samefile(directory)
    except PermissionError:
        return True
    except OSError:
        return False


def is_running(identity: ProcessIdentity) -> bool:
    """Return whether this very process still runs."""
    return identify(identity.pid) == identity


def send(identity: ProcessIdentity, number: signal.Signals) -> bool:
    """Send a signal to this very process; false if it has ended.

    Raises:
        PermissionError: It belongs to another user.
    """
    try:
        handle = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return False
    try:
        if not is_running(identity):
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def reap(pid: int) -> None:
    """Let the kernel forget a process that has ended, if it was started by this one."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def processes_mentioning(text: str) -> list[ProcessIdentity]:
    """Return the running processes with an argument that contains a text, by id."""
    found: list[ProcessIdentity] = []
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        if any(text in argument for argument in arguments(int(entry.name))):
            identity = identify(int(entry.name))
            if identity is not None:
                found.append(identity)
    return sorted(found, key=lambda identity: identity.pid)


def start_detached(argv: Sequence[str], *, env: Mapping[str, str], log: Path) -> int:
    """Start a program that goes on when bakex and its terminal are gone; return its process id.

    It is in a session of its own, so Ctrl-C does not reach it; its working directory is ``/``, its
    input is empty, its output is added to the log file.

    Raises:
        OSError: The log cannot be opened.
    """
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        # posix_spawn cannot change the directory, and subprocess.Popen wants to be waited for.
        return os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", 'cd / && exec "$@"', "sh", *argv],
            env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, descriptor, 1),
                (os.POSIX_SPAWN_DUP2, descriptor, 2),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGINT, signal.SIGHUP),
        )
    finally:
        os.close(descriptor)
