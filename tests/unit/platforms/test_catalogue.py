from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.api.platforms import parse
from bakex.errors import ConfigError, UsageError
from bakex.model.platform import Platform
from bakex.platforms.catalogue import gather

if TYPE_CHECKING:
    from bakex.platforms.catalogue import Catalogue

ARM = """\
platform: linux/arm/v6
title: one
default-variant: v7
names: {uname: [armv6l], gnu: arm-linux-gnueabihf}
binary: {format: elf, machine: 40, bits: 32, float: [hard]}
isa: {baseline: ARMv6}
"""
BOARD = """\
device: my-board
title: My board
aliases: [mine]
cpu: something
systems: [{platform: linux/arm/v6}]
"""


@pytest.mark.parametrize(
    ("name", "platform"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("arm", "linux/arm/v7"),
        ("armhf", "linux/arm/v7"),
        ("armv7l", "linux/arm/v7"),
        ("ARMV6L", "linux/arm/v6"),
        ("armv5tel", "linux/arm/v5"),
        ("arm-linux-gnueabihf", "linux/arm/v7"),
        ("arm-linux-gnueabi", "linux/arm/v5"),
        ("i686-linux-musl", "linux/386"),
        ("x86_64-unknown-linux-musl", "linux/amd64"),
        ("x86_64_v3", "linux/amd64/v3"),
        ("ppc64el", "linux/ppc64le"),
        ("mips64el", "linux/mips64le"),
        ("powerpc64le-linux-gnu", "linux/ppc64le"),
        ("loongarch64", "linux/loong64"),
        ("win_amd64", "windows/amd64"),
        ("macos/arm64", "darwin/arm64"),
        ("aarch64-macos", "darwin/arm64"),
        (" riscv64gc-unknown-linux-gnu ", "linux/riscv64"),
    ],
)
def test_platforms_are_found_by_many_names(known: Catalogue, name: str, platform: str) -> None:
    assert str(known.find(name).platform) == platform


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("linux/amd65", "did you mean 'linux/amd64'?"),
        ("aarch64-linux-gnuu", "did you mean 'aarch64-linux-gnu'?"),
        ("something else", "see bakex platform ls"),
        ("linux/sparc64", "see bakex platform ls"),
        ("", "see bakex platform ls"),
    ],
)
def test_platforms_that_are_not_known(known: Catalogue, name: str, hint: str) -> None:
    with pytest.raises(UsageError, match="nothing is known about the platform") as caught:
        known.find(name)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("raspberry-pi-4", "raspberry-pi-4"),
        ("Raspberry Pi 4", "raspberry-pi-4"),
        ("rpi4", "raspberry-pi-4"),
        ("jetson_orin_nano", "jetson-orin"),
    ],
)
def test_devices_are_found_by_their_names(known: Catalogue, name: str, device: str) -> None:
    assert known.device(name).device == device


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("rasberry-pi-4", "did you mean 'raspberry-pi-4'?"),
        ("raspbery-pi4", "did you mean 'raspberry-pi'?"),
        ("toaster", "see bakex platform devices"),
    ],
)
def test_devices_that_are_not_known(known: Catalogue, name: str, hint: str) -> None:
    with pytest.raises(UsageError, match="nothing is known about the device") as caught:
        known.device(name)
    assert caught.value.hint == hint


def test_all_names(known: Catalogue) -> None:
    assert {"linux/arm/v7", "armhf", "raspberry-pi-4", "rpi4"} <= set(known.names)


def test_a_later_file_changes_what_an_earlier_one_says() -> None:
    change = b"platform: linux/arm/v6\nnames: {debian: mine}\nruns: [linux/arm/v5, linux/mipsle]\n"
    documents = [parse("a", ARM.encode()), parse("b", change)]
    devices = [parse("c", BOARD.encode()), parse("d", b"device: my-board\ntitle: Yours\n")]
    made = gather(documents, devices)
    arm = Platform.parse("linux/arm/v6")
    profile = made.profiles[arm]
    assert (profile.title, profile.names.debian, profile.names.uname) == (
        "one",
        "mine",
        ("armv6l",),
    )
    assert made.runs(arm, Platform.parse("linux/mipsle"))
    assert made.runs(arm, Platform.parse("linux/arm/v5"))
    assert not made.runs(arm, Platform.parse("linux/arm/v7"))
    assert not made.runs(Platform.parse("linux/s390x"), arm)
    assert made.device("mine").title == "Yours"


@pytest.mark.parametrize(
    ("text", "summary", "place"),
    [
        (ARM.replace("title", "titel"), "titel: unknown key", "a.yaml:2:1"),
        (ARM.replace("bits: 32", "bits: 31"), "binary.bits: expected a whole number of 32, 64",
         "a.yaml:5:42"),
        (ARM.replace("title: one\n", ""), "title: this key is missing", "a.yaml:1:1"),
        (ARM.replace("platform:", "plattform:"), "a file needs the key 'platform' with a name",
         "a.yaml:1:1"),
        ("- a\n", "a file needs the key 'platform' with a name", "a.yaml:1:1"),
        ("platform: 3\n", "a file needs the key 'platform' with a name", "a.yaml:1:1"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_a_place(text: str, summary: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        gather([parse("a.yaml", text.encode())], [])
    assert (caught.value.summary, str(caught.value.span)) == (summary, place)
    assert caught.value.source == text


def test_an_error_in_what_a_change_leaves_is_where_it_was_written() -> None:
    base = parse("base.yaml", ARM.replace("bits: 32", "bits: 31").encode())
    change = parse("own.yaml", b"platform: linux/arm/v6\ntitle: two\n")
    with pytest.raises(ConfigError) as caught:
        gather([base, change], [])
    assert str(caught.value.span) == "base.yaml:5:42"
