"""Daemons that end or fall silent in mid-build: the cells move, and the user is told."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bakex.nodes.drivers.mounts import unmount_below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.daemons.conftest import Dockerd, StartDockerd

BAKEX = Path(sys.executable).with_name("bakex")
BAKE = """\
target "default" {
  platforms = ["linux/amd64", "linux/arm64"]
  output = ["type=oci,dest=out.tar"]
  network = "none"
}
"""
# The program is the machine's own; whoever runs it does not look at the platform.
DOCKERFILE = """\
FROM scratch
ARG TARGETARCH NAME
COPY busybox-$TARGETARCH /busybox
RUN ["/busybox", "sh", "-c", "/busybox sleep SECONDS; echo built on $TARGETARCH"]
"""
# `x86` and `arm-2` are one daemon under two names, so that two are enough.
BUILDERS = """\
builders:
  farm:
    nodes:
      x86: {endpoint: 'docker+LEFT', platforms: [linux/amd64]}
      arm-1: {endpoint: 'docker+DOOMED', platforms: [linux/arm64]}
      arm-2: {endpoint: 'docker+unix://LINK', platforms: [linux/arm64]}
  alone:
    nodes:
      arm-1: {endpoint: 'docker+DOOMED', platforms: [linux/arm64, linux/amd64]}
"""


class Bake:
    """A bake that runs, and what it has said so far."""

    def __init__(self, project: Path, *arguments: str) -> None:
        self.project = project
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [BAKEX, "bake", "--progress", "plain", "--metadata-file", "metadata.json", *arguments],
            cwd=project,
            env={"HOME": str(project.parent), "PATH": os.environ["PATH"]},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def until(self, pattern: str) -> None:
        """Read on until a line matches."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.lines.append(line)
            if re.search(pattern, line):
                return
        raise AssertionError(f"{pattern!r} was never said:\n{self.text}")

    def end(self) -> int:
        assert self._process.stderr is not None
        self.lines.extend(self._process.stderr)
        return self._process.wait()

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def platforms(self) -> dict[str, Any]:
        found = json.loads((self.project / "metadata.json").read_bytes())
        return {one["platform"]: one for one in found["default"]["bakex.platforms"]}


@pytest.fixture
def doomed(start_dockerd: StartDockerd) -> Iterator[Dockerd]:
    """A daemon that the test ends; what it has mounted goes with it."""
    found = start_dockerd()
    yield found
    unmount_below(found.home)


@pytest.fixture
def project(tmp_path: Path, dockerd: Dockerd, doomed: Dockerd) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "docker-bake.hcl").write_text(BAKE)
    link = dockerd.socket.parent / "again.sock"
    if not link.is_symlink():
        link.symlink_to(dockerd.socket)
    text = BUILDERS.replace("LEFT", dockerd.address).replace("DOOMED", doomed.address)
    text = text.replace("LINK", str(link))
    (folder / "bakex.yaml").write_text(text)
    (folder / ".dockerignore").write_text("*\n!busybox-*\n")
    for name in ("amd64", "arm64"):
        shutil.copy("/bin/busybox", folder / f"busybox-{name}")
    write(folder, 3)
    return folder


def write(folder: Path, seconds: int) -> None:
    text = DOCKERFILE.replace("SECONDS", str(seconds))
    (folder / "Dockerfile").write_text(f"{text}LABEL of={os.urandom(8).hex()}\n")


@contextmanager
def baking(project: Path, *arguments: str) -> Iterator[Bake]:
    bake = Bake(project, *arguments)
    try:
        yield bake
    finally:
        bake.stop()


def pid(daemon: Dockerd) -> int:
    return int((daemon.socket.parent / "pid").read_text())


RUNNING = r"\[(default )?linux/arm64 .*RUN"


def test_a_daemon_that_is_killed_in_mid_build(project: Path, doomed: Dockerd) -> None:
    with baking(project, "--builder", "farm") as bake:
        bake.until(RUNNING)
        os.kill(pid(doomed), signal.SIGKILL)
        code = bake.end()
    assert code == 0, bake.text
    assert "node arm-1 is lost: " in bake.text
    (told,) = [
        line for line in bake.lines if line.startswith("  linux/arm64 on arm-2, attempt 2 (")
    ]
    assert re.fullmatch(r"  linux/arm64 on arm-2, attempt 2 \(arm-1: lost: .+\)\n", told)
    first, second = bake.platforms["linux/arm64"]["attempts"]
    assert first["node"] == "arm-1"
    assert first["reason"].startswith("lost: ")
    assert second == {"node": "arm-2"}
    # The other platform was built once, and nothing of it again.
    assert bake.platforms["linux/amd64"]["attempts"] == [{"node": "x86"}]
    assert len(re.findall(r"^#\d+ [\d.]+ built on amd64$", bake.text, re.MULTILINE)) == 1
    assert len(re.findall(r"\[(default )?linux/amd64 .*RUN", bake.text)) == 1
    assert (project / "out.tar").exists()


def test_a_daemon_that_hangs_in_mid_build(project: Path, doomed: Dockerd) -> None:
    write(project, 2)
    with baking(project, "--builder", "farm") as bake:
        bake.until(RUNNING)
        os.kill(pid(doomed), signal.SIGSTOP)
        begun = time.monotonic()
        try:
            bake.until("node arm-1 is lost: no answer for 5 s")
            noticed_s = time.monotonic() - begun
            code = bake.end()
        finally:
            os.kill(pid(doomed), signal.SIGCONT)
    assert code == 0, bake.text
    assert noticed_s < 30
    assert bake.platforms["linux/arm64"]["node"] == "arm-2"


def test_when_all_daemons_are_lost(project: Path, doomed: Dockerd) -> None:
    write(project, 60)
    with baking(project, "--builder", "alone", "--result", "result.json") as bake:
        bake.until(RUNNING)
        os.kill(pid(doomed), signal.SIGKILL)
        code = bake.end()
    assert code == 4, bake.text
    assert re.search(r"no node is left that builds linux/(arm|amd)64", bake.text)
    assert "arm-1 was lost: " in bake.text
    assert not (project / "out.tar").exists()
    record = json.loads((project / "result.json").read_bytes())
    assert (record["kind"], record["state"]) == ("bakex.result", "failed")
    assert (record["requested"], record["publications"]) == (["default"], [])
    cells = {cell["platform"]: cell for cell in record["cells"]}
    assert cells.keys() == {"linux/amd64", "linux/arm64"}
    # The first one that is given up ends the run.
    assert sorted(cell["state"] for cell in cells.values()) == ["cancelled", "failed"]
    for cell in cells.values():
        assert [attempt["node"] for attempt in cell["attempts"]] == ["arm-1"]
        assert (cell["pushed"], cell["complete"]) == ([], False)
    (failed,) = [cell for cell in cells.values() if cell["state"] == "failed"]
    assert "no node is left that builds" in failed["error"]
    assert failed["attempts"][0]["reason"].startswith("lost: ")


PAIR = """\
builders:
  pair:
    nodes:
      arm-1: {endpoint: 'docker+DOOMED', platforms: [linux/arm64], max-jobs: 1}
      arm-2: {endpoint: 'docker+LEFT', platforms: [linux/arm64], max-jobs: 1}
"""
TWO = """\
group "default" { targets = ["one", "two"] }
target "each" {
  name      = n
  matrix    = { n = ["one", "two"] }
  platforms = ["linux/arm64"]
  output    = ["type=oci,dest=${n}.tar"]
  network   = "none"
  args      = { NAME = n }
}
"""


@contextmanager
def killed_and_started(daemon: Dockerd) -> Iterator[None]:
    """Kill a daemon, and start it again as it was, at the same socket."""
    number = pid(daemon)
    words, variables = (
        Path(f"/proc/{number}/{name}").read_bytes().split(b"\0")[:-1]
        for name in ("cmdline", "environ")
    )
    os.kill(number, signal.SIGKILL)
    (daemon.socket.parent / "pid").unlink()
    with (daemon.home / "log").open("ab") as log:
        process = subprocess.Popen(
            words,
            env=dict(item.split(b"=", 1) for item in variables),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def test_a_daemon_that_is_started_again_takes_part_again(
    project: Path, dockerd: Dockerd, doomed: Dockerd
) -> None:
    text = PAIR.replace("LEFT", dockerd.address).replace("DOOMED", doomed.address)
    (project / "bakex.yaml").write_text(text)
    (project / "docker-bake.hcl").write_text(TWO)
    write(project, 20)
    with baking(project, "--builder", "pair", "--result", "result.json") as bake:
        for _ in range(2):
            bake.until(r"\[(one|two) linux/arm64 .*RUN")
        with killed_and_started(doomed):
            bake.until("node arm-1 is lost: ")
            bake.until("node arm-1 is back")
            code = bake.end()
    assert code == 0, bake.text
    cells = json.loads((project / "result.json").read_bytes())["cells"]
    tried = sorted([one["node"] for one in cell["attempts"]] for cell in cells)
    # What it had lost waited for the other one, which was busy.
    assert tried == [["arm-1", "arm-1"], ["arm-2"]]
