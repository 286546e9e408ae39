"""The installed command, and eyes for what it made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import TestEngine

    RunImage = Callable[..., str]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Bakex:
    """Runs the installed command against the session's engine."""

    program: Path
    environment: dict[str, str]

    def __call__(
        self, *arguments: str | Path, cwd: Path, code: int = 0, timeout: float = 300, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end, which has to be the expected one, and return what it printed."""
        done = subprocess.run(
            [self.program, *arguments],
            cwd=cwd,
            env={**self.environment, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def start(self, *arguments: str | Path, cwd: Path, **env: str) -> subprocess.Popen[str]:
        """Start it in a process group of its own, with its output on a pipe."""
        return subprocess.Popen(
            [self.program, *arguments],
            cwd=cwd,
            env={**self.environment, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """An OCI image layout, read with nothing of bakex."""

    folder: Path

    def json(self, digest: str) -> Any:
        return json.loads(self.path(digest).read_bytes())

    def path(self, digest: str) -> Path:
        return self.folder / "blobs" / Path(*digest.split(":"))

    @property
    def root(self) -> Any:
        (entry,) = json.loads((self.folder / "index.json").read_bytes())["manifests"]
        return entry

    def images(self) -> dict[str, Any]:
        """Return the manifest of each image by platform, in the order of the index."""
        found: dict[str, Any] = {}
        for entry in self.json(self.root["digest"])["manifests"]:
            platform = entry["platform"]
            if platform["os"] != "unknown":
                parts = (platform["os"], platform["architecture"], platform.get("variant"))
                found["/".join(p for p in parts if p)] = self.json(entry["digest"])
        return found

    def unpack(self, manifest: Any, into: Path) -> Path:
        """Unpack the layers of an image; it is made by our own example, so nothing is checked."""
        for layer in manifest["layers"]:
            with tarfile.open(self.path(layer["digest"])) as archive:
                for member in archive:
                    place = into / member.name
                    place.parent.mkdir(parents=True, exist_ok=True)
                    if member.isdir():
                        place.mkdir(exist_ok=True)
                    elif member.issym():
                        place.symlink_to(member.linkname)
                    elif (content := archive.extractfile(member)) is not None:
                        place.unlink(missing_ok=True)
                        place.write_bytes(content.read())
                        place.chmod(member.mode)
        return into


@pytest.fixture(scope="session")
def bakex(engine: TestEngine) -> Bakex:
    """Return the installed command; it uses the session's engine and the test registry."""
    return Bakex(Path(sys.executable).with_name("bakex"), engine.environment)


@pytest.fixture(scope="session")
def examples() -> Path:
    """Return the folder of the examples."""
    return ROOT / "bake-examples"


@pytest.fixture(scope="session")
def read_layout() -> type[Layout]:
    """Return the class that reads layouts."""
    return Layout


@pytest.fixture
def allow(tmp_path: Path, hello_base: str) -> list[str]:
    """Return what a bake needs to use the base and to write below the test's own folder."""
    layout = hello_base.removeprefix("oci-layout://").partition("@")[0]
    return ["--allow", f"fs.read={Path(layout).parent}", "--allow", f"fs={tmp_path}"]


@pytest.fixture
def run_image(read_layout: type[Layout], tmp_path: Path) -> RunImage:
    """Return a function that runs a program of an image in the image's own root."""
    number = 0

    def run(layout: Layout, manifest: Any, *argv: str) -> str:
        nonlocal number
        number += 1
        root = layout.unpack(manifest, tmp_path / f"root-{number}")
        command = ["chroot", str(root), *argv]
        if os.geteuid() != 0:
            pytest.fail("running an image's programs takes root (chroot)")
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    return run
