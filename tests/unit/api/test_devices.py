from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex import config
from bakex.api import define
from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bakex.model.target import Target

    Defined = Callable[..., Target]

BODY = 'dockerfile-inline = "FROM scratch"\n'


@pytest.fixture
def defined(tmp_path: Path) -> Defined:
    def defined(body: str, *overrides: str) -> Target:
        (tmp_path / "docker-bake.hcl").write_text(f'target "default" {{\n{BODY}{body}\n}}\n')
        settings = config.load({"HOME": str(tmp_path)}, cwd=tmp_path)
        return define(settings, overrides=overrides).targets["default"]

    return defined


def test_a_device_says_how_to_compile(defined: Defined) -> None:
    found = defined('device = "rpi4"')
    assert found.device == "rpi4"
    assert found.platforms == ("linux/arm64",)
    assert found.args == {
        "BAKEX_DEVICE": "raspberry-pi-4",
        "BAKEX_CFLAGS": "-mcpu=cortex-a72",
        "BAKEX_GNU_TRIPLE": "aarch64-linux-gnu",
        "BAKEX_MUSL_TRIPLE": "aarch64-linux-musl",
        "BAKEX_DEBIAN_ARCH": "arm64",
        "BAKEX_RUST_TARGET": "aarch64-unknown-linux-gnu",
        "BAKEX_RUST_CPU": "cortex-a72",
        "BAKEX_ZIG_TARGET": "aarch64-linux-gnu",
        "BAKEX_GOOS": "linux",
        "BAKEX_GOARCH": "arm64",
        "BAKEX_GOARM64": "v8.0",
        "QEMU_CPU": "cortex-a72",
    }


def test_of_its_platforms_the_target_has_the_say(defined: Defined) -> None:
    body = 'device = "raspberry-pi-4"\nplatforms = ["linux/amd64", "linux/arm/v7"]'
    found = defined(body)
    assert found.platforms == ("linux/arm/v7",)
    assert found.args["BAKEX_GOARM"] == "7"
    assert found.args["BAKEX_GNU_TRIPLE"] == "arm-linux-gnueabihf"


def test_the_targets_own_arguments_win(defined: Defined) -> None:
    found = defined('device = "raspberry-pi-zero"\nargs = { BAKEX_CFLAGS = "-O0", X = "1" }')
    assert (found.args["BAKEX_CFLAGS"], found.args["X"]) == ("-O0", "1")
    assert found.platforms == ("linux/arm/v6",)


@pytest.mark.parametrize(("overrides", "device"), [([], None), (["*.device=pi4"], "pi4")])
def test_from_the_command_line(defined: Defined, overrides: list[str], device: str | None) -> None:
    found = defined("", *overrides)
    assert found.device == device
    assert bool(found.args) == bool(device)


@pytest.mark.parametrize(
    ("body", "summary", "hint"),
    [
        ('device = "raspbery-pi-4"', "the device 'raspbery-pi-4'", "'raspberry-pi-4'"),
        ('device = "rpi4"\nplatforms = ["linux/amd64"]', "is for linux/amd64, which raspberry-pi-4",
         "leave the device out"),
    ],
)  # fmt: skip
def test_devices_that_do_not_fit(defined: Defined, body: str, summary: str, hint: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        defined(body)
    assert "target 'default'" in caught.value.summary
    assert summary in caught.value.summary
    assert hint in caught.value.hint
