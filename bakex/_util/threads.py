"""Blocking work in a thread that notices when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


class Stopped(Exception):  # noqa: N818 - a signal, not an error
    """Raised inside the work when its caller was cancelled."""


class StopFlag:
    """Asked by the work between its steps."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def check(self) -> None:
        """Go on, or end the work.

        Raises:
            Stopped: The caller was cancelled.
        """
        if self._event.is_set():
            raise Stopped

    def set(self) -> None:
        """Ask the work to end at its next step."""
        self._event.set()


async def in_thread(work: Callable[[StopFlag], _T]) -> _T:
    """Run blocking work in a thread; errors come out as they are.

    When cancelled, this asks the work to end and waits for that, so that it has cleaned up by the
    time the cancellation goes on. The work must call `StopFlag.check` every few megabytes.
    """
    stop = StopFlag()
    running = asyncio.get_running_loop().run_in_executor(None, work, stop)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        with contextlib.suppress(Stopped, OSError):
            await running
        raise
