"""Caches and histories of real daemons, beside what buildx says about the same ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.engine.daemons.conftest import Dockerd, StartDockerd

BAKEX = Path(sys.executable).with_name("bakex")


@pytest.fixture(scope="module", params=["containerd store", "classic store"])
def daemon(request: pytest.FixtureRequest, start_dockerd: StartDockerd) -> Dockerd:
    """A daemon on which nothing else runs."""
    return start_dockerd(containerd_store=request.param == "containerd store")


class Command:
    def __init__(self, daemon: Dockerd, buildx: Path, home: Path) -> None:
        self.daemon, self.buildx, self.home = daemon, buildx, home
        self.environ = {"HOME": str(home), "PATH": os.environ["PATH"]}

    def bakex(self, *arguments: str | Path, code: int = 0) -> str:
        done = subprocess.run(
            [BAKEX, *arguments, "--builder", f"docker+{self.daemon.address}"],
            env=self.environ, cwd=self.home, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    def json(self, *arguments: str) -> Any:
        return json.loads(self.bakex(*arguments, "--format", "json"))

    def reference(self, *arguments: str) -> list[Any]:
        done = subprocess.run(
            [self.buildx, *arguments], capture_output=True, text=True, check=True,
            env={**self.environ, "DOCKER_HOST": self.daemon.address},
        )  # fmt: skip
        return [json.loads(line) for line in done.stdout.splitlines()]

    def build(self, *lines: str, code: int = 0) -> None:
        text = "\n".join(["FROM scratch", f"ENV X={os.urandom(8).hex()}", *lines])
        (self.home / "Dockerfile").write_text(text + "\n")
        (self.home / "file").write_bytes(os.urandom(10_000))
        (self.home / "docker-bake.hcl").write_text('target "default" { args = { A = "b" } }\n')
        self.bakex("bake", code=code)


@pytest.fixture
def command(daemon: Dockerd, reference_buildx: Path, tmp_path: Path) -> Command:
    return Command(daemon, reference_buildx, tmp_path)


def test_disk_usage_and_pruning(command: Command) -> None:
    command.build("COPY file /")
    ours = command.json("du")
    theirs = command.reference("du", "--format", "{{json .}}")
    assert {record["id"] for record in ours} == {record["ID"] for record in theirs}
    assert {record["kind"] for record in ours} >= {"regular", "source.local"}
    (layer,) = [r for r in ours if "COPY file" in r["description"]]
    assert layer["size"] >= 10_000
    assert [r["id"] for r in command.json("du", "--filter", "type=regular")] == [
        r["id"] for r in ours if r["kind"] == "regular"
    ]
    assert command.json("du", "--filter", f"id={layer['id']}") == [layer]
    shown = command.bakex("du")
    assert "total:" in shown
    assert "no terminal to ask on" in command.bakex("prune", code=2)
    assert command.json("prune", "--force", "--filter", "until=24h") == {"freed": 0, "removed": []}
    kept = command.json("prune", "--force", "--keep-storage", "1gb")
    assert kept["removed"] == []
    text = command.bakex("prune", "--force", "--filter", "type=source.local")
    assert "source for" in text
    assert not [r for r in command.json("du") if r["kind"] == "source.local"]
    removed = command.json("prune", "--force", "--all")
    assert layer["id"] in {r["id"] for r in removed["removed"]}
    assert removed["freed"] == sum(r["size"] for r in removed["removed"])
    assert command.bakex("du") == "nothing is in the cache\n"


def test_history(command: Command) -> None:
    command.build("COPY file /")
    command.build("COPY none /", code=1)
    ours = command.json("history", "ls")
    theirs = command.reference("history", "ls", "--format", "{{json .}}", "--no-trunc")
    assert [r["ref"] for r in ours] == [r["ref"].rpartition("/")[2] for r in theirs]
    failed, good = ours[0], ours[1]
    assert (failed["status"], good["status"]) == ("failed", "completed")
    assert "none" in failed["error"]
    assert good["frontend_attrs"]["build-arg:A"] == "b"
    listed = command.bakex("history", "ls")
    assert listed.splitlines()[1].startswith(failed["ref"])

    assert "COPY file /" in command.bakex("history", "logs", good["ref"])
    inspected = command.bakex("history", "inspect", good["ref"][:12])
    assert "status: completed" in inspected
    # The newest one; its trace may come a moment after its end.
    assert command.json("history", "inspect")["ref"] == failed["ref"]

    command.bakex("history", "export", good["ref"], "-o", command.home / "record.tar")
    with tarfile.open(command.home / "record.tar") as tar:
        index = json.load(tar.extractfile("index.json") or pytest.fail("no index"))
        digest = index["manifests"][0]["digest"].removeprefix("sha256:")
        manifest = json.load(tar.extractfile(f"blobs/sha256/{digest}") or pytest.fail("none"))
        config = manifest["config"]["digest"].removeprefix("sha256:")
        record = json.load(tar.extractfile(f"blobs/sha256/{config}") or pytest.fail("none"))
    assert record["ref"] == good["ref"]
    assert "logs" in {layer["annotations"]["bakex.role"] for layer in manifest["layers"]}

    assert command.bakex("history", "rm", good["ref"]) == good["ref"] + "\n"
    assert [r["ref"] for r in command.json("history", "ls")] == [
        r["ref"] for r in ours if r != good
    ]
    command.bakex("history", "rm", "--all")
    assert command.bakex("history", "ls") == "there are no builds\n"
    assert "there is no build" in command.bakex("history", "logs", good["ref"], code=2)
