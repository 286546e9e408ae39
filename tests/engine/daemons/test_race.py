"""Two real daemons build one cell at once: the first to finish counts, the other one is stopped.

No machine of another kind is at hand: which of the two emulates is declared. The one that is said
to be native has the result in its cache, so it is faster.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.events import RaceEnded
from bakex.model.node import NodeName, Speed
from bakex.model.plan import Plan
from bakex.model.running import RunPolicy
from bakex.run.executor import execute
from bakex.run.work import Work
from bakex.testing.fakes import EventRecorder
from tests.engine.daemons.conftest import cell_of

if TYPE_CHECKING:
    from tests.engine.daemons.conftest import Connect, Dockerd, StartDockerd

PACE = 30.0  # seconds that pass in one: nobody has to wait until a build takes long
DOCKERFILE = """\
FROM scratch
COPY busybox /busybox
RUN ["/busybox", "sleep", "SECONDS"]
"""


class Quick:
    """A clock that runs fast."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.monotonic(), UTC)

    def monotonic(self) -> float:
        return time.monotonic() * PACE

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / PACE)


def sleeps(word: str) -> bool:
    """Return whether a program sleeps for so long."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in entry.read_bytes().split(b"\0"):
                return True
        except OSError:
            continue
    return False


async def test_the_native_one_is_first(
    dockerd: Dockerd, start_dockerd: StartDockerd, connect: Connect, tmp_path: Path
) -> None:
    seconds = f"{15 + os.getpid() / 1e7:.7f}"
    (tmp_path / "Dockerfile").write_text(DOCKERFILE.replace("SECONDS", seconds))
    shutil.copy("/bin/busybox", tmp_path / "busybox")
    one = await connect(f"docker+{dockerd.address}")
    two = await connect(f"docker+{start_dockerd().address}")
    there = cell_of(two, tmp_path, network="none")
    await two.engine.build(there, [], {}, EventRecorder())
    assert not sleeps(seconds)

    names = NodeName("emulates"), NodeName("native")
    cell = replace(
        there, node=names[0], speed=Speed.EMULATED, alternatives=((names[1], Speed.NATIVE),)
    )
    events = EventRecorder()
    done = await execute(
        Plan(cells=(cell,), requested=("app",)),
        dict(zip(names, (one.engine, two.engine), strict=True)),
        Work(exports=lambda _: (), link=lambda result: result),  # type: ignore[arg-type, return-value]
        events,
        Quick(),
        RunPolicy(speculate=True),
    )
    (ended,) = events.of(RaceEnded)
    assert isinstance(ended, RaceEnded)
    assert (ended.node, ended.left, ended.reason) == (*names, "native was done first")
    built = done.built[cell.id]
    assert (built.node, built.speed, built.attempts) == (names[1], Speed.NATIVE, 2)
    deadline = time.monotonic() + 10
    while sleeps(seconds):
        assert time.monotonic() < deadline, "the step goes on"
        await asyncio.sleep(0.05)
