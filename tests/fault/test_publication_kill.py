"""A publication that is killed leaves the old tags, or something that a second try completes."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex.testing.registry import FakeRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator

KILLS = 100
TAGS = [f"{name}:{tag}" for name in ("app", "db") for tag in ("1.0.0", "1", "latest")]
BAKE = """
variable "HOST" {}
target "app" {
  name = name
  matrix = { name = ["app", "db"] }
  platforms = ["linux/amd64", "linux/arm64"]
  tags = [for tag in ["1.0.0", "1", "latest"]: "${HOST}/${name}:${tag}"]
  output = ["type=registry"]
}
"""


class Publisher:
    """The process that publishes, and what is in its registry."""

    def __init__(self, process: subprocess.Popen[str], registry: FakeRegistry) -> None:
        self._process = process
        self._registry = registry
        self.line()

    def line(self) -> list[str]:
        assert self._process.stdout is not None
        found = self._process.stdout.readline().split()
        assert found, "the process that publishes has ended"
        return found

    def run(self, word: str, content: str, seconds: float = 0.0) -> tuple[int, float]:
        """Publish; returns the exit code, -9 if it was killed, and how long it took."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word} {seconds} {content}\n")
        self._process.stdin.flush()
        code, took = self.line()
        return int(code), float(took)

    def tags(self) -> dict[str, str]:
        """Return what every tag stands for; each has all that it refers to."""
        found: dict[str, str] = {}
        for name in TAGS:
            repository, _, tag = name.partition(":")
            digest, _, raw = self._registry.content.manifest(repository, tag)
            found[name] = digest
            for entry in json.loads(raw)["manifests"]:
                _, _, child = self._registry.content.manifest(repository, entry["digest"])
                document = json.loads(child)
                for blob in (document["config"], *document["layers"]):
                    file = self._registry.content.blob(repository, blob["digest"])
                    assert file.stat().st_size == blob["size"]
        return found


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    (tmp_path / "docker-bake.hcl").write_text(BAKE)
    program = Path(__file__).with_name("publisher.py")
    with FakeRegistry(data=tmp_path / "registry") as registry:
        process = subprocess.Popen(
            [sys.executable, program, registry.host],
            cwd=tmp_path,
            env={"HOME": str(tmp_path), "PATH": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            yield Publisher(process, registry)
            assert process.stdin is not None
            process.stdin.close()


def test_killed_at_any_point(publisher: Publisher) -> None:
    dice = random.Random(5)
    took = max(publisher.run("bake", f"first{n}")[1] for n in range(3))
    outcomes = {"old": 0, "new": 0, "partly": 0}
    old = publisher.tags()
    for number in range(KILLS):
        content = f"content{number}"
        code, _ = publisher.run("bake", content, seconds=dice.uniform(0.001, took * 1.1))
        assert code in {0, -9}
        now = publisher.tags()
        moved = [name for name in TAGS if now[name] != old[name]]
        kind = "old" if not moved else "new" if len(moved) == len(TAGS) else "partly"
        outcomes[kind] += 1
        if kind == "partly":
            # Tags that move last have not moved before the others have.
            assert not {"app:latest", "db:latest"} & set(moved) or len(moved) >= 5
            word = dice.choice(["bake", "finish"])
            assert publisher.run(word, content)[0] == 0
            now = publisher.tags()
            assert all(now[name] != old[name] for name in TAGS)
        if kind == "new":
            assert publisher.run("finish", content)[0] == 0
            assert publisher.tags() == now
        old = now
        assert len(set(old.values())) == 2
    assert outcomes["old"]
    assert outcomes["partly"]
