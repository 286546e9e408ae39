"""Measures what a second node is good for: eight targets that need a processor each.

Two real daemons, each pinned to a processor of its own; against buildx with the same two nodes,
which gives everything to the first one, or, without buildx, against bakex with one of them.

Twice: when nothing is known of the targets, and when all of them were built on the first node
before and have changed since.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest

from tests.bench.conftest import BUILDX, programs
from tests.bench.test_ratios import TABLES
from tests.conftest import PREFIX
from tests.engine.daemons.bare import bare
from tests.engine.daemons.conftest import start_dockerd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.engine.daemons.conftest import Dockerd, StartDockerd

    Row = tuple[str, ...]

pytestmark = pytest.mark.bench
__all__ = ("start_dockerd",)

RUNS = 3
BAKE = """\
variable "CHANGE" { default = "" }
target "default" {
  name = "t${n}"
  matrix = { n = ["0", "1", "2", "3", "4", "5", "6", "7"] }
  args = { N = n, CHANGE = CHANGE }
  output = ["type=cacheonly"]
  network = "none"
}
"""
DOCKERFILE = """\
FROM scratch
COPY busybox /bin/sh
ARG N CHANGE
RUN i=0; while [ $i -lt 900000 ]; do i=$((i+1)); done; echo $N $CHANGE
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


def buildx_program() -> str:
    """Return buildx: that of the machine, or of the provisioning script; empty if there is none."""
    plugins = PREFIX / "usr/libexec/docker/cli-plugins"
    return BUILDX or shutil.which("docker-buildx", path=str(plugins)) or ""


@dataclass(kw_only=True)
class Farm:
    """Two daemons with a processor each, and the ways to have something built there."""

    folder: Path
    daemons: Sequence[Dockerd]
    buildx: str
    changes: Iterator[int] = field(default_factory=itertools.count)

    def bakex_s(self, count: int, home: Path) -> float:
        """Return how long bakex takes for all targets with the first nodes."""
        builder = ",".join(f"docker+{daemon.address}" for daemon in self.daemons[:count])
        argv = [programs()["bakex"], "bake", "--progress", "quiet", "--builder", builder]
        return self._took_s(argv, home)

    def baseline_s(self, home: Path) -> float:
        """Return how long buildx takes with both nodes; bakex with one, where it is missing."""
        if not self.buildx:
            return self.bakex_s(1, home)
        return self._took_s([self.buildx, "bake", "--builder", "both", "--progress", "quiet"], home)

    def _took_s(self, argv: Sequence[str], home: Path) -> float:
        environ = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "BUILDX_CONFIG": str(self.folder / "buildx"),
            "CHANGE": str(next(self.changes)),
        }
        begun = time.monotonic()
        done = subprocess.run(
            argv, cwd=self.folder, env=environ, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return time.monotonic() - begun

    def home(self) -> Path:
        """Return a home directory where nothing is known of former runs."""
        made = self.folder / f"home-{next(self.changes)}"
        made.mkdir()
        return made


@pytest.fixture(scope="module")
def farm(start_dockerd: StartDockerd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    processors = sorted(os.sched_getaffinity(0))[:2]
    if len(processors) < 2:
        pytest.skip("needs two processors")
    folder = tmp_path_factory.mktemp("sharing")
    (folder / "docker-bake.hcl").write_text(BAKE)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    shutil.copy("/bin/busybox", folder / "busybox")
    daemons = [start_dockerd() for _ in processors]
    for daemon, processor in zip(daemons, processors, strict=True):
        pin(daemon, processor)
    with ExitStack() as stack:
        made = Farm(folder=folder, daemons=daemons, buildx=buildx_program())
        for number, daemon in enumerate(daemons) if made.buildx else ():
            path = daemon.socket.parent / "buildkit.sock"
            stack.enter_context(bare(daemon.socket, path))
            subprocess.run(
                [
                    *(made.buildx, "create", "--name", "both", "--driver", "remote"),
                    *("--append",) * bool(number),
                    f"unix://{path}",
                ],
                env={"HOME": str(folder), "BUILDX_CONFIG": str(folder / "buildx")},
                check=True,
                capture_output=True,
            )
        yield made


@pytest.mark.parametrize("known", [False, True], ids=["unknown", "known"])
def test_two_nodes(farm: Farm, rows: list[Row], *, known: bool) -> None:
    pairs: list[tuple[float, float]] = []
    for _ in range(RUNS):
        home = farm.home()
        if known:
            farm.bakex_s(1, home)
        pairs.append((farm.bakex_s(2, home), farm.baseline_s(farm.home())))
    two, one = (median(column) for column in zip(*pairs, strict=True))
    ratio, budget = two / one, TABLES["sharing"]["budget"]
    verdict = "OVER" if ratio > budget else "ok"
    what = "8 targets on two nodes" + ", built on one before" * known
    against = "buildx with both" if farm.buildx else "one node"
    rows.append(
        (what, f"{two:.1f} s", f"{one:.1f} s {against}", f"{ratio:.2f}", f"{budget:.2f}", verdict)
    )
    assert ratio <= budget, pairs
