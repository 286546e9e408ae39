"""The end of the process, without taking the interpreter apart.

Python frees every module and object before it ends, which the operating system does at once. What
has to run at the end does: threads that the process would wait for, functions that were registered
with `atexit` (among them temporary directories and the logs), and the streams are flushed.
"""

from __future__ import annotations

import atexit
import os
import sys

from bakex.cli.streams import settle


def end(code: int) -> None:
    """End the process with an exit code; returns where the interpreter has to do that.

    That is when it is watched (debuggers, profilers, measurements of coverage, development mode),
    when it goes on afterwards (``python -i``), when threads are still at work, and when it has no
    function for what comes last.
    """
    run_last = getattr(atexit, "_run_exitfuncs", None)
    if run_last is None or _watched() or _threads():
        return
    run_last()
    settle()
    os._exit(code)


def _watched() -> bool:
    flags = sys.flags
    return bool(
        sys.gettrace()
        or sys.getprofile()
        or flags.dev_mode
        or flags.inspect
        or "coverage" in sys.modules
    )


def _threads() -> bool:
    """Return whether threads are left that the interpreter would wait for."""
    threading = sys.modules.get("threading")  # without it there are none
    if threading is None:
        return False
    main = threading.main_thread()
    return any(one is not main and not one.daemon for one in threading.enumerate())
