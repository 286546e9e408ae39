"""One daemon process: launched, waited for, ended with what it had started."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bakex.errors import EngineStartError, NodeError
from bakex.nodes.drivers.health import answers
from bakex.nodes.drivers.layout import EngineRecord
from bakex.nodes.drivers.processes import (
    ProcessIdentity,
    arguments,
    identify,
    is_running,
    processes_mentioning,
    reap,
    sees,
    send,
    start_detached,
)
from bakex.nodes.drivers.recipes import WIRES, recipe

if TYPE_CHECKING:
    from bakex.config import Settings
    from bakex.interfaces import Clock
    from bakex.nodes.drivers.layout import EngineLayout
    from bakex.nodes.drivers.programs import Programs

# What a daemon starts by itself and what survives its being killed.
_HELPERS: Final = frozenset(
    {"containerd", "containerd-shim-runc-v2", "runc", "buildkit-runc", "docker-proxy"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLimits:
    """How long things may take, in seconds.

    Attributes:
        start: From starting the program to its first answer. A cold disk and a busy machine take a
            dockerd to about ten.
        grace: Between the request to end and the kill. dockerd gives its containers five.
        kill: From the kill until the process is gone.
        lock: Waiting for another bakex that starts or stops the engine; longer than all of these.
        poll: Between two looks.
    """

    start: float = 90.0
    grace: float = 20.0
    kill: float = 5.0
    lock: float = 150.0
    poll: float = 0.05


def launch(programs: Programs, layout: EngineLayout, settings: Settings) -> EngineRecord:
    """Write the configuration and start the daemon, detached; its directories have to exist.

    Raises:
        EngineStartError: A file cannot be written, or there is no such program.
    """
    run = recipe(programs, layout, settings)
    try:
        layout.config.write_text(run.config, "utf-8")
        layout.log.unlink(missing_ok=True)
        pid = start_detached(run.argv, env=run.env, log=layout.log)
    except OSError as error:
        raise EngineStartError(
            f"{programs.daemon} cannot be started",
            detail=f"{error.filename or layout.root}: {error.strerror}.",
        ) from error
    return EngineRecord(
        kind=programs.kind,
        # One that ended at once has no identity; none is equal to this one, so it counts as gone.
        process=identify(pid) or ProcessIdentity(pid=pid, started=0, boot=""),
        program=str(programs.daemon),
        runtime=str(layout.runtime),
    )


def is_ours(pid: int, layout: EngineLayout) -> bool:
    """Return whether a process is a daemon that was launched with this layout."""
    argv = arguments(pid)
    flags = _flags(str(layout.config))
    named = any(argv[i : i + 2] in flags for i in range(len(argv)))
    return named and sees(pid, layout.root)


def find_unrecorded(layout: EngineLayout) -> EngineRecord | None:
    """Return a record for a daemon of this layout that runs although no record names it."""
    for process in processes_mentioning(str(layout.config)):
        if is_ours(process.pid, layout):
            argv = arguments(process.pid)
            place = argv.index(str(layout.config)) if str(layout.config) in argv else 0
            program = argv[place - 2] if place >= 2 else ""
            return EngineRecord(
                kind=layout.kind, process=process, program=program, runtime=str(layout.runtime)
            )
    return None


async def comes_up(
    process: ProcessIdentity, layout: EngineLayout, clock: Clock, limits: EngineLimits
) -> bool:
    """Wait until the daemon answers; false if it ends first or takes too long."""
    deadline = clock.monotonic() + limits.start
    while is_running(process) and clock.monotonic() < deadline:
        if layout.socket.exists() and await answers(layout.socket, WIRES[layout.kind]):
            return True
        await clock.sleep(limits.poll)
    return False


async def end(
    process: ProcessIdentity, layout: EngineLayout, clock: Clock, limits: EngineLimits
) -> None:
    """End the daemon: ask, wait, kill; then kill what it left, and remove its socket. Idempotent.

    Raises:
        NodeError: It belongs to another user, or does not even end when killed.
    """
    try:
        if send(process, signal.SIGTERM) and not await _gone(process, clock, limits.grace, limits):
            send(process, signal.SIGKILL)
            if not await _gone(process, clock, limits.kill, limits):
                raise NodeError(
                    f"the private engine (process {process.pid}) does not end",
                    detail="The kernel keeps it, most likely waiting for a disk.",
                    hint="restart the machine",
                )
        reap(process.pid)
        await clear_leftovers(layout, clock, limits)
    except PermissionError as error:
        raise NodeError(
            f"the private engine (process {process.pid}) belongs to another user",
            hint="run as the user who started it",
        ) from error


async def clear_leftovers(layout: EngineLayout, clock: Clock, limits: EngineLimits) -> None:
    """Remove what a daemon that is gone left behind: helpers, sockets, its pid file. Idempotent.

    Helpers are known by their program's name and by an argument that is in the engine's folders.

    Raises:
        PermissionError: A helper belongs to another user.
    """
    for folder in (layout.data, layout.runtime):
        # Reading all of /proc takes long enough on a busy machine to be kept off the event loop.
        for process in await asyncio.to_thread(processes_mentioning, f"{folder}/"):
            argv = arguments(process.pid)
            is_helper = bool(argv) and Path(argv[0]).name in _HELPERS
            if is_helper and sees(process.pid, folder) and send(process, signal.SIGKILL):
                await _gone(process, clock, limits.kill, limits)
    layout.socket.unlink(missing_ok=True)
    # dockerd does not start while the process whose id is in this file runs, whoever that is now.
    layout.pid_file.unlink(missing_ok=True)


async def _gone(
    process: ProcessIdentity, clock: Clock, seconds: float, limits: EngineLimits
) -> bool:
    deadline = clock.monotonic() + seconds
    while is_running(process):
        if clock.monotonic() >= deadline:
            return False
        await clock.sleep(limits.poll)
    return True


def _flags(config: str) -> tuple[tuple[str, str], ...]:
    return (("--config-file", config), ("--config", config))
