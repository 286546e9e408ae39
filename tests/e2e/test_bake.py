"""The installed command, a real BuildKit, a real registry and stock clients."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import LoopbackRegistry, Require, TestEngine

BAKEX = Path(sys.executable).with_name("bakex")
PLATFORMS = ["linux/amd64", "linux/arm64", "linux/arm/v7"]
BAKE = """
target "app" {
  platforms = ["linux/amd64", "linux/arm64", "linux/arm/v7"]
  attest    = ["type=provenance,disabled=true"]
}
target "secret" {
  dockerfile = "Dockerfile.secret"
  secret     = ["id=token,env=TOKEN"]
  output     = ["type=local,dest=out"]
}
target "broken" { dockerfile = "Dockerfile.broken" }
"""
# The program is this machine's for every platform: a marker of what was copied, and not in /bin.
DOCKERFILE = "FROM scratch\nCOPY busybox /data/busybox\nARG TARGETARCH\nLABEL arch=$TARGETARCH\n"
SECRET = """\
FROM scratch AS run
COPY busybox /bin/busybox
RUN --mount=type=secret,id=token ["/bin/busybox", "sh", "-c", \
 "/bin/busybox wc -c < /run/secrets/token > /size"]
FROM scratch
COPY --from=run /size /size
"""
BROKEN = """\
FROM scratch
COPY busybox /busybox
RUN ["/busybox", "sh", "-c", "echo oh no; exit 7"]
"""


@pytest.fixture
def project(tmp_path: Path, require: Require) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(require("busybox"), folder / "busybox")
    (folder / "docker-bake.hcl").write_text(BAKE)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "Dockerfile.secret").write_text(SECRET)
    (folder / "Dockerfile.broken").write_text(BROKEN)
    return folder


def bakex(
    project: Path, engine: TestEngine, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BAKEX, "bake", "--progress", "plain", *arguments],
        cwd=project,
        env={**engine.environment, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def raw(require: Require, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [require("skopeo"), *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_pushed_index_is_what_stock_clients_expect(
    project: Path, engine: TestEngine, registry: LoopbackRegistry, require: Require
) -> None:
    name = f"{registry.host}/e2e/app:1"
    done = bakex(project, engine, "--push", "--set", f"app.tags={name}", "app")
    assert done.returncode == 0, done.stderr
    index = raw(require, "inspect", "--raw", "--tls-verify=false", f"docker://{name}")
    listed = [
        "/".join(m["platform"].get(k, "") for k in ("os", "architecture", "variant")).strip("/")
        for m in index["manifests"]
    ]
    assert listed == PLATFORMS
    subprocess.run(
        [require("crane"), "validate", "--remote", name, "--insecure"], check=True, timeout=60
    )
    again = bakex(project, engine, "--push", "--set", f"app.tags={name}", "app")
    assert again.returncode == 0
    assert "CACHED" in again.stderr


def test_an_oci_archive_holds_every_platform_and_the_references_images(
    project: Path, engine: TestEngine, require: Require
) -> None:
    epoch = {"SOURCE_DATE_EPOCH": "1700000000"}
    output = "type=oci,dest={},rewrite-timestamp=true"
    done = bakex(project, engine, "-o", output.format("ours.tar"), "app", **epoch)
    assert done.returncode == 0, done.stderr
    subprocess.run(
        [
            require("docker-buildx"),
            "bake",
            "--set",
            "app.output=" + output.format("ref.tar"),
            "app",
        ],
        cwd=project,
        env={**engine.environment, **epoch, "DOCKER_HOST": engine.endpoint.address},
        check=True,
        capture_output=True,
        timeout=120,
    )
    ours, theirs = (digests(require, project / name) for name in ("ours.tar", "ref.tar"))
    assert ours == theirs
    assert len(ours) == 3


def digests(require: Require, archive: Path) -> list[tuple[str, str, list[str]]]:
    """Return platform, config digest and layer digests of each image of an archive."""
    layout = archive.with_suffix("")
    layout.mkdir()
    subprocess.run(["tar", "-xf", archive, "-C", layout], check=True)
    (root,) = json.loads((layout / "index.json").read_text())["manifests"]

    def blob(digest: str) -> Any:
        return json.loads((layout / "blobs" / digest.replace(":", "/")).read_text())

    found = []
    for entry in blob(root["digest"])["manifests"]:
        manifest = blob(entry["digest"])
        layers = [layer["digest"] for layer in manifest["layers"]]
        found.append(
            (json.dumps(entry["platform"], sort_keys=True), manifest["config"]["digest"], layers)
        )
    return found


def test_a_secret_reaches_the_step_and_nothing_else(project: Path, engine: TestEngine) -> None:
    value = "correct-horse-battery"
    done = bakex(project, engine, "--metadata-file", "meta.json", "secret", TOKEN=value)
    assert done.returncode == 0, done.stderr
    assert (project / "out" / "size").read_text().strip() == str(len(value))
    assert value not in done.stderr + done.stdout + (project / "meta.json").read_text()


def test_a_failing_step_names_the_line_the_code_and_the_log(
    project: Path, engine: TestEngine
) -> None:
    done = bakex(project, engine, "--set", "broken.output=type=cacheonly", "broken")
    assert done.returncode == 1
    assert "Dockerfile.broken:3" in done.stderr
    assert "oh no" in done.stderr
    assert "7" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_target_is_suggested(project: Path, engine: TestEngine) -> None:
    done = bakex(project, engine, "ap")
    assert done.returncode == 3
    assert "app" in done.stderr


def test_a_platform_without_a_node_is_refused(project: Path, engine: TestEngine) -> None:
    done = bakex(project, engine, "--platform", "linux/mips", "app")
    assert done.returncode == 4
    assert "no node can build linux/mips" in done.stderr
