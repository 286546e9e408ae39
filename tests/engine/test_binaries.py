"""Real programs: Debian's of ten architectures, and what its cross compilers and Go make.

What is downloaded or compiled stays in bakex's cache folder. The compilers are Debian's packages
gcc-<triple> and libc6-dev-<architecture>-cross, golang-go; a test whose compiler is not there says
so.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bakex._util.atomic import locked
from bakex.api.platforms import catalogue
from bakex.config import load
from bakex.model.platform import Platform
from bakex.platforms import elf, tiny
from bakex.platforms.excerpt import Gatherer
from bakex.platforms.judge import Severity, judge
from bakex.platforms.recognise import recognise
from tests.conftest import EXAMPLES, OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bakex.platforms.profile import Profile, System
    from bakex.platforms.program import Content, Program

KNOWN = catalogue(load({}))
DEBIAN = {
    "amd64": "linux/amd64",
    "arm64": "linux/arm64",
    "armel": "linux/arm/v5",
    "armhf": "linux/arm/v7",
    "i386": "linux/386",
    "mips64el": "linux/mips64le",
    "ppc64el": "linux/ppc64le",
    "s390x": "linux/s390x",
}
PACKAGES = ["busybox-static", "bash", "coreutils", "dpkg", "perl-base", "libstdc++6", "openssl"]
SYSTEMS = [(d.device, s) for d in KNOWN.devices.values() for s in d.systems]
SOURCE = "int main(void) { return 0; }\n"
PATIENCE_S = 600  # for downloads by another process
FETCH = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import debian
packages = debian.Packages("bookworm", sys.argv[2])
debian.unpack(packages.fetch_all(sys.argv[4:]), Path(sys.argv[3]))
"""


def looked_at(path: Path) -> Content:
    gatherer = Gatherer(elf.wanted)
    with path.open("rb") as file:
        while chunk := file.read(1 << 16):
            gatherer.feed(chunk)
    return recognise(gatherer.excerpt())


def program(path: Path) -> Program:
    found = looked_at(path)
    assert isinstance(found, tuple)
    return found[0]


def needs(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


async def root(architecture: str) -> Path:
    """Return a folder with Debian packages of an architecture, unpacked."""
    folder = load(OUTSIDE).cache / "binaries" / architecture
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Other processes of this run may want the same.
    async with locked(folder.with_suffix(".lock"), timeout_s=PATIENCE_S):
        if not folder.is_dir():
            made = folder.with_suffix(".new")
            argv = [sys.executable, "-c", FETCH, str(EXAMPLES), architecture, str(made), *PACKAGES]
            await asyncio.to_thread(subprocess.run, argv, check=True, env=OUTSIDE)
            made.rename(folder)
    return folder


def files(folder: Path) -> Iterator[Path]:
    return (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink())


@pytest.mark.parametrize("architecture", DEBIAN)
async def test_no_program_of_debian_is_a_false_alarm(architecture: str) -> None:
    profile = KNOWN.profiles[Platform.parse(DEBIAN[architecture])]
    programs, interpreters = 0, set[str]()
    for path in files(await root(architecture)):
        found = looked_at(path)
        errors = [f for f in judge(found, profile, KNOWN) if f.severity is Severity.ERROR]
        assert errors == [], path
        if isinstance(found, tuple):
            programs += 1
            assert found[0].unread == (), path
            interpreters.add(found[0].interpreter)
    assert programs > 200
    # Some are static, and libraries have none.
    assert interpreters - {""} == set(profile.interpreters.glibc)


@pytest.mark.parametrize("architecture", DEBIAN)
async def test_programs_of_others_are_found(architecture: str) -> None:
    profile = KNOWN.profiles[Platform.parse(DEBIAN[architecture])]
    for other, platform in DEBIAN.items():
        found = judge(looked_at(await root(other) / "bin" / "busybox"), profile, KNOWN)
        expected: set[Severity] = set()
        if other != architecture:
            runs = profile.platform.runs(Platform.parse(platform))
            same = profile.platform.architecture == Platform.parse(platform).architecture
            expected = {Severity.WARNING} if runs and not same else {Severity.ERROR}
        assert {f.severity for f in found} == expected, other


def compiled(tmp_path: Path, compiler: str, *options: str) -> Program:
    (tmp_path / "a.c").write_text(SOURCE)
    made = tmp_path / "a.out"
    argv = [needs(compiler), *options, "-o", str(made), str(tmp_path / "a.c")]
    subprocess.run(argv, check=True, env=OUTSIDE)
    return program(made)


@pytest.mark.parametrize(
    ("compiler", "options", "arm", "passed"),
    [
        ("arm-linux-gnueabihf-gcc", ["-march=armv7-a+fp"], 7, "hard"),
        ("arm-linux-gnueabihf-gcc", ["-march=armv8-a+simd"], 8, "hard"),
        ("arm-linux-gnueabi-gcc", ["-march=armv5te"], 5, "soft"),
        ("arm-linux-gnueabi-gcc", ["-march=armv6"], 6, "soft"),
        ("arm-linux-gnueabi-gcc", ["-march=armv7-a"], 7, "soft"),
    ],
)
def test_arm_by_gcc(
    tmp_path: Path, compiler: str, options: list[str], arm: int, passed: str
) -> None:
    found = compiled(tmp_path, compiler, *options)
    assert (found.arm, found.float) == (arm, passed)


@pytest.mark.parametrize("level", [2, 3, 4])
def test_levels_by_gcc(tmp_path: Path, level: int) -> None:
    found = compiled(
        tmp_path, "gcc", f"-march=x86-64-v{level}", f"-Wl,-z,x86-64-v{level}", "-mneeded"
    )
    assert found.x86_64 == level


@pytest.mark.parametrize(
    ("options", "static"), [([], False), (["-static"], True), (["-static-pie"], True)]
)
def test_static_programs_by_gcc(tmp_path: Path, options: list[str], static: bool) -> None:
    assert compiled(tmp_path, "gcc", *options).is_static is static


@pytest.mark.parametrize(
    ("environ", "arm", "x86_64"),
    [
        ({"GOARCH": "arm", "GOARM": "5"}, 5, 0),
        ({"GOARCH": "arm", "GOARM": "6"}, 6, 0),
        ({"GOARCH": "arm", "GOARM": "7"}, 7, 0),
        ({"GOARCH": "amd64", "GOAMD64": "v3"}, 0, 3),
    ],
)
@pytest.mark.parametrize("flags", ["", "-s -w"])
def test_programs_by_go(
    tmp_path: Path, environ: dict[str, str], arm: int, x86_64: int, flags: str
) -> None:
    (tmp_path / "a.go").write_text("package main\n\nfunc main() {}\n")
    go = needs("go")
    subprocess.run(
        [go, "build", "-ldflags", flags, "-o", "a", "a.go"],
        cwd=tmp_path,
        env={**OUTSIDE, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod", **environ},
        check=True,
    )
    found = program(tmp_path / "a")
    assert (found.arm, found.x86_64, found.is_static) == (arm, x86_64, True)


def named(value: object) -> str:
    return str(value) if isinstance(value, str) else ""


@pytest.mark.parametrize(("device", "system"), SYSTEMS, ids=named)
def test_compilers_take_the_options_of_devices(tmp_path: Path, device: str, system: System) -> None:
    profile = KNOWN.profiles[system.platform]
    compiler = needs(f"{profile.names.gnu}-gcc")
    (tmp_path / "a.c").write_text(SOURCE)
    subprocess.run(
        [compiler, "-Werror", *system.gcc, "-c", "-o", "a.o", "a.c"],
        cwd=tmp_path,
        env=OUTSIDE,
        check=True,
    )
    found = program(tmp_path / "a.o")
    # What is made for a device may need more than its platform only where the device has it.
    errors = [f for f in judge((found,), profile, KNOWN, system) if f.severity is Severity.ERROR]
    assert errors == []
    if profile.platform.variant == "v6":
        return  # the C library of the cross compiler is made for ARMv7
    subprocess.run(
        [compiler, *system.gcc, "-static", "-o", "a.out", "a.c"],
        cwd=tmp_path,
        env=OUTSIDE,
        check=True,
    )
    subprocess.run([*emulator(system), tmp_path / "a.out"], env=OUTSIDE, check=True)


@pytest.mark.parametrize(("device", "system"), SYSTEMS, ids=named)
def test_qemu_has_the_processor_of_devices(tmp_path: Path, device: str, system: System) -> None:
    content = tiny.program(system.platform, KNOWN.profiles[system.platform].binary)
    assert content is not None
    made = tmp_path / "tiny"
    made.write_bytes(content)
    made.chmod(0o755)
    done = subprocess.run(
        [*emulator(system), made], env=OUTSIDE, capture_output=True, text=True, check=True
    )
    assert done.stdout == "ok\n"


def emulator(system: System) -> list[str]:
    """Return the command that runs a program as the processor of a device does."""
    emulation = KNOWN.profiles[system.platform].emulation
    assert emulation is not None
    qemu = needs(f"{emulation.program}-static")
    known = subprocess.run(
        [qemu, "-cpu", "help"], env=OUTSIDE, capture_output=True, text=True, check=False
    ).stdout.split()
    assert system.qemu_cpu.split(",")[0] in known
    return [qemu, "-cpu", system.qemu_cpu]


@pytest.mark.parametrize("profile", KNOWN.profiles.values(), ids=lambda p: str(p.platform))
def test_rust_and_qemu_know_the_names_of_platforms(profile: Profile) -> None:
    rustc = needs("rustc")
    targets = subprocess.run(
        [rustc, "--print", "target-list"], env=OUTSIDE, capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(profile.names.rust) <= set(targets)
    emulation = profile.emulation
    if emulation is not None and emulation.cpu:
        qemu = needs(f"{emulation.program}-static")
        known = subprocess.run(
            [qemu, "-cpu", "help"], env=OUTSIDE, capture_output=True, text=True, check=False
        ).stdout
        assert emulation.cpu in known.replace("'", " ").split()
