"""Measures what the client takes for 200 cells: memory, and CPU time for each one.

The daemons are fakes that speak the wire for real and answer at once, so that nothing is measured
but the client: reading, planning, sessions, contexts, events, and the report.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex._pb import bk_pb2 as pb
from bakex.testing.buildkitd import FakeBuildkitd
from tests.bench.conftest import programs
from tests.bench.test_ratios import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.testing.buildkitd import Build

    Row = tuple[str, ...]

pytestmark = pytest.mark.bench

# In a process of its own: a child starts with the peak memory of the one that it is forked from.
MEASURE = """\
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
assert status == 0
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""


async def build(build: Build) -> Mapping[str, str]:
    """Report ten steps, as a small Dockerfile has them."""
    for number in range(10):
        name = f"[{number}/10] RUN step {number} of {build.request.ref}"
        vertex = pb.Vertex(digest=f"sha256:{build.request.ref}{number}", name=name)
        vertex.started.GetCurrentTime()
        build.emit(pb.StatusResponse(vertexes=[vertex]))
        vertex.completed.GetCurrentTime()
        build.emit(pb.StatusResponse(vertexes=[vertex]))
    return {}


async def measured(folder: Path, cells: int) -> tuple[float, float]:
    """Return the seconds of CPU and the MiB that a bake takes."""
    names = ", ".join(f'"{number}"' for number in range(cells // 2))
    (folder / "docker-bake.hcl").write_text(
        'target "default" {\n'
        '  name = "t${n}"\n'
        f"  matrix = {{ n = [{names}] }}\n"
        '  platforms = ["linux/amd64", "linux/arm64"]\n'
        '  output = ["type=cacheonly"]\n}\n'
    )
    (folder / "Dockerfile").write_text("FROM scratch\n")
    argv = [programs()["bakex"], "bake", "--progress", "plain"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", MEASURE, *argv),
        *("--builder", ",".join(f"unix://{folder}/{number}.sock" for number in range(4))),
        cwd=folder,
        env={"HOME": str(folder), "PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    seconds, kibibytes = printed.split()[-2:]
    return float(seconds), int(kibibytes) / 1024


async def test_two_hundred_cells(rows: list[Row]) -> None:
    case = TABLES["client"]
    # The paths of sockets are short; pytest's folders are not.
    with tempfile.TemporaryDirectory(prefix="bakex-t-") as name:
        async with AsyncExitStack() as stack:
            for number in range(4):
                fake = FakeBuildkitd(Path(name) / f"{number}.sock")
                fake.script = build
                await stack.enter_async_context(fake)
            start_s, _ = await measured(Path(name), 2)
            seconds, memory = await measured(Path(name), case["cells"])
    each_ms = 1000 * (seconds - start_s) / case["cells"]
    verdict = "OVER" if each_ms > case["cpu_ms"] or memory > case["memory_mb"] else "ok"
    rows.append(
        (f"client, {case['cells']} cells on 4 fake daemons", f"{each_ms:.1f} ms each",
         f"{memory:.0f} MB", "", f"{case['cpu_ms']:g} ms, {case['memory_mb']} MB", verdict)
    )  # fmt: skip
    assert each_ms <= case["cpu_ms"]
    assert memory <= case["memory_mb"]
