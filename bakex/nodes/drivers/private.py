"""bakex's own engine: a buildkitd or dockerd that is there when nothing else is.

* One per cache folder. It is started on demand, kept for the next run, and shared by all bakex
  runs of that folder; a lock makes starting and stopping take turns.
* It lives in its own folders, with a socket of its own, and sets up no network: what is not in
  its folders is not touched, other daemons least of all. (containerd makes an empty
  ``/opt/containerd`` and dockerd an empty ``/run/docker``; those paths are built in.)
* What is stopped is the process that the record names, by id, start time and boot, and whose
  command line names our configuration file, which it must see where we see it: in another
  container the same path is another file.

States: stopped -> (start) -> running -> (stop) -> stopped; a daemon that died leaves the record
and the socket behind, which the next start removes. ``prune`` stops it and removes its folders.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from bakex._util.atomic import locked
from bakex.errors import EngineStartError, NodeError
from bakex.model.node import Endpoint, NodeName
from bakex.nodes.drivers.daemon import (
    EngineLimits,
    clear_leftovers,
    comes_up,
    end,
    find_unrecorded,
    is_ours,
    launch,
)
from bakex.nodes.drivers.failures import start_failure, too_old
from bakex.nodes.drivers.health import answers, keeps_whole_images
from bakex.nodes.drivers.layout import (
    engine_home,
    engine_layout,
    make_directories,
    read_record,
    record_file,
    write_record,
)
from bakex.nodes.drivers.mounts import unmount_below
from bakex.nodes.drivers.processes import is_running
from bakex.nodes.drivers.programs import Kind, find_programs, read_os_release
from bakex.nodes.drivers.recipes import WIRES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

    from bakex.config import Settings
    from bakex.interfaces import Clock
    from bakex.nodes.drivers.layout import EngineLayout, EngineRecord

NODE_NAME: Final = NodeName("private")
_BLOCK: Final = 512  # bytes; the unit of st_blocks, whatever the file system's block size is


class EngineState(StrEnum):
    """What the private engine is doing."""

    RUNNING = "running"
    STOPPED = "stopped"
    UNRESPONSIVE = "unresponsive"  # the process is there but does not answer


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    """What is known about the private engine.

    Attributes:
        home: The folder of everything that it keeps.
        endpoint: How to reach it; None unless it runs.
        kind: Which daemon; None unless it runs.
        pid: Its process; 0 unless it runs.
        program: The path of its program; empty unless it runs.
        log: What it printed; None unless it runs.
    """

    state: EngineState
    home: Path
    endpoint: Endpoint | None = None
    kind: Kind | None = None
    pid: int = 0
    program: str = ""
    log: Path | None = None


class PrivateEngine:
    """The private engine of one cache folder; safe to use from several processes at once."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        limits: EngineLimits | None = None,
        uid: int | None = None,
        os_release: Mapping[str, str] | None = None,
        runtime: Path | None = None,
    ) -> None:
        """Make the handle; nothing is touched.

        Args:
            settings: Where it lives, and where its programs are.
            clock: For the limits.
            limits: How long things may take.
            uid: The effective user; None to ask the system.
            os_release: What os-release(5) says, for advice; None to read it.
            runtime: A folder with a short path for sockets; None to choose one.
        """
        self._settings = settings
        self._clock = clock
        self._limits = limits or EngineLimits()
        self._uid = os.geteuid() if uid is None else uid
        self._release = read_os_release() if os_release is None else os_release
        self._runtime = "" if runtime is None else str(runtime)
        self._record_file = record_file(settings)

    async def start(self) -> Endpoint:
        """Return the endpoint of the running engine, starting it first if need be. Idempotent.

        Raises:
            EngineStartError: There is no program for it, a right is missing, or it does not come
                up; the message says which, and what to do.
            NodeError: Another bakex is busy with it for too long.

        Cancelling while it comes up ends it again.
        """
        async with self._turn():
            running = self._running()
            if running is None:
                return await self._start()
            layout = self._layout(running)
            if await comes_up(running.process, layout, self._clock, self._limits):
                return _endpoint(layout)
            if not is_running(running.process):
                # It ended just now, which is as good as not having run.
                return await self._start()
            raise EngineStartError(
                f"the private engine (process {running.process.pid}) runs but does not answer",
                detail=f"{layout.socket} gave no answer in {self._limits.start:g} seconds.",
                hint="run bakex engine stop, then try again",
            )

    async def status(self) -> EngineStatus:
        """Return what the engine is doing; changes nothing."""
        home = engine_home(self._settings)
        record = self._running()
        if record is None:
            return EngineStatus(state=EngineState.STOPPED, home=home)
        layout = self._layout(record)
        well = await answers(layout.socket, WIRES[record.kind])
        return EngineStatus(
            state=EngineState.RUNNING if well else EngineState.UNRESPONSIVE,
            home=home,
            endpoint=_endpoint(layout),
            kind=record.kind,
            pid=record.process.pid,
            program=record.program,
            log=layout.log,
        )

    async def stop(self) -> bool:
        """End the engine and return whether it ran. Its images and its cache stay. Idempotent.

        It is asked to end; after a grace period it is killed, with what it had started.

        Raises:
            NodeError: It belongs to another user, or does not even end when killed.
        """
        async with self._turn():
            return await self._stop(self._running())

    async def prune(self) -> int:
        """End the engine and remove everything that it keeps; return the bytes on disk freed.

        Raises:
            NodeError: It cannot be ended, or something cannot be unmounted or removed.
        """
        async with self._turn():
            record = self._running() or read_record(self._record_file)
            await self._stop(self._running())
            freed = 0
            for kind in Kind:
                known = record if record is not None and record.kind is kind else None
                layout = self._layout(known) if known else self._fresh_layout(kind)
                freed += await asyncio.to_thread(_remove, layout)
            return freed

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        """Wait until no other bakex starts or stops the engine, and keep others from it."""
        home = engine_home(self._settings)
        async with AsyncExitStack() as stack:
            try:
                home.mkdir(mode=0o700, parents=True, exist_ok=True)
                held = locked(home / "lock", timeout_s=self._limits.lock)
                await stack.enter_async_context(held)
            except TimeoutError as error:
                raise NodeError(
                    "another bakex has been starting or stopping the private engine for too long",
                    detail=f"It holds the lock on {home / 'lock'}.",
                    hint="wait for it or end it, then try again",
                ) from error
            except OSError as error:
                raise NodeError(
                    f"the private engine's folder {home} cannot be used",
                    detail=f"{error.strerror}.",
                    hint="set XDG_CACHE_HOME to a folder that can be written to",
                ) from error
            yield

    def _layout(self, record: EngineRecord) -> EngineLayout:
        return engine_layout(self._settings, record.kind, runtime=record.runtime)

    def _fresh_layout(self, kind: Kind) -> EngineLayout:
        return engine_layout(self._settings, kind, runtime=self._runtime)

    def _running(self) -> EngineRecord | None:
        """Return the record of our daemon if it runs; one that no record names is found, too."""
        record = read_record(self._record_file)
        if record is not None and is_running(record.process):
            return record if is_ours(record.process.pid, self._layout(record)) else None
        layouts = (self._fresh_layout(kind) for kind in Kind)
        return next((found for layout in layouts if (found := find_unrecorded(layout))), None)

    async def _start(self) -> Endpoint:
        if self._uid != 0:
            raise EngineStartError(
                "no BuildKit is running, and only root can start bakex's private engine",
                detail="It mounts file systems and starts containers.",
                hint="run as root, or name a builder that runs with --builder",
            )
        programs = find_programs(self._settings, release=self._release)
        layout = self._fresh_layout(programs.kind)
        await clear_leftovers(layout, self._clock, self._limits)
        make_directories(layout)
        record = launch(programs, layout, self._settings)
        write_record(self._record_file, record)
        accepted = False
        try:
            if not await comes_up(record.process, layout, self._clock, self._limits):
                raise self._failed(record, layout)
            # Asked and not told by a version: the feature decides.
            if record.kind is Kind.DOCKERD and not await keeps_whole_images(layout.socket):
                raise too_old(record.program, self._release)
            accepted = True
        finally:
            if not accepted:
                # Also when cancelled: what has not come up is of no use to anyone.
                await self._stop(record)
        return _endpoint(layout)

    def _failed(self, record: EngineRecord, layout: EngineLayout) -> EngineStartError:
        if is_running(record.process):
            summary = f"{record.program} did not answer in {self._limits.start:g} seconds"
        else:
            summary = f"{record.program} ended while it was starting"
        return start_failure(summary, log=layout.log)

    async def _stop(self, record: EngineRecord | None) -> bool:
        if record is not None:
            await end(record.process, self._layout(record), self._clock, self._limits)
        self._record_file.unlink(missing_ok=True)
        return record is not None


def _endpoint(layout: EngineLayout) -> Endpoint:
    return Endpoint(
        name=NODE_NAME,
        address=f"unix://{layout.socket}",
        wire=WIRES[layout.kind],
        host_network=True,
        private=True,
        origin="private engine",
    )


def _remove(layout: EngineLayout) -> int:
    """Unmount and remove the folders of one kind of engine; return the bytes on disk freed."""
    freed = 0
    for folder in (layout.root, layout.runtime):
        if not folder.exists():
            continue
        # Below a mount that stayed there may be anything: removing would reach into it.
        unmount_below(folder)
        freed += _disk_usage(folder)
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise NodeError(
                f"{error.filename or folder} cannot be removed",
                detail=f"{error.strerror}.",
                hint="run as the user who started the engine",
            ) from error
    return freed


def _disk_usage(folder: Path) -> int:
    seen: set[tuple[int, int]] = set()
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            try:
                found = os.lstat(os.path.join(directory, name))  # noqa: PTH118 - a hot loop
            except OSError:
                continue
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_blocks * _BLOCK
    return total
