"""Ctrl-C at any moment: each node is told at once, and nothing is left."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from bakex.api.outcome import read
from bakex.testing.buildkitd import FakeBuildkitd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from bakex.testing.buildkitd import Build

BAKEX = Path(sys.executable).with_name("bakex")
MOMENTS = 50
BAKE = """\
target "each" {
  name      = n
  matrix    = { n = ["a", "b", "c"] }
  platforms = ["linux/amd64", "linux/arm64"]
  output    = ["type=oci,dest=${n}.tar"]
}
group "default" { targets = ["a", "b", "c"] }
"""
TOLD_S = 1.0  # from the signal until the last node knows; milliseconds where nothing else runs
MOST_S = 10.0  # for a command that takes a second on a machine that has nothing else to do


class Nodes:
    """Two daemons whose builds take until they are cancelled, and what those were when they were.

    Attributes:
        held: For each cancelled build, whether its session was still there.
        ended: When builds were cancelled.
    """

    def __init__(self, folder: Path) -> None:
        self.daemons = [FakeBuildkitd(folder / f"{name}.sock") for name in "ab"]
        self.held: list[bool] = []
        self.ended: list[float] = []
        for daemon in self.daemons:
            daemon.script = self._build

    async def _build(self, build: Build) -> Mapping[str, str]:
        try:
            await asyncio.Event().wait()
        finally:
            self.held.append(build.session is not None and not build.session.ended.is_set())
            self.ended.append(time.monotonic())
        return {}

    @property
    def address(self) -> str:
        return ",".join(f"unix://{daemon.path}" for daemon in self.daemons)

    @property
    def builds(self) -> list[Build]:
        return [build for daemon in self.daemons for build in daemon.builds]


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="bakex-t-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def nodes(sockets: Path) -> AsyncIterator[Nodes]:
    found = Nodes(sockets)
    async with AsyncExitStack() as stack:
        for daemon in found.daemons:
            await stack.enter_async_context(daemon)
        yield found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "docker-bake.hcl").write_text(BAKE)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    return folder


async def start(project: Path, nodes: Nodes) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(BAKEX, "bake", "--builder", nodes.address, "--progress", "plain"),
        *("--result", "result.json"),
        cwd=project,
        env={"HOME": str(project.parent), "PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )


async def interrupt(process: asyncio.subprocess.Process) -> tuple[str, float]:
    """Send the signal; return what was said, and when it was sent."""
    sent = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    async with asyncio.timeout(MOST_S):
        said, _ = await process.communicate()
    return said.decode(), sent


def check(project: Path, nodes: Nodes, process: asyncio.subprocess.Process, said: str) -> None:
    assert "Traceback" not in said
    assert all(build.cancelled for build in nodes.builds)
    # It was the call that was cancelled: builds did not end because the connection had.
    assert all(nodes.held)
    assert len(nodes.held) == len(nodes.builds)
    assert not any(daemon.sessions for daemon in nodes.daemons)
    names = {path.name for path in project.iterdir()} - {"docker-bake.hcl", "Dockerfile"}
    assert names <= {"result.json"}
    if names:
        outcome = read(project / "result.json")
        # A signal that comes before anything can be cancelled ends the command where it stands.
        assert outcome.state in ({"cancelled"} if nodes.builds else {"cancelled", "running"}), said
        assert {str(cell.state) for cell in outcome.cells} <= {"cancelled"}
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


async def test_all_nodes_are_told_while_they_build(project: Path, nodes: Nodes) -> None:
    process = await start(project, nodes)
    async with asyncio.timeout(MOST_S):
        while len(nodes.builds) < 6:  # noqa: ASYNC110 - the fakes have no event for this
            await asyncio.sleep(0.01)
    assert all(daemon.builds for daemon in nodes.daemons)
    said, sent = await interrupt(process)
    assert process.returncode == 130, said
    check(project, nodes, process, said)
    assert (project / "result.json").exists()
    assert max(nodes.ended) - sent < TOLD_S


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(MOMENTS))
async def test_at_any_moment(project: Path, nodes: Nodes, moment: int) -> None:
    process = await start(project, nodes)
    await asyncio.sleep(Random(moment).uniform(0, 1.5))
    said, _ = await interrupt(process)
    if process.returncode == -signal.SIGINT:  # Python was still loading the program
        assert not nodes.builds
        assert not (project / "result.json").exists()
        return
    assert process.returncode == 130, said
    check(project, nodes, process, said)
