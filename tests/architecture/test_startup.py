"""What each command imports, by module name: exact where timings are noise."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = frozenset({"asyncio", "grpclib", "google.protobuf", "h2", "httpx", "docker", "ssl"})
ARTIFACTS = frozenset({"oras", "requests", "jsonschema"})
HEAVY = NETWORK | ARTIFACTS | {"rich", "pydantic", "yaml", "subprocess", "multiprocessing"}

BAKE_FILE = """\
variable "TAG" { default = "1.${2 + 3}" }
group "default" { targets = ["app"] }
target "base" { args = { V = upper(TAG) } }
target "app" {
  inherits  = ["base"]
  matrix    = { os = ["a", "b"] }
  name      = "app-${os}"
  platforms = ["linux/amd64", "linux/arm64"]
  tags      = ["r.example/app:${TAG}"]
  output    = ["type=registry"]
}
"""


def loaded(cwd: Path, *argv: str, module: str = "") -> set[str]:
    """Return the modules that a fresh interpreter has loaded after a command."""
    code = f"""
import sys
before = set(sys.modules)
if {module!r}:
    __import__({module!r})
else:
    from bakex.cli.main import entry
    sys.stdout = open("/dev/null", "w")
    assert entry({list(argv)!r}) == 0
found = sorted(set(sys.modules) - before)
import json
sys.stderr.write(json.dumps(found))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=cwd
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stderr)
    return set(found)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "docker-bake.hcl").write_text(BAKE_FILE)
    return tmp_path


@pytest.mark.parametrize(
    ("argv", "never"),
    [
        (["--version"], HEAVY | {"typer", "json", "dataclasses", "bakex.config"}),
        (["--help"], HEAVY - {"subprocess"} | {"bakex.cli.commands.bake", "bakex.config"}),
        (["bake", "--help"], HEAVY - {"subprocess"} | {"bakex.api", "bakex.cli.commands.plan"}),
        (["version"], HEAVY - {"subprocess"} | {"bakex.api", "bakex.cli.commands.bake"}),
        (["bake", "--print"], HEAVY - {"subprocess"} | {"bakex.api.client", "bakex.progress.tty"}),
        (["bake", "--print", "--strict"], HEAVY - {"subprocess"} | {"bakex.api.client"}),
        (["bake", "--list", "targets"], HEAVY - {"subprocess"} | {"bakex.api.client"}),
        (["image", "--help"], HEAVY - {"subprocess"} | {"bakex.api", "bakex.cli.images.copy"}),
        (["image", "diff", "--help"], HEAVY - {"subprocess"} | {"bakex.api", "bakex.cli.imaging"}),
        (["repro", "--help"], HEAVY - {"subprocess"} | {"bakex.api", "bakex.cli.building"}),
        (["schema"], HEAVY - {"subprocess"} | {"bakex.api", "bakex.cli.commands.bake"}),
        (["attach", "--help"], HEAVY - {"subprocess"} | {"bakex.api", "bakex.artifacts"}),
        (["login", "--help"], HEAVY - {"subprocess"} | {"bakex.api", "bakex.cli.accounts"}),
    ],
    ids=[
        "--version",
        "--help",
        "bake --help",
        "version",
        "bake --print",
        "bake --print --strict",
        "bake --list",
        "image --help",
        "image diff --help",
        "repro --help",
        "schema",
        "attach --help",
        "login --help",
    ],
)
def test_commands_load_only_what_they_need(project: Path, argv: list[str], never: set[str]) -> None:
    assert never & loaded(project, *argv) == set()


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("bakex", HEAVY | {"typer", "dataclasses", "bakex.config", "bakex.api"}),
        ("bakex.api.definition", HEAVY | {"typer", "bakex.events", "bakex.nodes"}),
        ("bakex.progress.stream", HEAVY | {"typer"}),
        # All that a bake needs until it pushes, or hands an image to docker.
        ("bakex.api.client", {"httpx", "rich", "docker", "yaml", "typer"} | ARTIFACTS),
        ("bakex.nodes.docker_images", {"httpx"}),
        # What attaches loads oras; what finds and fetches does not.
        ("bakex.api.artifacts", ARTIFACTS | {"typer"}),
    ],
)
def test_modules_load_only_what_they_need(tmp_path: Path, module: str, never: set[str]) -> None:
    assert never & loaded(tmp_path, module=module) == set()


def test_the_check_sees_what_is_loaded(project: Path) -> None:
    assert {"typer", "bakex.bake.hcl.parser"} <= loaded(project, "bake", "--print")
