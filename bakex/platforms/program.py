"""What a file says about the processor that it is made for."""

from __future__ import annotations

from dataclasses import dataclass

ELF, PE, MACHO = "elf", "pe", "macho"
EXECUTABLE, LIBRARY, OBJECT, OTHER = "executable", "library", "object", "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program, a library, or another file with machine code; one of several in fat files.

    Attributes:
        format: ``elf``, ``pe`` or ``macho``.
        machine: The format's number of the processor.
        bits: Of addresses: 32 or 64.
        endian: ``little`` or ``big``.
        kind: ``executable``, ``library``, ``object`` or ``other``.
        os_abi: ELF's number of the operating system; 0 and 3 are Linux, 0 is nearly everything.
        float: How floating-point arguments are passed; empty if it does not say.
        abi: Which of a machine's ABIs; empty if it does not say.
        arm: The ARM architecture that it needs; 0 if it does not say.
        simd: Whether it says that it has code for NEON.
        x86_64: The x86-64 level that it needs; 0 if it does not say.
        interpreter: Path of its dynamic linker; empty if it needs none.
        needed: Names of the libraries that it needs.
        runpath: Where it looks for them first (DT_RUNPATH or DT_RPATH), as it is written.
        unread: What could not be found out, because it is malformed or was not kept.
    """

    format: str
    machine: int
    bits: int
    endian: str = "little"
    kind: str = OTHER
    os_abi: int = 0
    float: str = ""
    abi: str = ""
    arm: int = 0
    simd: bool = False
    x86_64: int = 0
    interpreter: str = ""
    needed: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def is_static(self) -> bool:
        """Whether it is an executable that needs no other file, position-independent or not."""
        return self.kind == EXECUTABLE and not self.interpreter and not self.needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A file that says by which program it is run.

    Attributes:
        interpreter: As it is written.
        argument: What is behind it, as one text.
    """

    interpreter: str
    argument: str = ""


Content = tuple[Program, ...] | Script | None
