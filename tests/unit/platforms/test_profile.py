"""The data files that bakex ships: against their schema, headers, the system and one another."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from bakex.api.platforms import shipped
from bakex.model.platform import Platform
from bakex.platforms.binfmt import parse
from bakex.platforms.excerpt import Excerpt
from bakex.platforms.judge import judge
from bakex.platforms.recognise import recognise
from bakex.testing.binaries import Elf, macho, pe

if TYPE_CHECKING:
    from bakex.platforms.catalogue import Catalogue
    from bakex.platforms.profile import Profile

FOLDER = shipped()
PLATFORMS = sorted(FOLDER.glob("*.yaml"))
DEVICES = sorted((FOLDER / "devices").glob("*.yaml"))
RULES = Path("/usr/lib/binfmt.d")  # where Debian's qemu-user-static has its own
TABLES = Path("/usr/share/binfmts")
KERNEL = Path("/proc/sys/fs/binfmt_misc")
# What a system of that processor has no rule for: from Debian 12's qemu-user-static for arm64.
RECORDED = {
    "qemu-x86_64": r":q:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    r"\x02\x00\x3e\x00:\xff\xff\xff\xff\xff\xfe\xfe\xfc"
    r"\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:",
    "qemu-i386": r":q:M::\x7f\x45\x4c\x46\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    r"\x02\x00\x03\x00:\xff\xff\xff\xff\xff\xfe\xfe\xfc"
    r"\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:",
}
FLAGS = {"ppc64le": 2, "riscv64": 5, "loong64": 0x43, "mips64le": 0x80000007}


def stem(path: Path) -> str:
    return path.stem


@pytest.fixture(params=PLATFORMS, ids=stem)
def profile(request: pytest.FixtureRequest, known: Catalogue) -> Profile:
    path: Path = request.param
    document = yaml.safe_load(path.read_text())
    return known.profiles[Platform.parse(document["platform"])]


@pytest.mark.parametrize("path", [*PLATFORMS, *DEVICES], ids=stem)
def test_files_fit_their_schema(path: Path) -> None:
    schema: dict[str, Any] = json.loads((path.parent / "schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(path.read_text()), schema)
    first, *_ = path.read_text().splitlines()
    assert first == "# yaml-language-server: $schema=schema.json"


@pytest.mark.parametrize("path", PLATFORMS, ids=stem)
def test_files_are_called_after_their_platform(path: Path) -> None:
    assert path.stem == yaml.safe_load(path.read_text())["platform"].replace("/", "-")


@pytest.mark.parametrize("path", DEVICES, ids=stem)
def test_files_are_called_after_their_device(path: Path) -> None:
    assert path.stem == yaml.safe_load(path.read_text())["device"]


def test_what_there_is_at_least(known: Catalogue) -> None:
    platforms = (
        "linux/amd64 linux/amd64/v2 linux/amd64/v3 linux/amd64/v4 linux/386 linux/arm/v5"
        " linux/arm/v6 linux/arm/v7 linux/arm64 linux/riscv64 linux/ppc64le linux/s390x"
        " linux/loong64 linux/mips64le windows/amd64 darwin/arm64"
    )
    assert {str(platform) for platform in known.profiles} >= set(platforms.split())
    boards = "zero 1 2 3 4 5 zero-2-w"
    assert {f"raspberry-pi-{board}" for board in boards.split()} <= set(known.devices)


def header(profile: Profile, kind: str = "executable") -> bytes:
    """The first bytes of a program of a platform."""
    binary = profile.binary
    if binary.format == "pe":
        return pe(binary.machine)
    if binary.format == "macho":
        return macho(binary.machine)
    flags = FLAGS.get(profile.platform.architecture, 0)
    big = binary.endian == "big"
    return Elf(machine=binary.machine, bits=binary.bits, big=big, kind=kind, flags=flags).build()


def test_a_header_of_each_platform_fits_it_and_no_other(profile: Profile, known: Catalogue) -> None:
    found = recognise(Excerpt.whole(header(profile)))
    assert judge(found, profile, known) == []
    mine = (profile.binary.format, profile.binary.machine)
    for other in known.profiles.values():
        if (other.binary.format, other.binary.machine) != mine:
            assert judge(found, other, known), other.platform


def test_the_kernel_knows_programs_of_each_platform_by_its_magic(
    profile: Profile, known: Catalogue
) -> None:
    emulation = profile.emulation
    if emulation is None:
        assert profile.platform.os != "linux"
        return
    assert len(emulation.magic) == len(emulation.mask) == 20

    def fits(content: bytes) -> bool:
        pairs = zip(content, emulation.magic, emulation.mask, strict=False)
        return all((a ^ b) & mask == 0 for a, b, mask in pairs)

    assert fits(header(profile))
    assert fits(header(profile, "library"))  # position-independent programs
    assert not fits(header(profile, "object"))
    (machine,) = struct.unpack_from(
        ">H" if profile.binary.endian == "big" else "<H", emulation.magic, 18
    )
    assert machine == profile.binary.machine
    for other in known.profiles.values():
        if other.binary.machine != profile.binary.machine:
            assert not fits(header(other)), other.platform


def unescaped(text: str) -> bytes:
    return text.encode().decode("unicode_escape").encode("latin-1")


def test_magic_and_mask_are_those_of_the_system(profile: Profile) -> None:
    if profile.emulation is None:
        return
    program = profile.emulation.program
    # Since QEMU 9 the rules of MIPS take any version of the ABI; before, they wanted it to be even.
    newer = program.startswith("qemu-mips")

    def either(mask: bytes) -> bytes:
        return mask[:8] + b"\xfe" + mask[9:] if newer and mask[8:9] == b"\x00" else mask

    expected = (profile.emulation.magic, either(profile.emulation.mask))
    rule, table, kernel = RULES / f"{program}.conf", TABLES / program, KERNEL / program
    text = rule.read_text() if rule.is_file() else RECORDED.get(program, "")
    if text:
        _, _, kind, _, magic, mask, *_ = text.strip().split(":")
        assert (kind, unescaped(magic), either(unescaped(mask))) == ("M", *expected)
    if table.is_file():
        words = dict(line.partition(" ")[::2] for line in table.read_text().splitlines())
        assert (unescaped(words["magic"]), either(unescaped(words["mask"]))) == expected
    if kernel.is_file():
        handler = parse(program, kernel.read_text())
        assert handler is not None
        assert (handler.magic, either(handler.mask)) == expected
        assert handler.takes(profile.emulation)


def test_what_processors_run_besides_is_what_the_rules_say(
    profile: Profile, known: Catalogue
) -> None:
    platform = profile.platform
    by_rule = {other for other in known.profiles if platform.runs(other)} - {platform}
    assert set(profile.runs) == by_rule
    # The nearest first: none of the later ones runs an earlier one.
    for index, earlier in enumerate(profile.runs):
        assert not any(later.runs(earlier) for later in profile.runs[index + 1 :])


def test_the_default_variant_is_the_one_that_platforms_are_read_with(profile: Profile) -> None:
    platform = profile.platform
    if profile.default_variant:
        bare = Platform.parse(f"{platform.os}/{platform.architecture}")
        assert Platform.of(platform.os, platform.architecture, profile.default_variant) == bare
    else:
        assert not platform.variant


def test_names_of_go_are_those_of_the_platform(profile: Profile) -> None:
    go = dict(profile.names.go)
    platform = profile.platform
    assert (go["GOOS"], go["GOARCH"]) == (platform.os, platform.architecture)
    if platform.architecture in {"arm", "amd64"}:
        variant = platform.variant or profile.default_variant
        assert go.get("GOARM", go.get("GOAMD64")) in {variant, variant.removeprefix("v")}


def test_aliases_that_containerd_knows_mean_the_same(known: Catalogue) -> None:
    for alias in ("x86_64", "aarch64", "i386", "i686"):
        assert known.find(alias).platform == Platform.parse(alias)


def test_limits_follow_from_the_platform(profile: Profile) -> None:
    platform, binary = profile.platform, profile.binary
    variant = int(re.sub(r"\D", "", platform.variant) or "1")
    assert binary.arm == (variant if platform.architecture == "arm" else 0)
    linux_amd64 = platform.architecture == "amd64" and platform.os == "linux"
    assert binary.x86_64 == (variant if linux_amd64 else 0)


def test_processors_of_newer_variants_have_all_of_the_older(known: Catalogue) -> None:
    for profile in known.profiles.values():
        for platform in profile.runs:
            older = known.profiles[platform]
            if platform.architecture == profile.platform.architecture:
                assert set(older.isa.cpuinfo) <= set(profile.isa.cpuinfo), profile.platform


def test_devices_are_of_known_platforms_and_have_names_of_their_own(known: Catalogue) -> None:
    names = [name for d in known.devices.values() for name in (d.device, *d.aliases)]
    assert len(names) == len(set(names))
    for device in known.devices.values():
        assert device.platform == device.systems[0].platform
        platforms = [system.platform for system in device.systems]
        assert len(set(platforms)) == len(platforms)
        for system in device.systems:
            profile = known.profiles[system.platform]
            assert system.qemu_cpu
            assert system.gcc
            if "hard" in profile.binary.float:
                assert "-mfloat-abi=hard" in system.gcc
            if profile.binary.float == ("soft",):
                assert "-mfloat-abi=soft" in system.gcc
