"""Images that a docker daemon keeps get their names when they are verified, and not before."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.daemons.conftest import old_program

if TYPE_CHECKING:
    from tests.conftest import Require
    from tests.engine.daemons.conftest import Dockerd, StartDockerd

BAKEX = Path(sys.executable).with_name("bakex")
BAKE = """\
group "default" { targets = ["good", "bad"] }
target "good" {
  target = "good"
  verify = "bin"
  tags   = ["good:1", "registry.invalid:5000/good:2"]
}
target "bad" {
  target = "bad"
  verify = "bin"
  tags   = ["bad:1"]
}
"""
DOCKERFILE = """\
FROM scratch AS good
COPY server /app/
ENTRYPOINT ["/app/server"]
FROM scratch AS bad
COPY foreign /app/server
ENTRYPOINT ["/app/server"]
"""


@dataclass(frozen=True, slots=True)
class Kitchen:
    """Bakes on one daemon."""

    daemon: Dockerd
    docker: Path
    folder: Path

    def bake(self, *options: str, code: int = 0) -> str:
        done = subprocess.run(
            [
                *(BAKEX, "bake", "--builder", f"docker+{self.daemon.address}"),
                *("--progress", "plain", "--metadata-file", "metadata.json", *options),
            ],
            cwd=self.folder,
            env={"HOME": str(self.folder), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stderr

    def metadata(self, target: str) -> dict[str, Any]:
        document = json.loads((self.folder / "metadata.json").read_bytes())
        found: dict[str, Any] = document[target]
        return found

    @property
    def names(self) -> set[str]:
        """The images of the store; those without a name, too."""
        return set(self._docker("images", "--format", "{{.Repository}}:{{.Tag}}").split())

    @property
    def named(self) -> set[str]:
        return self.names - {"<none>:<none>"}

    def forget(self) -> None:
        for image in set(self._docker("images", "--quiet").split()):
            self._docker("rmi", "--force", image)

    def _docker(self, *words: str) -> str:
        argv = [str(self.docker), "-H", self.daemon.address, *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module", params=["containerd", "classic", "20.10"])
def daemon(request: pytest.FixtureRequest, start_dockerd: StartDockerd) -> Dockerd:
    program = old_program() if request.param == "20.10" else None
    return start_dockerd(containerd_store=request.param == "containerd", program=program)


@pytest.fixture
def kitchen(daemon: Dockerd, require: Require, tmp_path: Path) -> Kitchen:
    (tmp_path / "docker-bake.hcl").write_text(BAKE)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    shutil.copy(require("busybox"), tmp_path / "server")
    foreign = bytearray((tmp_path / "server").read_bytes())
    foreign[18] = 183  # EM_AARCH64
    (tmp_path / "foreign").write_bytes(foreign)
    (tmp_path / "foreign").chmod(0o755)
    found = Kitchen(daemon, require("docker"), tmp_path)
    found.forget()
    return found


def test_nothing_gets_a_name_if_one_image_cannot_run(kitchen: Kitchen) -> None:
    told = kitchen.bake("--load", code=8)
    assert "linux/amd64: /app/server: expected x86-64, found aarch64" in told
    assert kitchen.names == set()


def test_what_can_run_gets_all_its_names_and_nothing_else(kitchen: Kitchen) -> None:
    told = kitchen.bake("--load", "good")
    assert "verified linux/amd64: 1 file" in told
    assert kitchen.names == {"good:1", "registry.invalid:5000/good:2"}
    known = kitchen.metadata("good")
    names = ["docker.io/library/good:1", "registry.invalid:5000/good:2"]
    assert [place["place"] for place in known["bakex.publications"]] == names
    assert known.get("image.name", ",".join(names)) == ",".join(names)  # 20.10 tells none
    (first,) = known["bakex.verification"]
    assert (first["digest"], first["ok"]) == (known["containerimage.digest"], True)
    assert "bakex.invalid" not in json.dumps(known)


def test_names_move_from_former_images(kitchen: Kitchen) -> None:
    kitchen.bake("--load", "good")
    before = kitchen.metadata("good")["containerimage.digest"]
    (kitchen.folder / "server").write_bytes((kitchen.folder / "server").read_bytes() + b"\0")
    kitchen.bake("--load", "good")
    assert kitchen.metadata("good")["containerimage.digest"] != before
    shutil.copy(kitchen.folder / "foreign", kitchen.folder / "server")
    kitchen.bake("--load", "good", code=8)
    assert kitchen.named == {"good:1", "registry.invalid:5000/good:2"}


@pytest.mark.parametrize("options", [["--verify", "off"], ["--set", "bad.verify="]])
def test_unless_nobody_wants_that(kitchen: Kitchen, options: list[str]) -> None:
    kitchen.bake("--load", *options, "bad")
    assert kitchen.names == {"bad:1"}


def test_what_has_another_name_already_stays(kitchen: Kitchen) -> None:
    kitchen.bake("--load", "--verify", "off", "bad")
    kitchen.bake("--load", "--set", "bad.tags=other:1", "bad", code=8)
    assert kitchen.named == {"bad:1"}


def test_an_image_without_a_name_is_looked_at_too(kitchen: Kitchen) -> None:
    told = kitchen.bake("--load", "--set", "bad.tags=", "bad", code=8)
    assert "/app/server: expected x86-64, found aarch64" in told
    assert kitchen.names == set()
