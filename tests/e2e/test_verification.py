"""Images with files that cannot run are not published; images that others built are verified."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import LoopbackRegistry, Require
    from tests.e2e.conftest import Bakex

BAKE = """
variable "HOST" {}
group "default" { targets = ["app", "other"] }
target "base" {
  name       = name
  matrix     = { name = ["app", "other"] }
  target     = name
  tags       = ["${HOST}/${name}:1"]
  output     = ["type=registry"]
}
target "app" { platforms = ["linux/amd64", "linux/arm64"] }
"""
# The program is the builder's, whatever it is built for.
DOCKERFILE = """
FROM scratch AS other
COPY server id /bin/
FROM scratch AS app
COPY server id /app/
ENTRYPOINT ["/app/server"]
"""
TOLD = "linux/arm64: /app/server: expected aarch64, found x86-64"


@dataclass(frozen=True, slots=True)
class Project:
    """Bakes the project, with a repository prefix of its own."""

    bakex: Bakex
    folder: Path
    host: str

    def bake(self, *options: str, code: int = 0) -> str:
        return self.bakex(
            *("bake", "--progress", "plain", "--metadata-file", "metadata.json", *options),
            cwd=self.folder,
            code=code,
            HOST=self.host,
        ).stderr

    def metadata(self, target: str = "app") -> list[dict[str, Any]]:
        document = json.loads((self.folder / "metadata.json").read_bytes())
        found: list[dict[str, Any]] = document[target]["bakex.verification"]
        return found

    @property
    def tags(self) -> list[str]:
        found: list[str] = []
        host, prefix = self.host.split("/")
        for name in ("app", "other"):
            url = f"http://{host}/v2/{prefix}/{name}/tags/list"
            # It knows no repository without a tag.
            with suppress(urllib.error.HTTPError), urllib.request.urlopen(url) as answer:
                found += [f"{name}:{tag}" for tag in json.load(answer)["tags"] or ()]
        return found


@pytest.fixture
def project(bakex: Bakex, registry: LoopbackRegistry, require: Require, tmp_path: Path) -> Project:
    (tmp_path / "docker-bake.hcl").write_text(BAKE)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    shutil.copy(require("busybox"), tmp_path / "server")
    (tmp_path / "id").write_text(str(tmp_path))  # no test has verified the image of another one
    return Project(bakex, tmp_path, f"{registry.host}/{tmp_path.name.replace('_', '-')}".lower())


def test_nothing_is_published_if_an_entrypoint_cannot_run(project: Project) -> None:
    told = project.bake(code=8)
    assert f"error[BX5300]: {TOLD}" in told
    assert "verify-allow" in told
    assert project.tags == []


@pytest.mark.parametrize(
    "options",
    [
        ["--verify", "off"],
        ["--set", "app.verify=off"],
        ["--set", "app.verify-allow=/app/*"],
    ],
)
def test_unless_that_is_wanted(project: Project, options: list[str]) -> None:
    project.bake(*options)
    assert project.tags == ["app:1", "other:1"]


def test_the_cost_is_told_and_paid_once(project: Project) -> None:
    told = project.bake("--set", "app.platform=linux/amd64")
    assert "verified linux/amd64: 1 file, " in told
    (first,) = project.metadata()
    assert (first["ok"], first["files"], first["layersRead"], first["before"]) == (
        True,
        1,
        1,
        False,
    )
    assert first["bytesRead"] > 100_000
    told = project.bake("--set", "app.platform=linux/amd64")
    assert "verified before" in told
    (second,) = project.metadata()
    assert (second["files"], second["layersRead"], second["before"]) == (1, 0, True)


def test_files_are_not_written_either(project: Project) -> None:
    told = project.bake("app", "--set", "app.output=type=oci,dest=app.tar", code=8)
    assert TOLD in told
    assert not (project.folder / "app.tar").exists()


def test_images_of_others(project: Project) -> None:
    project.bake("--verify", "off")
    place = f"{project.host}/app:1"
    done = project.bakex("verify", place, cwd=project.folder, code=8)
    assert "error: /app/server (entrypoint)\n    expected aarch64, found x86-64\n" in done.stdout
    done = project.bakex("verify", "--format", "json", place, cwd=project.folder, code=8)
    (image,) = json.loads(done.stdout)["images"]
    assert {p["platform"]: p["ok"] for p in image["platforms"]} == {
        "linux/amd64": True,
        "linux/arm64": False,
    }
    for options in (["--allow", "/app/*"], ["--platform", "linux/amd64"]):
        project.bakex("verify", *options, place, cwd=project.folder)
    project.bake("app", "--verify", "off", "--set", "app.output=type=oci,dest=app.tar")
    for archive in ("app.tar", "oci-archive:app.tar"):
        done = project.bakex("verify", archive, cwd=project.folder, code=8)
        assert "linux/arm64" in done.stdout
