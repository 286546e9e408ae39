"""Whether a file can run on a platform, from what it says about itself.

* Another processor, size, byte order or ABI is an error, unless the platform's own processors run
  it too (386 on amd64, arm on arm64): that is a warning, because it needs more than the platform.
* Newer code than the platform's processors have is an error in an executable. In a library it is a
  warning: libraries have such code for processors that turn out to have it.
* What a file does not say is no finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bakex.platforms import golang
from bakex.platforms.program import ELF, EXECUTABLE, MACHO, PE, Script

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bakex.platforms.catalogue import Catalogue
    from bakex.platforms.profile import Profile, System
    from bakex.platforms.program import Content, Program

_HARD = "-mfloat-abi=hard"
_BPF = 247  # code for the kernel, the same on every processor
# The numbers of processors -> words, for those that no platform has.
_MACHINES: Mapping[str, Mapping[int, str]] = {
    ELF: {
        2: "sparc", 4: "m68k", 15: "hppa", 20: "ppc", 42: "sh", 43: "sparc64", 50: "ia64",
        83: "avr", 92: "or1k", 94: "xtensa", 189: "microblaze", 252: "csky", 0x9026: "alpha",
    },
    PE: {0x14C: "x86", 0x1C4: "arm", 0xAA64: "aarch64"},
    MACHO: {7: "x86", 12: "arm", 18: "ppc", 0x01000007: "x86-64", 0x01000012: "ppc64"},
}  # fmt: skip


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about a file that does not fit a platform.

    Attributes:
        expected: What the platform needs, in words.
        found: What the file has.
        why: What follows from it, in a sentence; empty if that is plain.
    """

    severity: Severity
    expected: str
    found: str
    why: str = ""

    def __str__(self) -> str:
        return f"expected {self.expected}, found {self.found}"


def judge(
    content: Content,
    profile: Profile,
    catalogue: Catalogue,
    system: System | None = None,
    *,
    float: str = "",  # noqa: A002 - as in the data files
) -> list[Finding]:
    """Return what does not fit, the most important first; empty if the file can run.

    Args:
        content: What the file says; scripts and data say nothing about processors.
        profile: The platform that it must run on.
        catalogue: All platforms, for the names of processors and for who runs what.
        system: A device that it must run on as well; its own processor counts then.
        float: How the other programs of the same system pass floating-point arguments, if that is
            known; ``hard`` narrows platforms on which either may be used.
    """
    if content is None or isinstance(content, Script):
        return []
    # A file for several processors fits if one of its parts does.
    if system is not None and _HARD in system.gcc:
        float = "hard"  # noqa: A001 - as in the data files
    verdicts = [_judge(program, profile, catalogue, system, float) for program in content]
    return min(verdicts, key=lambda found: [f.severity is Severity.ERROR for f in found])


def described(program: Program, catalogue: Catalogue) -> str:
    """Return the processor that a program is for, in a word or two."""
    known = [
        p
        for p in catalogue.profiles.values()
        if (p.binary.format, p.binary.machine) == (program.format, program.machine)
    ]
    exact = [p for p in known if (p.binary.bits, p.binary.endian) == (program.bits, program.endian)]
    if exact:
        return _name(exact[0])
    named = _name(known[0]) if known else _MACHINES[program.format].get(program.machine, "")
    named = named or f"processor number {program.machine}"
    return f"{named} of {program.bits} bits, {program.endian}-endian"


def _name(profile: Profile) -> str:
    word = {"amd64": "x86-64", "386": "x86", "arm64": "aarch64", "loong64": "loongarch64"}
    return word.get(profile.platform.architecture, profile.platform.architecture)


def _judge(
    program: Program,
    profile: Profile,
    catalogue: Catalogue,
    system: System | None,
    convention: str,
) -> list[Finding]:
    if program.format == ELF and program.machine == _BPF:
        return []
    binary = profile.binary
    if program.format != binary.format:
        words = {ELF: "a Linux program (ELF)", PE: "a Windows program (PE)", MACHO: "Mach-O"}
        return [_error(words[binary.format], words[program.format])]
    mine = (binary.machine, binary.bits, binary.endian)
    if (program.machine, program.bits, program.endian) != mine:
        return [_foreign(program, profile, catalogue)]
    found = [*_abi(program, profile, catalogue, convention), *_level(program, profile, system)]
    if system is not None:
        found.extend(_simd(program, profile, system))
    return sorted(found, key=lambda finding: finding.severity is Severity.WARNING)


def _foreign(program: Program, profile: Profile, catalogue: Catalogue) -> Finding:
    expected, found = _name(profile), described(program, catalogue)
    for other in catalogue.profiles.values():
        its = other.binary
        same = (its.format, its.machine, its.bits, its.endian) == (
            program.format, program.machine, program.bits, program.endian
        )  # fmt: skip
        if same and catalogue.runs(profile.platform, other.platform):
            why = f"Not every {expected} system runs {found} programs."
            return Finding(severity=Severity.WARNING, expected=expected, found=found, why=why)
    return _error(expected, found)


def _abi(
    program: Program, profile: Profile, catalogue: Catalogue, convention: str
) -> Iterator[Finding]:
    binary, name = profile.binary, _name(profile)
    if binary.abi and program.abi not in {"", binary.abi}:
        yield _error(f"{name} with the ABI {binary.abi}", f"the ABI {program.abi}")
    passed = program.float or float_of(program.machine, program.interpreter, catalogue)
    # What passes them in general registers runs on any processor: that narrows nothing.
    allowed = ("hard",) if convention == "hard" and "hard" in binary.float else binary.float
    if allowed and passed and passed not in allowed:
        yield _error(
            f"{name} with {' or '.join(allowed)} float",
            f"{passed} float",
            "Programs and libraries of the two do not work together.",
        )


def _level(program: Program, profile: Profile, system: System | None) -> Iterator[Finding]:
    binary = profile.binary
    x86_64 = binary.x86_64
    if system is not None:
        x86_64 = max(x86_64, golang.level(dict(system.go), "GOAMD64"))
    pairs = (
        (program.arm, binary.arm, "ARMv{}"),
        (program.x86_64, x86_64, "x86-64-v{}"),
    )
    for needs, has, form in pairs:
        if not has or needs <= has:
            continue
        if program.kind == EXECUTABLE:
            why = "It stops with an illegal instruction on older processors."
            severity = Severity.ERROR
        else:
            why = "It works if it asks the processor first."
            severity = Severity.WARNING
        yield Finding(
            severity=severity,
            expected=f"{form.format(has)} or older",
            found=form.format(needs),
            why=why,
        )


def _simd(program: Program, profile: Profile, system: System) -> Iterator[Finding]:
    """Yield a finding if a program has code for NEON and a device does not; -mfpu tells."""
    units = [option for option in system.gcc if option.startswith("-mfpu=")]
    if profile.binary.arm and program.simd and units and "neon" not in units[0]:
        yield Finding(
            severity=Severity.WARNING,
            expected=f"no NEON ({units[0]})",
            found="code for NEON",
            why="It works if it asks the processor first.",
        )


def float_of(machine: int, linker: str, catalogue: Catalogue) -> str:
    """Return how a dynamic linker's programs pass floats; empty if its name does not tell."""
    name = linker.rpartition("/")[2]
    for profile in catalogue.profiles.values():
        its, binary = profile.interpreters, profile.binary
        names = {path.rpartition("/")[2] for path in (*its.glibc, *its.musl)}
        if binary.machine == machine and len(binary.float) == 1 and name in names:
            return binary.float[0]
    return ""


def _error(expected: str, found: str, why: str = "") -> Finding:
    return Finding(severity=Severity.ERROR, expected=expected, found=found, why=why)
