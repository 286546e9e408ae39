"""Contexts and exports against docker's buildx, on one daemon: seconds on the wall, and memory.

CPU time would not do here: the daemon does most of the work, and what counts is how long it is kept
waiting. The two take turns, and the median counts, because the daemon's disk has its moods.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex.model.node import Wire
from tests.bench.conftest import BUILDX

if TYPE_CHECKING:
    from tests.conftest import TestEngine

pytestmark = pytest.mark.bench

MiB = 1 << 20
RUNS = 5
MEMORY = 100  # MiB of the client at most
# In a process of its own: a child starts with the peak memory of the one that it is forked from.
MEASURE = """\
import os, sys, time
start = time.monotonic()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ,
                       file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
_, status, usage = os.wait4(child, 0)
assert status == 0
print(time.monotonic() - start, usage.ru_maxrss)
"""
BAKE = """\
target "send" {
  dockerfile-inline = "FROM scratch\\nCOPY . /\\n"
  output = ["type=cacheonly"]
}
target "receive" {
  inherits = ["send"]
  output = ["type=local,dest=../out"]
}
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A context, what is done with it, and how much slower than buildx that may be."""

    name: str
    files: int
    size: int
    target: str
    budget: float


CASES = [
    Case(name="send 20000 files", files=20_000, size=4000, target="send", budget=1.0),
    Case(name="send 500 MB", files=1, size=500 * MiB, target="send", budget=1.3),
    Case(name="receive 20000 files", files=20_000, size=4000, target="receive", budget=1.0),
]


class Client:
    """A bake command on the daemon."""

    def __init__(self, engine: TestEngine, *argv: str) -> None:
        self._argv = [*argv, "bake", "--progress", "quiet", "--allow", "fs=*"]
        self._env = {**engine.environment, "DOCKER_HOST": engine.endpoint.address}

    def __call__(self, target: str, cwd: Path) -> tuple[float, float]:
        """Run it and return seconds and MiB."""
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", MEASURE, *self._argv, target],
            cwd=cwd,
            env=self._env,
            stdout=subprocess.PIPE,
            check=True,
        )
        seconds, kibibytes = done.stdout.split()
        return float(seconds), int(kibibytes) / 1024


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_transfers(
    case: Case, engine: TestEngine, rows: list[tuple[str, ...]], tmp_path: Path
) -> None:
    if BUILDX is None or engine.endpoint.wire is not Wire.DOCKER:
        pytest.skip("needs docker-buildx, and a dockerd for it to use")
    context = tmp_path / "context"
    for number in range(case.files):
        file = context / f"{number % 100}" / f"{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(case.size))
    (context / "docker-bake.hcl").write_text(BAKE)
    ours = Client(engine, str(Path(sys.executable).with_name("bakex")))
    theirs = Client(engine, BUILDX)
    found: list[tuple[float, float]] = []
    memory = 0.0
    for _ in range(RUNS):
        pair: list[float] = []
        for client in (ours, theirs):
            shutil.rmtree(tmp_path / "out", ignore_errors=True)
            if case.target == "send":
                # Under another name the daemon takes it for new.
                context = context.rename(tmp_path / f"context-{len(found)}-{len(pair)}")
                (context / "new").write_bytes(os.urandom(16))
            seconds, used = client(case.target, context)
            pair.append(seconds)
            memory = max(memory, used) if client is ours else memory
        found.append((pair[0], pair[1]))
    subject, baseline = (statistics.median(column) for column in zip(*found, strict=True))
    ratio = subject / baseline
    verdict = "OVER" if ratio > case.budget or memory > MEMORY else "ok"
    rows.append(
        (f"{case.name}, {memory:.0f} MiB", f"{subject:.2f} s", f"{baseline:.2f} s buildx",
         f"{ratio:.2f}", f"{case.budget:.2f}", verdict)
    )  # fmt: skip
    assert memory <= MEMORY
    assert ratio <= case.budget
