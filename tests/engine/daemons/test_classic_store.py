"""dockerd's classic image store: several platforms, pushes and archives, which buildx refuses.

Two daemons: a recent one with containerd's store turned off, and 20.10, whose BuildKit is 0.8.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex.model.index import Index
from bakex.model.node import Feature
from bakex.oci.layout import OciLayout
from tests.engine.daemons.conftest import old_program

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import LoopbackRegistry, Require
    from tests.engine.daemons.conftest import Connect, Dockerd, StartDockerd

BAKEX = Path(sys.executable).with_name("bakex")
BAKE = """\
target "default" {
  platforms = ["linux/amd64", "linux/arm64"]
  annotations = ["note=this"]
}
"""
DOCKERFILE = """\
FROM scratch
ARG TARGETARCH
COPY file-$TARGETARCH /file
COPY both /
ENV WORD=hello
"""


@pytest.fixture(scope="module", params=["26", "20.10"])
def classic(request: pytest.FixtureRequest, start_dockerd: StartDockerd) -> Dockerd:
    program = old_program() if request.param == "20.10" else None
    return start_dockerd(containerd_store=False, program=program)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "docker-bake.hcl").write_text(BAKE)
    for name in ("file-amd64", "file-arm64", "both"):
        (folder / name).write_bytes(os.urandom(100_000))
    return folder


@pytest.fixture
def bake(
    classic: Dockerd, context: Path, tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [BAKEX, "bake", "--builder", f"docker+{classic.address}", *arguments],
            cwd=context,
            env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done

    return run


def names_in_store(classic: Dockerd, require: Require) -> str:
    listed = subprocess.run(
        [require("docker"), "-H", classic.address, "images", "-a", "--format", "{{.Repository}}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return listed.stdout


async def test_what_it_can_do(classic: Dockerd, connect: Connect) -> None:
    node = await connect(f"docker+{classic.address}")
    assert Feature.IMAGE_LOAD in node.info.features
    assert not node.info.features & {
        Feature.OCI_EXPORT, Feature.IMAGE_PUSH, Feature.REMOTE_CACHE, Feature.ATTESTATIONS
    }  # fmt: skip


def test_two_platforms_become_a_layout(
    classic: Dockerd, bake: Callable[..., object], context: Path, require: Require, tmp_path: Path
) -> None:
    bake("--output", f"type=oci,tar=false,dest={tmp_path}/layout")
    layout = OciLayout.open(tmp_path / "layout")
    (root,) = layout.index().entries
    index = Index.parse(layout.path(root.digest).read_bytes(), root.media_type)
    assert [str(entry.platform) for entry in index.manifests] == ["linux/amd64", "linux/arm64"]
    shared: list[set[str]] = []
    for entry in index.manifests:
        manifest = json.loads(layout.path(entry.digest).read_bytes())
        assert manifest["annotations"] == {"note": "this"}
        config = json.loads(_blob(layout, manifest["config"]["digest"]).read_bytes())
        assert entry.platform is not None
        assert config["architecture"] == entry.platform.architecture
        first, second = (_blob(layout, layer["digest"]) for layer in manifest["layers"])
        with tarfile.open(first, "r:gz") as tar:
            file = tar.extractfile("file")
            assert file is not None
            assert file.read() == (context / f"file-{config['architecture']}").read_bytes()
        with tarfile.open(second, "r:gz") as tar:
            assert tar.getnames() == ["both"]
        shared.append({layer["digest"] for layer in manifest["layers"]})
    assert len(shared[0] & shared[1]) == 1  # the same bytes, compressed twice, are one blob
    assert not names_in_store(classic, require)


def _blob(layout: OciLayout, digest: str) -> Path:
    return layout.root / "blobs/sha256" / digest.removeprefix("sha256:")


def test_two_platforms_are_pushed(
    bake: Callable[..., object], registry: LoopbackRegistry, require: Require, tmp_path: Path
) -> None:
    name = f"{registry.host}/classic/app"
    bake("--push", "--set", f"default.tags={name}:1", "--set", f"default.tags+={name}:2")
    for tag in ("1", "2"):
        raw = subprocess.run(
            [require("skopeo"), "inspect", "--raw", "--tls-verify=false", f"docker://{name}:{tag}"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        platforms = [entry["platform"]["architecture"] for entry in json.loads(raw)["manifests"]]
        assert platforms == ["amd64", "arm64"]
        subprocess.run(
            [require("skopeo"), "copy", "--all", "-q", "--src-tls-verify=false",
             f"docker://{name}:{tag}", f"dir:{tmp_path}/{tag}"],
            check=True, capture_output=True,
        )  # fmt: skip


def test_one_platform_stays_where_docker_users_look(
    classic: Dockerd, bake: Callable[..., object], require: Require
) -> None:
    bake("--set", "default.platform=linux/amd64", "--set", "default.tags=classic/kept:1")
    assert names_in_store(classic, require).strip() == "classic/kept"
    subprocess.run(
        [require("docker"), "-H", classic.address, "rmi", "classic/kept:1"],
        check=True, capture_output=True,
    )  # fmt: skip


def test_what_it_cannot_do_is_said_before_the_build(
    bake: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = bake(
        *("--set", "default.attest=type=sbom", "--set", "default.cache-to=type=local,dest=c"),
        *("--output", f"type=oci,dest={tmp_path}/x.tar,compression=zstd"),
        code=4,
    )
    assert "error[BX3503]" in done.stderr
    for words in ("attestations (sbom)", "caches of type local", "compression=zstd"):
        assert words in done.stderr
    assert "containerd-snapshotter" in done.stderr
    assert "Dockerfile" not in done.stderr  # nothing was built


async def test_targets_are_built_on_others_within_the_daemon(
    classic: Dockerd,
    connect: Connect,
    bake: Callable[..., subprocess.CompletedProcess[str]],
    context: Path,
) -> None:
    """It takes no images from elsewhere, and needs none; the oldest knows no named contexts."""
    (context / "docker-bake.hcl").write_text("""\
target "base" {
  dockerfile-inline = "FROM scratch\\nARG TARGETARCH\\nCOPY file-$TARGETARCH /file\\nENV NAME=both"
}
target "default" {
  platforms = ["linux/amd64", "linux/arm64"]
  contexts = { base = "target:base" }
  dockerfile-inline = "FROM base\\nCOPY $NAME /$NAME"
  output = ["type=local,dest=out"]
}
""")
    node = await connect(f"docker+{classic.address}")
    is_old = Feature.NAMED_CONTEXTS not in node.info.features
    done = bake("--set", "base.platform=linux/amd64,linux/arm64", code=4 if is_old else 0)
    if is_old:
        assert "lacks named contexts" in done.stderr
        return
    for architecture in ("amd64", "arm64"):
        out = context / f"out/linux_{architecture}"
        expected = (context / f"file-{architecture}").read_bytes()
        assert (out / "file").read_bytes() == expected
        assert (out / "both").read_bytes() == (context / "both").read_bytes()
