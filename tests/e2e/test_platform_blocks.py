"""``platform`` blocks, ``include`` and groups for some platforms: what is built of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Bakex, Layout

BAKE = """
include = ["common/*.hcl"]
target "app" {
  inherits  = ["common"]
  platforms = ["linux/amd64", "linux/arm64", "linux/arm/v7"]
  args      = { FLAVOUR = "general" }
  labels    = { name = self.name }
  output    = ["type=oci,tar=false,dest=out"]
  platform "linux/arm64" {
    dockerfile = "Dockerfile.arm"
    args       = { FLAVOUR = "of ${self.platform}" }
    contexts   = { data = "target:data" }
  }
}
target "data" {
  context           = "data"
  platforms         = ["linux/arm64"]
  dockerfile-inline = "FROM scratch\\nCOPY file /file\\n"
}
group "arm" {
  targets   = ["app"]
  platforms = ["linux/arm64", "linux/arm/v7"]
}
"""
COMMON = """
target "common" {
  attest = ["type=provenance,disabled=true"]
  platform "linux/arm/v7" { target = "small" }
}
"""
DOCKERFILE = """\
FROM scratch AS small
COPY small /small
LABEL stage=small
FROM scratch
ARG FLAVOUR
COPY general /general
LABEL stage=last flavour=$FLAVOUR
"""
ARM = """\
FROM scratch
ARG FLAVOUR
COPY --from=data /file /linked
LABEL stage=arm flavour=$FLAVOUR
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "docker-bake.hcl": BAKE, "common/common.hcl": COMMON, "Dockerfile": DOCKERFILE,
        "Dockerfile.arm": ARM, "data/file": "linked", "small": "s", "general": "g",
    }  # fmt: skip
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def labels(layout: Layout) -> dict[str, Any]:
    return {
        platform: layout.json(manifest["config"]["digest"])["config"]["Labels"]
        for platform, manifest in layout.images().items()
    }


def test_platforms_that_differ_make_one_index(
    bakex: Bakex, project: Path, tmp_path: Path, read_layout: type[Layout]
) -> None:
    bakex("bake", "app", cwd=project)
    layout = read_layout(project / "out")
    found = layout.images()
    assert labels(layout) == {
        "linux/amd64": {"name": "app", "stage": "last", "flavour": "general"},
        "linux/arm64": {"name": "app", "stage": "arm", "flavour": "of linux/arm64"},
        "linux/arm/v7": {"name": "app", "stage": "small"},
    }
    contents = {
        platform: sorted(
            path.name for path in layout.unpack(manifest, tmp_path / str(number)).iterdir()
        )
        for number, (platform, manifest) in enumerate(found.items())
    }
    assert contents == {
        "linux/amd64": ["general"], "linux/arm64": ["linked"], "linux/arm/v7": ["small"]
    }  # fmt: skip


def test_a_group_builds_some_platforms(
    bakex: Bakex, project: Path, read_layout: type[Layout]
) -> None:
    bakex("bake", "arm", cwd=project)
    assert list(read_layout(project / "out").images()) == ["linux/arm64", "linux/arm/v7"]


def test_the_print_builds_the_same(bakex: Bakex, project: Path, read_layout: type[Layout]) -> None:
    printed = bakex("bake", "--print", "app", cwd=project).stdout
    (project / "printed.json").write_text(printed)
    assert bakex("bake", "-f", "printed.json", "--print", "app", cwd=project).stdout == printed
    bakex("bake", "-f", "printed.json", "app", cwd=project)
    assert labels(read_layout(project / "out"))["linux/arm64"]["stage"] == "arm"
