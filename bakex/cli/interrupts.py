"""Ctrl-C, SIGTERM and SIGHUP: the first one cancels the run, the second one ends the process.

* The first signal cancels the task; what it started is told to stop, and the command ends with
  128 + the signal's number (130 for Ctrl-C, 143 for SIGTERM).
* A further signal, or one that comes when nothing is left to cancel, ends the process at once.
* A signal that was being ignored (``nohup``, a background job of a script) stays ignored.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from contextlib import contextmanager
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any, TypeVar

from bakex.cli.stop import StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from types import FrameType

_T = TypeVar("_T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Runs a coroutine so that signals stop it in good order; made by `watched`."""

    def __init__(self, *, first: Callable[[], None], last: Callable[[], None]) -> None:
        self._first = first
        self._last = last
        self._caught = 0
        self._cancel: Callable[[], object] | None = None

    def run(self, main: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Run a coroutine in an event loop of its own and return its result.

        Raises:
            StoppedError: A signal came before it was done.
        """
        # Start-up does without. What it has made stays to the end of the process: no need to look
        # through it again and again for the little that a run leaves behind.
        gc.freeze()
        gc.enable()

        async def guarded() -> _T:
            loop, task = asyncio.get_running_loop(), asyncio.current_task()

            def cancel() -> None:
                self._first()
                if task is not None:
                    task.cancel()

            self._cancel = lambda: loop.call_soon_threadsafe(cancel)
            try:
                return await main()
            finally:
                self._cancel = None

        try:
            with asyncio.Runner() as runner:
                return runner.run(guarded())
        except (Exception, asyncio.CancelledError) as error:
            # Whatever a cancelled run fails with, it is the signal that ended it.
            if self._caught:
                raise StoppedError(self._caught) from error
            raise

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal; called by the interpreter, between any two instructions."""
        if self._caught or self._cancel is None:
            self._last()
            os._exit(128 + number)
        self._caught = number
        self._cancel()


def _nothing() -> None:
    return


@contextmanager
def watched(
    *, first: Callable[[], None] = _nothing, last: Callable[[], None] = _nothing
) -> Generator[Interrupts]:
    """Handle signals for the length of the block.

    Args:
        first: Called in the event loop when the first signal comes.
        last: Called in the signal handler before the process ends at once; must not block.
    """
    interrupts = Interrupts(first=first, last=last)
    previous: dict[signal.Signals, Any] = {}
    if current_thread() is main_thread():  # no other one can have handlers
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                previous[number] = signal.signal(number, interrupts.handle)
    try:
        yield interrupts
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
