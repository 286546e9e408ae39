"""Measures what a second node is good for: eight targets that need a processor each.

Two real daemons, each pinned to a processor of its own; against the same bake on one of them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bench.conftest import programs
from tests.bench.test_ratios import TABLES
from tests.engine.daemons.conftest import start_dockerd

if TYPE_CHECKING:
    from tests.engine.daemons.conftest import Dockerd, StartDockerd

    Row = tuple[str, ...]

pytestmark = pytest.mark.bench
__all__ = ("start_dockerd",)

RUNS = 2
BAKE = """\
target "default" {
  name = "t${n}"
  matrix = { n = ["0", "1", "2", "3", "4", "5", "6", "7"] }
  args = { N = n }
  output = ["type=cacheonly"]
  network = "none"
  no-cache = true
}
"""
DOCKERFILE = """\
FROM scratch
COPY busybox /bin/sh
ARG N
RUN i=0; while [ $i -lt 600000 ]; do i=$((i+1)); done; echo $N
"""


def pin(daemon: Dockerd, processor: int) -> None:
    """Let a daemon, and whatever it starts from now on, run on one processor."""
    first = int((daemon.socket.parent / "pid").read_text())
    for process in [first, *_children(first)]:
        for thread in Path(f"/proc/{process}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {processor})


def _children(process: int) -> list[int]:
    listed = Path("/proc").glob(f"{process}/task/*/children")
    return [int(word) for file in listed for word in file.read_text().split()]


def test_two_nodes(start_dockerd: StartDockerd, rows: list[Row], tmp_path: Path) -> None:
    processors = sorted(os.sched_getaffinity(0))[:2]
    if len(processors) < 2:
        pytest.skip("needs two processors")
    daemons = [start_dockerd() for _ in processors]
    for daemon, processor in zip(daemons, processors, strict=True):
        pin(daemon, processor)
    (tmp_path / "docker-bake.hcl").write_text(BAKE)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    shutil.copy("/bin/busybox", tmp_path / "busybox")

    def took_s(count: int) -> float:
        # Where things were built the last time is not to matter.
        home = tmp_path / f"home-{len(list(tmp_path.glob('home-*')))}"
        home.mkdir()
        builder = ",".join(f"docker+{daemon.address}" for daemon in daemons[:count])
        begun = time.monotonic()
        subprocess.run(
            [programs()["bakex"], "bake", "--progress", "quiet", "--builder", builder],
            cwd=tmp_path,
            env={"HOME": str(home), "PATH": os.environ["PATH"]},
            check=True,
        )
        return time.monotonic() - begun

    pairs = [(took_s(1), took_s(2)) for _ in range(RUNS)]
    one, two = (min(column) for column in zip(*pairs, strict=True))
    ratio, budget = two / one, TABLES["sharing"]["budget"]
    verdict = "OVER" if ratio > budget else "ok"
    rows.append(
        ("8 targets on two nodes", f"{two:.1f} s", f"{one:.1f} s one node", f"{ratio:.2f}",
         f"{budget:.2f}", verdict)
    )  # fmt: skip
    assert ratio <= budget
