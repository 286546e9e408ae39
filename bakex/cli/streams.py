"""Standard output and standard error of the command, and what happens when nobody reads them.

* Standard output is what a command is for: failing to write it is a failure, and a reader that went
  away ends the command like SIGPIPE would.
* Standard error accompanies: a command does its work whether or not anybody reads along.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO


def prepare() -> None:
    """Give the process the streams that it was started without (``>&-``); they lead nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8"))


def put(text: str) -> None:
    """Write to standard output.

    Raises:
        OutputError: It cannot be written, for example because a disk is full.
        BrokenPipeError: Nobody reads it any more.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        from bakex.errors import OutputError  # noqa: PLC0415 - start-up budget of --version

        drop(sys.stdout)
        raise OutputError(
            "cannot write to standard output", detail=f"{error.strerror or error}."
        ) from error


def say(text: str) -> None:
    """Write a line to standard error, if anybody reads it."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def settle() -> None:
    """Flush what is left, so that the interpreter has no reason to complain when it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            drop(stream)


def drop(stream: TextIO) -> None:
    """Send the rest of a stream nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
