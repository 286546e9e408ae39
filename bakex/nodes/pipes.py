"""Byte streams through other programs: their standard input and output, as one socket."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final

from bakex.nodes.tap import Tap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bakex.carriers import Launcher, Process

END_S: Final = 2.0  # what a program may take to end once its stream is closed


class Pipes:
    """The programs that carry a dialer's streams, one for each stream."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._running: list[Process] = []
        self._failed: Process | None = None

    async def open(
        self, argv: Sequence[str], factory: Callable[[], asyncio.Protocol]
    ) -> asyncio.Transport:
        """Start a program and attach a protocol to its input and output.

        Closing the transport closes the program's input, on which it ends.

        Raises:
            DialError: It cannot be run.
        """
        self._running = [process for process in self._running if process.returncode is None]
        self._failed = None
        ours, theirs = socket.socketpair()
        try:
            process = await self._launcher.start(argv, stdio=theirs.fileno())
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._running.append(process)

        def lost(_: Exception | None) -> None:
            self._failed = process

        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_unix_connection(lambda: Tap(factory(), lost), sock=ours)
        return transport

    async def complaint(self) -> str | None:
        """Return what the program of a stream that never carried anything has said; None if none.

        An empty text means that it ended without a word.
        """
        process = self._failed
        if process is None or not await _ends(process):
            return None
        return process.errors.strip() or f"it ended with exit code {process.returncode}"

    async def aclose(self) -> None:
        """Wait for the programs to end, 2 seconds at most, and kill those that do not."""
        async with asyncio.TaskGroup() as group:
            for process in self._running:
                group.create_task(settle(process))
        self._running = []


async def settle(process: Process) -> None:
    """Wait for a program whose input is closed; kill it after 2 seconds."""
    if not await _ends(process):
        process.kill()
        await process.wait()


async def _ends(process: Process) -> bool:
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        return False
    return True
