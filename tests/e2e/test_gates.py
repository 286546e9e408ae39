"""Gates on a real daemon and a real registry: what is tested is published, or nothing is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import LoopbackRegistry, Require
    from tests.e2e.conftest import Bakex

BAKE = """
variable "HOST" {}
variable "BASE" {}
variable "BAD" { default = "none" }
group "default" { targets = ["app", "other"] }
target "image" {
  name       = name
  matrix     = { name = ["app", "other"] }
  dockerfile = "Dockerfile"
  contexts   = { base = BASE }
  args       = { NAME = name }
  platforms  = ["linux/amd64", "linux/arm64"]
  tags       = ["${HOST}/${name}:1"]
  output     = ["type=registry"]
}
target "app" {
  publish { requires = ["app-test"] }
}
target "app-test" {
  dockerfile = "Dockerfile.test"
  contexts   = { app = "target:app" }
  args       = { BAD = BAD }
}
"""
# Two builds of this never give the same image.
DOCKERFILE = """
FROM base
ARG TARGETARCH NAME
RUN echo $TARGETARCH > /arch && cat /proc/sys/kernel/random/uuid > /id && echo $NAME
"""
TEST = """
FROM app
ARG BAD
RUN echo "tested $(cat /arch) $(cat /id)" && test "$(cat /arch)" != "$BAD"
"""


@dataclass(frozen=True, slots=True)
class Project:
    """Bakes the project, with a repository prefix of its own."""

    bakex: Bakex
    folder: Path
    host: str
    base: str
    allow: list[str]
    skopeo: Path

    def bake(self, *options: str, code: int = 0, bad: str = "none") -> str:
        return self.bakex(
            *("bake", "--progress", "plain", "--metadata-file", "metadata.json"),
            *(*self.allow, *options),
            cwd=self.folder,
            code=code,
            HOST=self.host,
            BASE=self.base,
            BAD=bad,
        ).stderr

    def digest(self, name: str) -> str | None:
        request = urllib.request.Request(
            f"http://{self.host.replace('/', '/v2/', 1)}/{name}/manifests/1",
            headers={"Accept": "application/vnd.oci.image.index.v1+json"},
            method="HEAD",
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                found: str = answer.headers["Docker-Content-Digest"]
                return found
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return None

    def published_id(self, name: str, architecture: str) -> str:
        """Return what is in the file /id of a published image."""
        place = self.folder / f"{name}-{architecture}"
        subprocess.run(
            [
                *(self.skopeo, "--override-arch", architecture, "copy", "--src-tls-verify=false"),
                *(f"docker://{self.host}/{name}:1", f"dir:{place}"),
            ],
            check=True,
            capture_output=True,
        )
        layers = json.loads((place / "manifest.json").read_bytes())["layers"]
        with tarfile.open(place / layers[-1]["digest"].partition(":")[2]) as archive:
            file = archive.extractfile("id")
            assert file is not None
            return file.read().decode().strip()

    @property
    def metadata(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "metadata.json").read_bytes())
        return found


@pytest.fixture
def project(
    bakex: Bakex,
    tmp_path: Path,
    registry: LoopbackRegistry,
    hello_base: str,
    allow: list[str],
    require: Require,
) -> Project:
    (tmp_path / "docker-bake.hcl").write_text(BAKE)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "Dockerfile.test").write_text(TEST)
    host = f"{registry.host}/{tmp_path.name.replace('_', '-')}"
    return Project(bakex, tmp_path, host, hello_base, allow, require("skopeo"))


def ids(shown: str) -> dict[str, str]:
    """Return architecture -> the id that the test has seen."""
    return dict(re.findall(r"^#\d+ [0-9.]+ tested (\w+) ([0-9a-f-]{36})$", shown, re.MULTILINE))


@pytest.mark.parametrize("publish", ["all", "each"])
def test_what_is_tested_is_what_is_published(project: Project, publish: str) -> None:
    shown = project.bake("--no-cache", "--publish", publish)
    assert ids(shown) == {
        architecture: project.published_id("app", architecture)
        for architecture in ("amd64", "arm64")
    }
    assert project.digest("other")
    assert list(project.metadata) == ["app", "other"]
    again = project.bake("--provenance=false", "--publish", publish)
    assert ids(again) == {}  # nothing has changed: its steps are cached


@pytest.mark.parametrize("publish", ["all", "each"])
def test_a_gate_that_fails_keeps_one_image_back(project: Project, publish: str) -> None:
    project.bake("--publish", publish)
    before = project.digest("app"), project.digest("other")
    shown = project.bake("--no-cache", "--publish", publish, bad="arm64", code=6)
    assert project.digest("app") == before[0]
    assert project.digest("other") != before[1]
    assert (
        "\napp (linux/amd64, linux/arm64)\n  not published: blocked by app-test (linux/arm64)"
        in shown
    )
    error = shown.partition("error[BX4200]")[2].splitlines()
    assert error[:2] == [
        ": 1 of 2 targets not published",
        "  app: blocked by app-test (linux/arm64)",
    ]
    assert 'test "$(cat /arch)" != "$BAD"' in shown
    # The test went on where it did not fail.
    assert set(ids(shown)) == {"amd64", "arm64"}
    assert project.metadata["app"]["bakex.blocked"] == [
        {"target": "app-test", "platform": "linux/arm64"}
    ]
    assert "bakex.publications" not in project.metadata["app"]
    assert project.metadata["other"]["bakex.publications"]

    shown = project.bake("--publish", publish)
    assert project.digest("app") != before[0]
    assert "pushed to" in shown


def test_a_build_that_fails_publishes_nothing(project: Project) -> None:
    shown = project.bake("--set", "other.target=none", code=1)
    assert project.digest("app") is project.digest("other") is None
    assert "blocked" not in shown


def test_a_gate_that_cannot_be_one_stops_everything_before_it_begins(project: Project) -> None:
    shown = project.bake("--set", "app-test.platform=linux/amd64", code=3)
    assert "target 'app' is built for linux/arm64, and its gate 'app-test' is not" in shown
    assert "docker-bake.hcl:17" in shown
    assert "#1 " not in shown


def test_the_example(
    bakex: Bakex,
    examples: Path,
    hello_base: str,
    registry: LoopbackRegistry,
    tmp_path: Path,
) -> None:
    folder = shutil.copytree(examples / "gates", tmp_path / "gates")
    options = ("bake", "--progress", "plain", "--allow", "fs.read=*", "--push")
    image = f"{registry.host}/answer"
    plan = bakex("plan", "--push", cwd=folder, BASE=hello_base, IMAGE=image).stdout
    assert "default: not published unless test succeeds (linux/amd64, linux/arm64)\n" in plan
    assert "pushed to" in bakex(*options, cwd=folder, BASE=hello_base, IMAGE=image).stderr
    (folder / "answer").write_text("#!/bin/sh\necho 43\n")
    shown = bakex(*options, cwd=folder, code=6, BASE=hello_base, IMAGE=image).stderr
    assert "  default: blocked by test (linux/amd64, linux/arm64)\n" in shown
