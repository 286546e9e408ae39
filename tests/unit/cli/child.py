"""The real command with a stand-in behind it: python child.py SCENARIO ARGUMENT..."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.cli.main import entry
from bakex.run.clock import SystemClock
from tests.unit.cli.conftest import FakeBackend, forever, nothing, paced, stubborn

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakex.events import Event


async def chatty(emit: Callable[[Event], None]) -> None:
    """Write to a standard output that nobody reads."""
    for _ in range(100_000):
        sys.stdout.write("x" * 1000 + "\n")


if __name__ == "__main__":
    signal.alarm(100)  # whatever a test forgets, this process does not stay
    scenario, *arguments = sys.argv[1:]
    body = {
        "chatty": chatty,
        "forever": forever,
        "nothing": nothing,
        "paced": paced,
        "stubborn": stubborn,
    }
    backend = FakeBackend(
        environ=dict(os.environ), cwd=Path.cwd(), body=body[scenario], time=SystemClock()
    )
    sys.exit(entry(arguments, backend=backend))
