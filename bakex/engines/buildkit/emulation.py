"""What steps print, or end with, when it is the emulation that fails and not the program.

Known are QEMU's own messages, the kernel's and the shells' words for a program that it cannot start
and the failures that programs are known to have under QEMU's user mode only. A symptom counts for
steps of another platform than the node's.
Sources: QEMU linux-user (elfload.c, signal.c, syscall.c, main.c), Linux fs/binfmt_misc.c,
docker/buildx#1170, tonistiigi/binfmt#215, rust-lang/cargo#8719, golang/go#69255.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.model.node import Speed

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bakex.model.plan import Cell
    from bakex.model.platform import Platform

FORMAT = "exec format error"  # Linux for ENOEXEC, as programs print it

_INSTALL = (
    "run bakex platform install {platform} --node {node}, or build on a node of that platform"
)
_NEWER = (
    "run bakex platform install {platform} --node {node} --image IMAGE with a newer QEMU, or build"
    " on a node of that platform"
)
_CROSS = (
    "do this in a stage that starts with FROM --platform=$BUILDPLATFORM and makes code for"
    " $TARGETPLATFORM, or build on a node of that platform"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """Something by which failing emulation is known.

    Attributes:
        pattern: Found in what the step wrote; empty for any.
        codes: The exit codes with which it counts; empty for any.
        command: Found in the command as well; empty for any.
        why: What it means; a template with ``platform``, ``node`` and the pattern's groups.
        remedy: The next step; a template, too.
        bits: Of the platforms where it happens; 0 for any.
    """

    pattern: re.Pattern[str]
    why: str
    remedy: str
    codes: Collection[int] = ()
    command: re.Pattern[str] = re.compile("")
    bits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong, and what to do next."""

    why: str
    remedy: str


def _symptom(
    pattern: str,
    why: str,
    remedy: str,
    *,
    codes: Collection[int] = (),
    command: str = "",
    bits: int = 0,
) -> Symptom:
    flags = re.MULTILINE
    return Symptom(
        pattern=re.compile(pattern, flags),
        why=why,
        remedy=remedy,
        codes=codes,
        command=re.compile(command, flags),
        bits=bits,
    )


_KILLED = frozenset({132, 134, 139})  # 128 and the signal: SIGILL, SIGABRT, SIGSEGV

# The first one counts, so the special ones come first.
SYMPTOMS: tuple[Symptom, ...] = (
    _symptom(
        r"(?i)exec format error|cannot execute binary file",
        "the kernel of {node} has no emulator for programs of {platform}, or they are of yet"
        " another platform",
        _INSTALL,
    ),
    _symptom(
        r"(?:qemu|\w+-binfmt)[\w-]*: Could not open '(?P<loader>/\S*ld[\w.-]*)'",
        "the program needs the dynamic linker {loader}, which is not in the image",
        "add the C library of {platform} to the stage, or link the program statically",
    ),
    _symptom(
        r"^exec (?P<program>/\S+): no such file or directory",
        "either {program} is not in the image, or the emulator of {platform} was registered without"
        " the flag F and is not found in containers",
        _INSTALL,
    ),
    _symptom(
        r"effective uid is not 0, is |must be setuid root",
        "the emulator of {platform} was registered without the flag C, so setuid has no effect",
        _INSTALL,
    ),
    _symptom(
        r"(?i)value too large for defined data type|EOVERFLOW",
        "a 32-bit program under a 64-bit emulator meets file numbers that it cannot hold",
        "use RUN --mount=type=tmpfs for the directory, or " + _CROSS,
        bits=32,
    ),
    _symptom(
        r"qemu[\w-]*: (?:Unable to (?:reserve|find a guest_base)|cannot set up guest memory"
        r"|.*mmap.* failed)",
        "QEMU cannot lay out the memory of {platform} on {node}",
        _NEWER,
    ),
    _symptom(
        r"qemu[\w-]*: uncaught target signal 4\b|(?i:illegal instruction)",
        "the program has an instruction that QEMU's processor for {platform} lacks",
        "set the build argument QEMU_CPU to max or to the processor that the program is made for,"
        " with ARG QEMU_CPU in the stage",
    ),
    _symptom(
        r"(?i)io_uring\w*.*(?:not implemented|not permitted|ENOSYS)",
        "QEMU does not emulate io_uring",
        "turn io_uring off (node: UV_USE_IO_URING=0), or " + _CROSS,
    ),
    _symptom(
        r"(?i)qemu[\w-]*: Unsupported (?:syscall|ioctl|ancillary)"
        r"|function not implemented|\bENOSYS\b",
        "the program asks for something of the kernel that QEMU does not emulate",
        _NEWER,
    ),
    _symptom(
        r"(?:libc-bin|ldconfig)[\s\S]*(?:signal 11|Segmentation fault)",
        "ldconfig crashes under some versions of QEMU",
        _NEWER,
    ),
    _symptom(
        r"(?i)qemu[\w-]*: uncaught target signal 11\b|segmentation fault|SIGSEGV"
        r"|unexpected fault address|fatal error: (?:lfstack|runtime|found bad pointer)",
        "the Go compiler crashes under QEMU, as Go programs under load are known to do",
        "compile in a stage that starts with FROM --platform=$BUILDPLATFORM, with"
        " GOOS=$TARGETOS GOARCH=$TARGETARCH",
        command=r"\bgo (?:build|install|test|mod|get|run|vet|generate)\b",
    ),
    _symptom(
        r"(?i)SIGSEGV|segmentation fault|uncaught target signal|memory allocation of \d+ bytes"
        r"|cannot allocate memory|out of memory",
        "the Rust compiler crashes or runs out of memory under QEMU",
        "compile in a stage that starts with FROM --platform=$BUILDPLATFORM, with"
        " cargo build --target",
        command=r"\b(?:cargo|rustc|maturin)\b",
    ),
    _symptom(
        r"qemu[\w-]*: uncaught target signal (?P<number>\d+)(?: \((?P<name>[^)]+)\))?",
        "a program of {platform} was ended by signal {number} ({name}) under QEMU",
        _NEWER,
    ),
    _symptom(
        "",
        "a program of {platform} crashed under QEMU",
        _NEWER,
        codes=_KILLED,
    ),
)


def recognise(
    lines: Sequence[str],
    *,
    code: int,
    command: str,
    cell: Cell,
    runs: tuple[Platform, Speed],
) -> Finding | None:
    """Return why a failed step may have failed because of emulation; None if nothing says so.

    Args:
        lines: The last that it wrote.
        code: What it ended with.
        command: What it ran.
        cell: Whose step it is.
        runs: The platform of its programs, and how the node runs them.
    """
    platform, speed = runs
    if speed is not Speed.EMULATED:
        return None
    text = "\n".join(lines)
    for symptom in SYMPTOMS:
        if symptom.codes and code not in symptom.codes:
            continue
        if symptom.bits and symptom.bits != bits_of(platform):
            continue
        found = symptom.pattern.search(text)
        if found is not None and symptom.command.search(command):
            words = {key: value or "?" for key, value in found.groupdict().items()}
            words |= {"platform": str(platform), "node": cell.node}
            return Finding(why=symptom.why.format(**words), remedy=symptom.remedy.format(**words))
    return None


def bits_of(platform: Platform) -> int:
    """Return the size of a platform's addresses: 32 or 64."""
    return 32 if platform.architecture in {"arm", "386", "mips", "mipsle"} else 64
