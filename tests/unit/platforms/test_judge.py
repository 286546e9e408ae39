from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakex.model.platform import Platform
from bakex.platforms.excerpt import Excerpt
from bakex.platforms.judge import Severity, described, judge
from bakex.platforms.program import Program, Script
from bakex.platforms.recognise import recognise
from bakex.testing.binaries import Elf, arm_attributes, fat, go_settings, macho, pe

if TYPE_CHECKING:
    from bakex.platforms.catalogue import Catalogue
    from bakex.platforms.profile import Profile

HARD, SOFT = "/lib/ld-linux-armhf.so.3", "/lib/ld-linux.so.3"


def arm(arch: int = 10, *, hard: bool = True, **more: Any) -> Elf:
    """An ARM program as GCC makes them; 10 is ARMv7."""
    made = Elf(
        machine=40,
        bits=32,
        flags=0x05000400 if hard else 0x05000200,
        interpreter=HARD if hard else SOFT,
        needed=("libc.so.6",),
        attributes=arm_attributes((6, arch), (28, int(hard))),
    )
    return replace(made, **more)


def verdict(known: Catalogue, platform: str, content: bytes, device: str = "") -> list[str]:
    found = recognise(Excerpt.whole(content))
    system = known.device(device).systems[0] if device else None
    profile = known.profiles[Platform.parse(platform)]
    return [f"{f.severity}: {f}" for f in judge(found, profile, known, system)]


@pytest.mark.parametrize(
    ("platform", "made"),
    [
        ("linux/amd64", Elf(machine=62, x86_64=1)),
        ("linux/amd64", Elf(machine=62)),
        ("linux/amd64/v3", Elf(machine=62, x86_64=3)),
        ("linux/386", Elf(machine=3, bits=32)),
        ("linux/arm64", Elf(machine=183)),
        ("linux/arm/v7", arm()),
        ("linux/arm/v7", arm(6)),
        ("linux/arm/v6", arm(6)),
        ("linux/arm/v6", arm(4, hard=False)),
        ("linux/arm/v5", arm(4, hard=False)),
        ("linux/arm/v5", Elf(machine=40, bits=32, data=go_settings(GOARM="5"))),
        ("linux/riscv64", Elf(machine=243, flags=5)),
        ("linux/ppc64le", Elf(machine=21, flags=2)),
        ("linux/ppc64le", Elf(machine=21, flags=0)),
        ("linux/s390x", Elf(machine=22, big=True)),
        ("linux/loong64", Elf(machine=258, flags=0x43)),
        ("linux/mips64le", Elf(machine=8, flags=0x80000007)),
        ("linux/arm64", Elf(machine=247, kind="object")),  # BPF
    ],
)
def test_what_fits(known: Catalogue, platform: str, made: Elf) -> None:
    assert verdict(known, platform, made.build()) == []


@pytest.mark.parametrize(
    ("platform", "made", "expected"),
    [
        ("linux/arm64", Elf(machine=62), "error: expected aarch64, found x86-64"),
        ("linux/amd64", Elf(machine=183), "error: expected x86-64, found aarch64"),
        ("linux/amd64", Elf(machine=3, bits=32), "warning: expected x86-64, found x86"),
        ("linux/386", Elf(machine=62), "error: expected x86, found x86-64"),
        ("linux/amd64", Elf(machine=62, bits=32),
         "error: expected x86-64, found x86-64 of 32 bits, little-endian"),
        ("linux/arm64", arm(), "warning: expected aarch64, found arm"),
        ("linux/arm/v7", Elf(machine=183), "error: expected arm, found aarch64"),
        ("linux/arm/v6", arm(10), "error: expected ARMv6 or older, found ARMv7"),
        ("linux/arm/v6", arm(8), "error: expected ARMv6 or older, found ARMv7"),
        ("linux/arm/v6", Elf(machine=40, bits=32, data=go_settings(GOARM="7")),
         "error: expected ARMv6 or older, found ARMv7"),
        ("linux/arm/v6", arm(10, kind="library", interpreter="", soname="libatomic.so"),
         "warning: expected ARMv6 or older, found ARMv7"),
        ("linux/arm/v7", arm(14), "error: expected ARMv7 or older, found ARMv8"),
        ("linux/arm/v7", arm(hard=False), "error: expected arm with hard float, found soft float"),
        ("linux/arm/v7", arm(4, hard=False, flags=0x05000000, attributes=b""),
         "error: expected arm with hard float, found soft float"),  # by its dynamic linker
        ("linux/arm/v5", arm(4), "error: expected arm with soft float, found hard float"),
        ("linux/amd64", Elf(machine=62, x86_64=3),
         "error: expected x86-64-v1 or older, found x86-64-v3"),
        ("linux/amd64/v2", Elf(machine=62, kind="library", soname="x", x86_64=4),
         "warning: expected x86-64-v2 or older, found x86-64-v4"),
        ("linux/riscv64", Elf(machine=243, bits=32, flags=5),
         "error: expected riscv64, found riscv64 of 32 bits, little-endian"),
        ("linux/riscv64", Elf(machine=243, flags=1),
         "error: expected riscv64 with double float, found soft float"),
        ("linux/ppc64le", Elf(machine=21, big=True, flags=1),
         "error: expected ppc64le, found ppc64le of 64 bits, big-endian"),
        ("linux/ppc64le", Elf(machine=21, flags=1),
         "error: expected ppc64le with the ABI elfv2, found the ABI elfv1"),
        ("linux/mips64le", Elf(machine=8, flags=0xA0000007),
         "error: expected mips64le with the ABI n64, found the ABI n64-r6"),
        ("linux/arm64", Elf(machine=43, big=True),
         "error: expected aarch64, found sparc64 of 64 bits, big-endian"),
        ("linux/arm64", Elf(machine=999),
         "error: expected aarch64, found processor number 999 of 64 bits, little-endian"),
        ("windows/amd64", Elf(machine=62),
         "error: expected a Windows program (PE), found a Linux program (ELF)"),
    ],
)  # fmt: skip
def test_what_does_not_fit(known: Catalogue, platform: str, made: Elf, expected: str) -> None:
    assert verdict(known, platform, made.build()) == [expected]


def test_errors_come_before_warnings(known: Catalogue) -> None:
    made = arm(10, kind="library", interpreter="", soname="x", flags=0x05000400).build()
    assert verdict(known, "linux/arm/v5", made) == [
        "error: expected arm with soft float, found hard float",
        "warning: expected ARMv5 or older, found ARMv7",
    ]


def test_programs_of_windows_and_macos(known: Catalogue) -> None:
    assert verdict(known, "windows/amd64", pe(0x8664)) == []
    assert verdict(known, "windows/amd64", pe(0xAA64)) == [
        "error: expected x86-64, found aarch64 of 64 bits, little-endian"
    ]
    assert verdict(known, "linux/amd64", pe(0x8664)) == [
        "error: expected a Linux program (ELF), found a Windows program (PE)"
    ]
    arm64, x86_64 = 0x0100000C, 0x01000007
    assert verdict(known, "darwin/arm64", macho(arm64)) == []
    assert verdict(known, "darwin/arm64", fat((x86_64, macho(x86_64)), (arm64, macho(arm64)))) == []
    assert verdict(known, "darwin/arm64", fat((x86_64, macho(x86_64)))) == [
        "error: expected aarch64, found x86-64 of 64 bits, little-endian"
    ]


def test_what_says_nothing_is_no_finding(known: Catalogue) -> None:
    profile = known.profiles[Platform.parse("linux/arm64")]
    assert judge(None, profile, known) == []
    assert judge(Script(interpreter="/bin/sh"), profile, known) == []


def test_a_device_counts_with_its_own_processor(known: Catalogue) -> None:
    v2, v3 = (Elf(machine=62, x86_64=level).build() for level in (2, 3))
    assert verdict(known, "linux/amd64", v2)
    assert verdict(known, "linux/amd64", v2, "synology-geminilake") == []
    assert verdict(known, "linux/amd64", v3, "synology-geminilake") == [
        "error: expected x86-64-v2 or older, found x86-64-v3"
    ]
    neon = arm(attributes=arm_attributes((6, 10), (12, 1), (28, 1))).build()
    assert verdict(known, "linux/arm/v7", neon, "beaglebone-black") == []
    assert verdict(known, "linux/arm/v7", neon, "synology-armada370") == [
        "warning: expected no NEON (-mfpu=vfpv3-d16), found code for NEON"
    ]


def test_findings_say_what_follows(known: Catalogue) -> None:
    profile = known.profiles[Platform.parse("linux/amd64")]
    (found,) = judge(recognise(Excerpt.whole(Elf(machine=3, bits=32).build())), profile, known)
    assert found.severity is Severity.WARNING
    assert found.why == "Not every x86-64 system runs x86 programs."


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_program_is_a_crash(known: Catalogue, data: st.DataObject) -> None:
    program = data.draw(
        st.builds(
            Program,
            format=st.sampled_from(["elf", "pe", "macho"]),
            machine=st.sampled_from([3, 8, 21, 22, 40, 62, 183, 243, 247, 258, 0x8664, 5]),
            bits=st.sampled_from([32, 64]),
            endian=st.sampled_from(["little", "big"]),
            kind=st.sampled_from(["executable", "library", "other"]),
            float=st.sampled_from(["", "soft", "hard", "double", "quad"]),
            arm=st.integers(0, 9),
            x86_64=st.integers(0, 4),
        )
    )
    profile: Profile = data.draw(st.sampled_from(list(known.profiles.values())))
    found = judge((program,), profile, known)
    assert all(f.expected and f.found for f in found)
    assert described(program, known)
