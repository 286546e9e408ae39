"""Plans for two real daemons: labels, emulation, and the memory of where things were built."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.daemons.test_builders import Home

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.daemons.conftest import Dockerd, StartDockerd

BAKE = """
target "many" {
  name       = "m${number}"
  matrix     = { number = ["1", "2", "3", "4", "5", "6"] }
  dockerfile-inline = "FROM scratch\\nCOPY Dockerfile /m${number}\\n"
  platforms  = ["linux/amd64"]
  output     = ["type=cacheonly"]
}
target "zoned" {
  node      = { zone = "b" }
  platforms = ["linux/amd64", "linux/arm64"]
  output    = ["type=cacheonly"]
  timeout   = "10m"
}
"""
BUILDER = """\
builders:
  farm:
    nodes:
      one: {endpoint: 'docker+ONE', labels: {zone: a}}
      two: {endpoint: 'docker+TWO', labels: {zone: b}}
"""


@pytest.fixture
def farm(tmp_path: Path, dockerd: Dockerd, start_dockerd: StartDockerd) -> Home:
    home = Home(tmp_path)
    text = BUILDER.replace("ONE", dockerd.address).replace("TWO", start_dockerd().address)
    (home.project / "bakex.yaml").write_text(text)
    (home.project / "docker-bake.hcl").write_text(BAKE)
    home.run("builder", "use", "farm")
    return home


def places(document: Any) -> dict[str, str]:
    return {f"{cell['target']} {cell['platform']}": cell["node"] for cell in document["cells"]}


def test_plans_for_two_nodes(farm: Home) -> None:
    first = farm.json("plan", "many")
    assert sorted(places(first).values()) == ["one"] * 3 + ["two"] * 3
    assert {cell["alternatives"] for cell in first["cells"]} == {1}
    farm.run("bake", "--result", "result.json", "many")
    built = places(json.loads((farm.project / "result.json").read_bytes()))
    second = farm.run("plan", "many", "--format", "json").stdout
    assert second == farm.run("plan", "many", "--format", "json").stdout
    again = farm.json("plan", "many")
    assert {cell["why"] for cell in again["cells"]} == {"built here before"}
    assert places(again) == built

    lines = farm.run("plan", "zoned").stdout.splitlines()
    assert lines[1].split(None, 3) == [
        "zoned",
        "linux/amd64",
        "two",
        "native: the only node with zone=b",
    ]
    assert lines[2].split(None, 3) == [
        "zoned",
        "linux/arm64",
        "two",
        "emulated: no native node with zone=b",
    ]
    assert (
        "zoned linux/amd64 on two (native)"
        in farm.run("bake", "--progress", "plain", "zoned").stderr
    )

    refused = farm.run("bake", "--emulation=never", "zoned", code=4).stderr
    assert "no node runs linux/arm64 natively" in refused
    assert "two would emulate it" in refused
    refused = farm.run("bake", "--set", "zoned.node.zone=c", "zoned", code=4).stderr
    assert "no node has zone=c" in refused
    assert "  one: zone=a\n  two: zone=b\n" in refused
