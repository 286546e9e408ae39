from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex.errors import CapabilityError
from bakex.nodes import emulators
from bakex.nodes.emulators import Programs, is_static

if TYPE_CHECKING:
    from collections.abc import Callable

    Download = Callable[[Path], None]


@pytest.fixture
def static(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulators, "is_static", lambda path: path.read_bytes() == b"static")


def make(path: Path, content: bytes = b"static") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)
    return path


@pytest.mark.usefixtures("static")
def test_those_of_the_system(tmp_path: Path) -> None:
    made = make(tmp_path / "bin/qemu-odd-static")
    make(tmp_path / "bin/qemu-odd", b"not static")
    busybox = make(tmp_path / "bin/busybox")
    programs = Programs(tmp_path / "cache", {"PATH": str(tmp_path / "bin")})
    assert programs._find("qemu-odd-static", "qemu-odd") == made
    assert programs.busybox() == busybox


@pytest.mark.usefixtures("static")
def test_those_of_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        make(tmp_path / "bin" / tool)

    def run(command: tuple[str, ...], *, cwd: str, **_: object) -> None:
        if command[0] == "apt-get":
            if command[-1] == "qemu-user":
                raise subprocess.SubprocessError
            (Path(cwd) / f"{command[-1]}.deb").touch()
        elif "busybox" in command[2]:
            make(Path(command[3]) / "bin/busybox")

    monkeypatch.setattr(subprocess, "run", run)
    programs = Programs(tmp_path / "cache", {"PATH": str(tmp_path / "bin")})
    assert programs.busybox() == tmp_path / "cache/emulators/bin/busybox"
    with pytest.raises(CapabilityError, match="no static qemu-odd"):
        programs._find("qemu-odd-static", "qemu-odd")


def test_nothing_to_be_had(tmp_path: Path) -> None:
    programs = Programs(tmp_path / "cache", {"PATH": str(tmp_path)})
    with pytest.raises(CapabilityError, match="no static busybox") as caught:
        programs.busybox()
    assert "qemu-user-static" in caught.value.hint


def test_a_system_with_debians_name_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulators, "is_static", lambda _: True)
    programs = Programs(tmp_path, {"PATH": ""})
    named = Path("/usr/libexec/qemu-binfmt/aarch64-binfmt-P")
    assert programs.interpreter("qemu-aarch64") == named


def test_what_is_static(tmp_path: Path) -> None:
    assert not is_static(tmp_path / "none")
    assert not is_static(make(tmp_path / "script", b"#!/bin/sh\n"))
