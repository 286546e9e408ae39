"""Builders of several real daemons: shown, used, and used without the one that was killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bakex.nodes.drivers.mounts import unmount_below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Require
    from tests.engine.daemons.conftest import Dockerd, StartDockerd

BAKEX = Path(sys.executable).with_name("bakex")
BAKE = 'target "default" { platforms = ["linux/amd64", "linux/arm64"] }\n'
USER = """\
builders:
  farm:
    nodes:
      one: {endpoint: 'docker+ONE', platforms: [linux/amd64, linux/386], labels: {disk: ssd}}
      two: {endpoint: 'docker+TWO', max-jobs: 1}
"""


class Home:
    """A user's folder, in which the command is run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.project = path / "project"
        self.project.mkdir()
        (self.project / "docker-bake.hcl").write_text(BAKE)
        (self.project / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
        (self.project / ".dockerignore").write_text("bakex.yaml\n")

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [BAKEX, *arguments],
            cwd=self.project,
            env={"HOME": str(self.path), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--format", "json", code=code).stdout)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def doomed(start_dockerd: StartDockerd) -> Iterator[Dockerd]:
    """A daemon that the test kills; what it has mounted goes with it."""
    found = start_dockerd()
    yield found
    unmount_below(found.home)


def kill(daemon: Dockerd) -> None:
    """End a daemon as a machine that breaks down would, without a word."""
    with closing(socket.socket(socket.AF_UNIX)) as probe:
        probe.connect(str(daemon.socket))
        os.kill(int((daemon.socket.parent / "pid").read_text()), signal.SIGKILL)
        with suppress(ConnectionResetError):
            assert probe.recv(1) == b""  # its end closes the connection, too


def test_a_builder_made_by_commands(home: Home, dockerd: Dockerd) -> None:
    address = f"docker+{dockerd.address}"
    home.run("builder", "create", "farm", address, "--use")
    (node,) = home.json("node", "ls")["nodes"]
    assert node["status"] == "ready"
    assert node["version"].startswith("docker ")
    ways = {item["platform"]: item["runs"] for item in node["platforms"]}
    assert ways["linux/amd64"] == "native"
    assert ways["linux/arm64"] == "emulated"
    assert node["running"] == 0
    assert node["free"] > 0
    assert abs(node["skew"]) < 2
    home.run("node", "add", "farm", f"{address}", "--name", "again", "--platform", "linux/arm64")
    refused = home.run("bake", code=2).stderr
    assert "is named twice" in refused
    home.run("node", "rm", "farm", "again")
    home.run("bake", "--output", "type=cacheonly")
    usage = home.json("du")
    assert usage
    (node,) = home.json("node", "probe")["nodes"]
    assert node["cache"] == sum(record["size"] for record in usage)
    home.run("builder", "rm", "farm")
    assert not any(builder["inUse"] for builder in home.json("builder", "ls")["builders"])


def test_a_docker_context_is_a_builder(home: Home, dockerd: Dockerd, require: Require) -> None:
    subprocess.run(
        [require("docker"), "context", "create", "mine", "--docker", f"host={dockerd.address}"],
        env={"HOME": str(home.path), "PATH": os.environ["PATH"]},
        check=True,
        capture_output=True,
    )
    found = {builder["name"]: builder for builder in home.json("builder", "ls")["builders"]}
    assert found["mine"]["from"] == "docker"
    assert found["mine"]["nodes"] == [{"name": "mine", "endpoint": dockerd.address}]
    home.run("builder", "use", "mine")
    assert home.run("plan").stdout.splitlines()[1].split()[2] == "mine"
    assert "docker context" in home.run("builder", "rm", "mine", code=2).stderr


def test_a_node_that_was_killed_is_left_out(home: Home, dockerd: Dockerd, doomed: Dockerd) -> None:
    text = USER.replace("ONE", dockerd.address).replace("TWO", doomed.address)
    (home.project / "bakex.yaml").write_text(text)
    home.run("builder", "use", "farm")
    cells = {cell["platform"]: cell["node"] for cell in home.json("plan")["cells"]}
    assert cells == {"linux/amd64": "one", "linux/arm64": "two"}
    assert [node["status"] for node in home.json("node", "ls")["nodes"]] == ["ready", "ready"]
    kill(doomed)
    # What was looked at a moment ago is shown; a bake asks the nodes, whatever was shown.
    assert [node["status"] for node in home.json("node", "ls")["nodes"]] == ["ready", "ready"]
    done = home.run(
        "bake", "--progress", "plain", "--set", "*.platform=linux/amd64", "-o", "type=cacheonly"
    )
    assert "warning[BX3511]: the node two is left out: " in done.stderr
    assert "amd64 on one (native)" in done.stderr
    refused = home.run("bake", "-o", "type=cacheonly", code=4).stderr
    assert "BX3511" in refused
    assert "no node can build linux/arm64" in refused
    states = home.json("node", "probe", code=4)["nodes"]
    assert [state["status"] for state in states] == ["ready", "unusable"]


def test_when_no_node_answers(home: Home) -> None:
    (home.project / "bakex.yaml").write_text(
        USER.replace("ONE", "unix:///none/a").replace("TWO", "unix:///none/b")
    )
    refused = home.run("bake", "--builder", "farm", code=4).stderr
    assert "none of the 2 nodes can be used" in refused
    assert "one: unix:///none/a" in refused
    assert "two: unix:///none/b" in refused
