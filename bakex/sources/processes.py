"""Programs that are run to their end within limits, and leave nothing running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import IO

_OUTPUT = 64 * 1024 * 1024  # bytes that a program may write to each of its two outputs
_TICK = 0.2  # seconds between two looks at what a program has used
_FIRST_TICK = 0.01


class ProcessLimitError(Exception):
    """A program was ended because it took too much of something; the text says of what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a program that came to its end has said.

    Attributes:
        code: Exit code; negative if a signal ended it.
        output: What it wrote to standard output.
        errors: What it wrote to standard error.
    """

    code: int
    output: bytes
    errors: bytes


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    deadline: float,
    check: Callable[[], None],
) -> Ended:
    """Run a program without a terminal and without input, in a process group of its own.

    Args:
        argv: The program and its arguments.
        cwd: Where it runs.
        environ: All of its environment.
        deadline: When it must have ended, by `time.monotonic`.
        check: Called now and then; ends the program by raising `ProcessLimitError`.

    Raises:
        ProcessLimitError: It ran or wrote too long, or `check` says so.
        OSError: It cannot be started.

    Whatever is raised, `KeyboardInterrupt` included, the program and its children are dead then.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            _wait(process, deadline, check, (output, errors))
        except BaseException:
            _kill(process)
            raise
        return Ended(code=process.returncode, output=_content(output), errors=_content(errors))


def _wait(
    process: subprocess.Popen[bytes],
    deadline: float,
    check: Callable[[], None],
    outputs: Sequence[IO[bytes]],
) -> None:
    tick = _FIRST_TICK
    while True:
        try:
            process.wait(tick)
        except subprocess.TimeoutExpired:
            tick = min(tick * 2, _TICK)
        else:
            return
        if time.monotonic() > deadline:
            raise ProcessLimitError("it takes too long")
        if any(os.fstat(output.fileno()).st_size > _OUTPUT for output in outputs):
            raise ProcessLimitError("it writes too much")
        check()


def _kill(process: subprocess.Popen[bytes]) -> None:
    # The group has the id of its first process, which is not reaped before this.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _content(output: IO[bytes]) -> bytes:
    output.seek(0)
    return output.read(_OUTPUT)
