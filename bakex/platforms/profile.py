"""Platforms and devices as the data files describe them; docs/platforms.md explains the keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakex.platforms.shape import (
    choice,
    number,
    octets,
    pairs,
    platform,
    platforms,
    record,
    records,
    text,
    texts,
)

if TYPE_CHECKING:
    from bakex.model.platform import Platform

_WORD = r"[A-Za-z0-9][A-Za-z0-9._+-]*"
_PATH = r"/[\x21-\x7e]+"
FLOATS = ("soft", "single", "double", "hard")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What others call a platform."""

    uname: tuple[str, ...] = field(
        default=(), metadata=texts("What uname -m says, the usual one first.", pattern=_WORD)
    )
    debian: str = field(default="", metadata=text("Debian's architecture.", pattern=_WORD))
    multiarch: str = field(
        default="", metadata=text("Debian's folder of libraries.", pattern=_WORD)
    )
    rpm: str = field(default="", metadata=text("RPM's architecture.", pattern=_WORD))
    alpine: str = field(default="", metadata=text("Alpine's architecture.", pattern=_WORD))
    gnu: str = field(
        default="", metadata=text("GNU triple, the prefix of cross compilers.", pattern=_WORD)
    )
    musl: str = field(default="", metadata=text("GNU triple with musl.", pattern=_WORD))
    rust: tuple[str, ...] = field(
        default=(), metadata=texts("Rust targets, the one with glibc first.", pattern=_WORD)
    )
    go: tuple[tuple[str, str], ...] = field(
        default=(), metadata=pairs("Go's variables: GOARCH, GOARM, GOAMD64, ...")
    )
    zig: tuple[str, ...] = field(
        default=(), metadata=texts("Zig targets, the one with glibc first.", pattern=_WORD)
    )
    wheels: tuple[str, ...] = field(
        default=(),
        metadata=texts("Tags of Python wheels, * for a version.", pattern=r"[a-z0-9_*]+"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """What the headers of programs say."""

    format: str = field(metadata=choice("Format of programs.", "elf", "pe", "macho"))
    machine: int = field(metadata=number("ELF e_machine, PE Machine, or Mach-O cputype."))
    bits: int = field(metadata=number("Size of addresses.", 32, 64))
    endian: str = field(default="little", metadata=choice("Order of bytes.", "little", "big"))
    float: tuple[str, ...] = field(
        default=(),
        metadata=texts(
            "How floating-point arguments are passed; every way that may be used.",
            pattern="|".join(FLOATS),
        ),
    )
    abi: str = field(
        default="", metadata=text("The ABI where a machine has several: elfv2, n64.", pattern=_WORD)
    )
    arm: int = field(
        default=0, metadata=number("Newest ARM architecture that programs may need.", 0, 5, 6, 7, 8)
    )
    x86_64: int = field(
        default=0, metadata=number("Highest x86-64 level that programs may need.", 0, 1, 2, 3, 4)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Isa:
    """What processors of a platform have at least."""

    baseline: str = field(metadata=text("Name of the instruction set."))
    cpuinfo: tuple[str, ...] = field(
        default=(),
        metadata=texts(
            "Features in /proc/cpuinfo by which a processor is known to have it.", pattern=_WORD
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreters:
    """Dynamic linkers."""

    glibc: tuple[str, ...] = field(default=(), metadata=texts("Paths of glibc's.", pattern=_PATH))
    musl: tuple[str, ...] = field(default=(), metadata=texts("Paths of musl's.", pattern=_PATH))


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulation:
    """How the platform's programs run on others."""

    program: str = field(
        metadata=text("QEMU's program, without -static.", pattern=r"qemu-[a-z0-9_]+")
    )
    cpu: str = field(
        default="", metadata=text("QEMU's processor that has no more than the platform.")
    )
    magic: bytes = field(metadata=octets("First bytes of programs, for binfmt_misc."))
    mask: bytes = field(metadata=octets("Which bits of them count."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A platform."""

    platform: Platform = field(
        metadata=platform("Its name; the file is called after it, with hyphens.")
    )
    title: str = field(metadata=text("What it is, for people."))
    default_variant: str = field(
        default="", metadata=text("Which variant the architecture alone means.", pattern=_WORD)
    )
    names: Names = field(metadata=record("What others call it.", Names))
    binary: Binary = field(metadata=record("What the headers of programs say.", Binary))
    isa: Isa = field(metadata=record("What processors have at least.", Isa))
    interpreters: Interpreters = field(
        default=Interpreters(), metadata=record("Dynamic linkers.", Interpreters)
    )
    emulation: Emulation | None = field(
        default=None, metadata=record("How it is emulated.", Emulation)
    )
    runs: tuple[Platform, ...] = field(
        default=(),
        metadata=platforms("What its processors run by themselves besides, the nearest first."),
    )

    @property
    def aliases(self) -> tuple[str, ...]:
        """All names, each once."""
        n = self.names
        single = (n.debian, n.multiarch, n.rpm, n.alpine, n.gnu, n.musl)
        return tuple(dict.fromkeys(x for x in (*n.uname, *single, *n.rust, *n.zig, *n.wheels) if x))


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A device with a system of one platform."""

    platform: Platform = field(metadata=platform("What the system's programs are."))
    gcc: tuple[str, ...] = field(
        default=(),
        metadata=texts("Options of GCC for this processor.", pattern=r"-m[a-z0-9=._+-]+"),
    )
    rust_cpu: str = field(default="", metadata=text("rustc -C target-cpu, also clang's -mcpu."))
    go: tuple[tuple[str, str], ...] = field(
        default=(), metadata=pairs("Go's variables that differ from the platform's.")
    )
    qemu_cpu: str = field(
        default="",
        metadata=text("QEMU's processor that is this one, or the nearest that has no more."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A machine that people have."""

    device: str = field(
        metadata=text("Its name; the file is called after it.", pattern=r"[a-z0-9]+(-[a-z0-9]+)*")
    )
    title: str = field(metadata=text("Its full name, for people."))
    aliases: tuple[str, ...] = field(
        default=(), metadata=texts("Other names.", pattern=r"[a-z0-9]+(-[a-z0-9]+)*")
    )
    models: tuple[str, ...] = field(
        default=(), metadata=texts("What is sold under this name, for people.")
    )
    cpu: str = field(metadata=text("Processor and system on a chip, for people."))
    systems: tuple[System, ...] = field(
        metadata=records("Systems that it runs, the usual one first.", System)
    )
    notes: tuple[str, ...] = field(default=(), metadata=texts("What one should know."))

    @property
    def platform(self) -> Platform:
        """The platform of its usual system."""
        return self.systems[0].platform

    def system(self, platform: Platform) -> System | None:
        """Return the system that runs the images of a platform: its own, or else the first."""
        able = [system for system in self.systems if system.platform.runs(platform)]
        return next((s for s in able if s.platform == platform), able[0] if able else None)
