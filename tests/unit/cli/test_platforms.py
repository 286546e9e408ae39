from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bakex.cli.main import entry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import FakeBackend

ENTRY = """\
enabled
interpreter /nowhere/qemu-s390x
flags: {flags}
offset 0
magic 7f454c4602020100000000000000000000020016
mask fffffffffffffffcfffffffffffffffffffeffff
"""


def register(folder: Path, flags: str) -> None:
    table = folder / "proc" / "sys" / "fs" / "binfmt_misc"
    table.mkdir(parents=True)
    (table / "qemu-s390x").write_text(ENTRY.format(flags=flags))


def rows(text: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split() for line in text.splitlines()}


def test_the_list(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    register(backend.cwd, "POF")
    assert entry(["platform", "ls"], backend=backend) == 0
    out = capsys.readouterr().out
    found = rows(out)
    assert found["PLATFORM"] == ["PLATFORM", "HERE", "INTERPRETER", "VERSION", "FLAGS", "NAMES"]
    assert found["linux/s390x"][1:5] == ["emulated", "/nowhere/qemu-s390x", "-", "FOP"]
    assert found["linux/loong64"][1:5] == ["missing", "-", "-", "-"]
    assert "native" in out
    assert "note:" not in out


def test_an_emulator_that_containers_do_not_have(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    register(backend.cwd, "")
    assert entry(["platform", "ls"], backend=backend) == 0
    out = capsys.readouterr().out
    assert rows(out)["linux/s390x"][4] == "none"
    assert out.splitlines()[-1] == (
        "note: qemu-s390x is registered without the flag F, and is not found in containers that do"
        " not have it"
    )


def test_the_list_for_programs(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    register(backend.cwd, "F")
    assert entry(["platform", "ls", "--format", "json"], backend=backend) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schemaVersion"] == 1
    found = {row["platform"]: row for row in document["platforms"]}
    assert found["linux/s390x"]["here"] == "emulated"
    assert found["linux/s390x"]["handler"] == {
        "name": "qemu-s390x",
        "interpreter": "/nowhere/qemu-s390x",
        "version": None,
        "flags": "F",
    }
    assert found["linux/loong64"]["handler"] is None
    assert found["linux/loong64"]["emulator"] == "qemu-loongarch64"
    assert found["windows/amd64"]["emulator"] is None
    assert "armhf" in found["linux/arm/v7"]["aliases"]


def test_a_platform(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["platform", "show", "armhf"], backend=backend) == 0
    out = capsys.readouterr().out
    assert out.startswith("platform:        linux/arm/v7\n")
    assert "\n    GOARM:  7\n" in out
    assert "\n  debian:    armhf\n" in out
    assert entry(["platform", "show", "linux/arm/v7", "--format=json"], backend=backend) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["names"]["debian"] == "armhf"
    assert document["emulation"]["magic"].startswith("7f454c46")


def test_a_device(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["platform", "show", "rpi3"], backend=backend) == 0
    out = capsys.readouterr().out
    assert "\n  - platform: linux/arm64\n    gcc:      -mcpu=cortex-a53\n" in out
    assert "\nnotes:   A 64-bit kernel" in out
    assert "\n         It lacks the AES" in out


def test_a_name_that_is_not_known(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["platform", "show", "rasberry-pi-4"], backend=backend) == 2
    assert "did you mean 'raspberry-pi-4'?" in capsys.readouterr().err
    assert entry(["platform", "show", "toaster"], backend=backend) == 2
    assert "'toaster' is neither a platform nor a device" in capsys.readouterr().err


def test_devices(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["platform", "devices"], backend=backend) == 0
    found = rows(capsys.readouterr().out)
    assert found["raspberry-pi-zero"][1] == "linux/arm/v6"
    assert entry(["platform", "devices", "--format", "json"], backend=backend) == 0
    document = json.loads(capsys.readouterr().out)
    names = [device["device"] for device in document["devices"]]
    assert names == sorted(names)
    assert "raspberry-pi-zero" in names


@pytest.mark.parametrize("command", [["ls"], ["devices"], ["show", "arm"]])
def test_unknown_formats(backend: FakeBackend, command: list[str]) -> None:
    assert entry(["platform", *command, "--format", "xml"], backend=backend) == 2
