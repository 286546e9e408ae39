"""Targets that are built on other targets, on one daemon and across two."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bakex.model.node import Endpoint
    from tests.conftest import TestEngine

BAKE = """\
group "default" { targets = ["top"] }
target "bottom" {
  dockerfile-inline = <<EOT
FROM scratch
ARG TARGETARCH
COPY bottom /bottom-$TARGETARCH
ENV LEVEL=1
EOT
}
target "middle" {
  contexts = { below = "target:bottom" }
  dockerfile-inline = "FROM below\\nCOPY middle /middle-$LEVEL\\nENV LEVEL=2"
}
target "top" {
  contexts = { below = "target:middle", data = "target:bottom" }
  dockerfile-inline = "FROM below\\nCOPY --from=data / /data/\\nCOPY top /top-$LEVEL"
  output = ["type=local,dest=out"]
}
"""


class Command:
    """The installed command in a directory of its own."""

    def __init__(self, engine: TestEngine, cwd: Path) -> None:
        self.cwd = cwd
        self._environment = engine.environment
        self.builder = engine.environment["BAKEX_BUILDER"]

    def bake(self, *arguments: str, code: int = 0, builder: str = "") -> str:
        done = subprocess.run(
            [Path(sys.executable).with_name("bakex"), "bake", "--progress", "plain",
             "--builder", builder or self.builder, *arguments],
            cwd=self.cwd, env=self._environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stderr

    def tree(self, below: str = "out") -> set[str]:
        root = self.cwd / below
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def command(engine: TestEngine, tmp_path: Path) -> Command:
    for name in ("bottom", "middle", "top"):
        (tmp_path / name).write_text(name)
    (tmp_path / "docker-bake.hcl").write_text(BAKE)
    return Command(engine, tmp_path)


def test_three_levels_on_one_node(command: Command) -> None:
    command.bake("--platform", "linux/amd64")
    assert command.tree() == {"bottom-amd64", "middle-1", "top-2", "data/bottom-amd64"}


def test_three_levels_of_two_platforms(command: Command) -> None:
    command.bake("--platform", "linux/amd64,linux/arm64")
    assert command.tree("out/linux_arm64") == {
        "bottom-arm64", "middle-1", "top-2", "data/bottom-arm64",
    }  # fmt: skip
    assert "bottom-amd64" in command.tree("out/linux_amd64")


def test_three_levels_across_two_nodes(command: Command, second_endpoint: Endpoint) -> None:
    """Bases go from one daemon to the other by content; both take part."""
    second = second_endpoint.address.replace("unix://", f"{_scheme(second_endpoint)}://")
    builder = f"{command.builder},{second}"
    output = command.bake(
        "--platform", "linux/amd64,linux/arm64", "--metadata-file", "m.json", builder=builder
    )
    assert "bottom-arm64" in command.tree("out/linux_arm64"), output
    document: dict[str, Any] = json.loads((command.cwd / "m.json").read_text())
    assert len({cell["node"] for cell in document["top"]["bakex.platforms"]}) == 2


def _scheme(endpoint: Endpoint) -> str:
    return "docker" if endpoint.wire.value == "docker" else "unix"


def test_a_base_that_fails_stops_what_is_built_on_it(command: Command) -> None:
    broken = BAKE.replace("COPY bottom /bottom", "COPY missing /bottom")
    (command.cwd / "docker-bake.hcl").write_text(broken)
    output = command.bake("--platform", "linux/amd64", code=1)
    assert "bottom@linux/amd64: '/missing' is not in the build context" in output
    assert "COPY top" not in output
    assert not (command.cwd / "out").exists()


async def test_nothing_is_left_behind(command: Command) -> None:
    await asyncio.to_thread(command.bake, "--platform", "linux/amd64")
    home = Path(command._environment["HOME"])
    assert list((home / ".cache/bakex/run").iterdir()) == []
