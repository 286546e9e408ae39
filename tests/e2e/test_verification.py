"""Images with files that cannot run are not published; images that others built are verified."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from bakex.testing.binaries import Elf, arm_attributes

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


def arm(arch: int, *, hard: bool) -> bytes:
    """A static program for ARM; 6 is ARMv6, 10 is ARMv7."""
    made = Elf(
        machine=40,
        bits=32,
        flags=0x05000400 if hard else 0x05000200,
        attributes=arm_attributes((6, arch), (28, int(hard))),
    )
    return made.build()


@pytest.mark.parametrize(
    ("program", "told"),
    [
        (arm(10, hard=True), "expected ARMv6 or older, found ARMv7"),
        (arm(6, hard=False), "expected arm with hard float, found soft float"),
    ],
)
def test_a_device_is_named_by_what_it_refuses(project: Project, program: bytes, told: str) -> None:
    (project.folder / "server").write_bytes(program)
    platform = ["--set", "app.platform=linux/arm/v6,linux/arm/v7"]
    words = project.bake("app", *platform, "--device", "raspberry-pi-zero", code=8)
    where = "linux/arm/v6 for raspberry-pi-zero"
    assert f"error[BX5300]: {where}: /app/server: {told}" in words
    assert project.tags == []
    (project.folder / "server").write_bytes(arm(6, hard=True))
    project.bake("app", *platform, "--device", "raspberry-pi-zero")
    assert project.tags == ["app:1"]
    (found,) = project.metadata()
    assert (found["platform"], found["device"]) == ("linux/arm/v6", "raspberry-pi-zero")
    (project.folder / "server").write_bytes(program)
    project.bake("app", *platform, "--verify", "off", "--set", "app.output=type=oci,dest=a.tar")
    done = project.bakex(
        "verify", "--device", "raspberry-pi-zero", "a.tar", cwd=project.folder, code=8
    )
    assert where in done.stdout
    assert told in done.stdout


def test_a_soft_float_program_in_a_hard_float_system(project: Project) -> None:
    """ARMv6 leaves open how floats are passed; the dynamic linker of the image tells."""
    (project.folder / "Dockerfile").write_text(
        "FROM scratch AS app\nCOPY server /app/\nCOPY linker /lib/ld-linux-armhf.so.3\n"
        'ENTRYPOINT ["/app/server"]\n'
    )
    (project.folder / "linker").write_bytes(arm(6, hard=True))
    platform = ["--set", "app.platform=linux/arm/v6"]
    for hard, code in ((False, 8), (True, 0)):
        (project.folder / "server").write_bytes(arm(6, hard=hard))
        words = project.bake("app", *platform, code=code)
        told = "/app/server: expected arm with hard float, found soft float" in words
        assert told is not hard


LINKER = "/lib64/ld-linux-x86-64.so.2"


def files(folder: Path) -> None:
    """Write what images below are made of."""
    library = Elf(machine=62, kind="library", soname="libx.so.1")
    made = {
        "dynamic": Elf(machine=62, interpreter=LINKER, needed=("libx.so.1",)),
        "dangling": Elf(machine=62, interpreter=LINKER),
        "linker": Elf(machine=62, kind="library"),
        "library": library,
        "foreign": replace(library, machine=183),
    }
    for name, elf in made.items():
        (folder / name).write_bytes(elf.build())
        (folder / name).chmod(0o755)
    (folder / "script").write_text("#!/bin/sh\nls\n")
    (folder / "script").chmod(0o755)


SYSTEM = f"COPY linker {LINKER}\nCOPY library /usr/lib/libx.so.1\n"


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param('COPY server /a\nENTRYPOINT ["/a"]', id="static"),
        pytest.param(f'{SYSTEM}COPY dynamic /a\nENTRYPOINT ["/a"]', id="dynamic"),
        pytest.param(
            'COPY server /bin/sh\nCOPY script /a\nENTRYPOINT ["/a"]', id="script and shell"
        ),
        pytest.param(
            "COPY server /bin/busybox\n"
            'RUN ["/bin/busybox", "ln", "/bin/busybox", "/bin/sh"]\n'
            "RUN busybox ln /bin/busybox /bin/ls && busybox ln /bin/busybox /bin/cat\n"
            'CMD ["sh", "-c", "ls | cat"]',
            id="hard links as of busybox",
        ),
        pytest.param(
            f"{SYSTEM}COPY id /etc/os-release\nCOPY dynamic /usr/bin/a\nUSER 65532\n"
            'ENTRYPOINT ["/usr/bin/a"]',
            id="distroless",
        ),
        pytest.param("COPY id /data", id="nothing to run"),
    ],
)
def test_images_that_can_run_are_published(project: Project, lines: str) -> None:
    files(project.folder)
    (project.folder / "Dockerfile").write_text(f"FROM scratch AS app\n{lines}\n")
    project.bake("app", "--verify", "full", "--set", "app.platform=linux/amd64")
    assert project.tags == ["app:1"]
    (found,) = project.metadata()
    assert (found["ok"], found["findings"]) == (True, [])


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            f"{SYSTEM}COPY foreign /usr/lib/libx.so.1\nCOPY dynamic /a",
            "/usr/lib/libx.so.1: expected x86-64, found aarch64",
        ),
        (
            "COPY dangling /a",
            f"/a: expected its dynamic linker {LINKER} in the image, found nothing there",
        ),
    ],
    ids=["foreign library", "dangling linker"],
)
def test_what_a_program_needs_counts_too(project: Project, lines: str, told: str) -> None:
    files(project.folder)
    (project.folder / "Dockerfile").write_text(f'FROM scratch AS app\n{lines}\nENTRYPOINT ["/a"]\n')
    words = project.bake("app", "--set", "app.platform=linux/amd64", code=8)
    assert f"error[BX5300]: linux/amd64: {told}" in words
    assert project.tags == []


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
