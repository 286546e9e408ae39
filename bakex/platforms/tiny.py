"""The smallest programs that show whether a machine runs a platform's code, and how fast.

Each prints ``ok`` and ends well; with an argument, it first counts down from 2^28, which takes
processors of today some tenths of a second. It is static, position-independent, needs no
memory but its own, and only instructions that every processor of the architecture has. The code is
kept as bytes with its source beside it; a test assembles the source where there is an assembler,
another one runs the programs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakex.model.platform import Platform
    from bakex.platforms.profile import Binary

TEXT = b"ok\n"
_BASE = 0x10000  # where it is loaded; above the lowest address that Linux lets anyone map


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """The instructions of a program; its text follows them.

    Attributes:
        source: In the words of GNU as; the text begins at the last label.
        flags: ELF's e_flags: ABI and version.
        options: What the assembler has to be told.
    """

    octets: bytes
    source: str
    flags: int = 0
    options: tuple[str, ...] = ()


def _code(octets: str, source: str, *, flags: int = 0, options: str = "") -> Code:
    return Code(
        octets=bytes.fromhex(octets), source=source, flags=flags, options=tuple(options.split())
    )


CODES = {
    "amd64": _code(
        "833c2401 7409 b900000010 ffc9 75fc b801000000 bf01000000 488d3510000000 ba03000000 0f05"
        "b83c000000 31ff 0f05",
        """
        cmpl $1, (%rsp); je 2f
        mov $0x10000000, %ecx
        1: dec %ecx; jnz 1b
        2: mov $1, %eax; mov $1, %edi; lea 3f(%rip), %rsi; mov $3, %edx; syscall
        mov $60, %eax; xor %edi, %edi; syscall
        3:
        """,
    ),
    "386": _code(
        "833c2401 7408 b900000010 49 75fd e800000000 59 81c121000000 b804000000 bb01000000"
        "ba03000000 cd80 b801000000 31db cd80",
        """
        cmpl $1, (%esp); je 2f
        mov $0x10000000, %ecx
        1: dec %ecx; jnz 1b
        2: call 3f
        3: pop %ecx; add $(4f - 3b), %ecx
        mov $4, %eax; mov $1, %ebx; mov $3, %edx; int $0x80
        mov $1, %eax; xor %ebx, %ebx; int $0x80
        4:
        """,
        options="--32",
    ),
    "arm64": _code(
        "e30340f9 7f0400f1 80000054 0400a252 84040071 e1ffff54 200080d2 e1000010 620080d2 080880d2"
        "010000d4 000080d2 a80b80d2 010000d4",
        """
        ldr x3, [sp]; cmp x3, #1; b.eq 2f
        mov w4, #0x10000000
        1: subs w4, w4, #1; b.ne 1b
        2: mov x0, #1; adr x1, 3f; mov x2, #3; mov x8, #64; svc #0
        mov x0, #0; mov x8, #93; svc #0
        3:
        """,
    ),
    "arm": _code(
        "00309de5 010053e3 0200000a 0142a0e3 014054e2 fdffff1a 0100a0e3 14108fe2 0320a0e3 0470a0e3"
        "000000ef 0000a0e3 0170a0e3 000000ef",
        """
        ldr r3, [sp]; cmp r3, #1; beq 2f
        mov r4, #0x10000000
        1: subs r4, r4, #1; bne 1b
        2: mov r0, #1; add r1, pc, #(3f - . - 8); mov r2, #3; mov r7, #4; svc #0
        mov r0, #0; mov r7, #1; svc #0
        3:
        """,
        flags=0x05000000,  # EF_ARM_EABI_VER5
        options="-march=armv4t",
    ),
    "riscv64": _code(
        "83320100 13031000 63886200 b7030010 9383f3ff e39e03fe 13051000 97050000 93850502 13063000"
        "93080004 73000000 13050000 9308d005 73000000",
        """
        ld t0, 0(sp); li t1, 1; beq t0, t1, 2f
        lui t2, 0x10000
        1: addi t2, t2, -1; bnez t2, 1b
        2: li a0, 1; lla a1, 3f; li a2, 3; li a7, 64; ecall
        li a0, 0; li a7, 93; ecall
        3:
        """,
        flags=4,  # EF_RISCV_FLOAT_ABI_DOUBLE
        options="-march=rv64i -mno-relax",
    ),
    "ppc64le": _code(
        "0000c1e8 0100262c 10008241 0010e03c a603e97c 00000042 05000048 a602887c 24008438 01006038"
        "0300a038 04000038 02000044 00006038 01000038 02000044",
        """
        ld 6, 0(1); cmpdi 6, 1; beq 2f
        lis 7, 0x1000; mtctr 7
        1: bdnz 1b
        2: bl 3f
        3: mflr 4; addi 4, 4, (4f - 3b)
        li 3, 1; li 5, 3; li 0, 4; sc
        li 3, 0; li 0, 1; sc
        4:
        """,
        flags=2,  # ELFv2
    ),
    "s390x": _code(
        "e350f0000004 a75f0001 a7840006 a56e1000 a7660000 a7290001 c03000000009 a7490003 0a04"
        "a7290000 0a01",
        """
        lg %r5, 0(%r15); cghi %r5, 1; je 2f
        llilh %r6, 0x1000
        1: brct %r6, 1b
        2: lghi %r2, 1; larl %r3, 3f; lghi %r4, 3; svc 4
        lghi %r2, 0; svc 1
        3:
        """,
        options="-march=z900",
    ),
    "mips64le": _code(
        "0000a8df 01000924 05000911 00000000 00100a3c ffff4a25 feff4015 00000000 01001104 00000000"
        "2000e567 01000424 03000624 89130224 0c000000 00000424 c2130224 0c000000",
        """
        .set noreorder
        ld $8, 0($29); li $9, 1; beq $8, $9, 2f; nop
        lui $10, 0x1000
        1: addiu $10, $10, -1; bnez $10, 1b; nop
        2: bal 3f; nop
        3: daddiu $5, $31, (4f - 3b)
        li $4, 1; li $6, 3; li $2, 5001; syscall
        li $4, 0; li $2, 5058; syscall
        4:
        """,
        flags=0x80000007,  # EF_MIPS_ARCH_64R2, CPIC, PIC, NOREORDER
        options="-mips64r2 -mabi=64",
    ),
    "loong64": _code(
        "6c00c028 8cfdff02 80110040 0d002014 adfdff02 bffdff47 04048003 e5000018 060c8003 0b008103"
        "00002b00 04008003 0b748103 00002b00",
        """
        ld.d $t0, $sp, 0; addi.d $t0, $t0, -1; beqz $t0, 2f
        lu12i.w $t1, 0x10000
        1: addi.d $t1, $t1, -1; bnez $t1, 1b
        2: li.w $a0, 1; pcaddi $a1, 7; li.w $a2, 3; li.w $a7, 64; syscall 0
        li.w $a0, 0; li.w $a7, 93; syscall 0
        3:
        """,
        flags=0x43,  # LP64D, object ABI 1
    ),
}


def program(platform: Platform, binary: Binary) -> bytes | None:
    """Return the program of a platform as a file; None if there is none for it.

    Args:
        platform: The platform.
        binary: What the headers of its programs say.
    """
    code = CODES.get(platform.architecture) if platform.os == "linux" else None
    return None if code is None else _elf(code, binary)


def _elf(code: Code, binary: Binary) -> bytes:
    """Return an ELF file that maps the whole of itself, readable and executable."""
    little, wide = binary.endian == "little", binary.bits == 64
    order = "<" if little else ">"
    header, entry = (64, 56) if wide else (52, 32)
    size = header + entry + len(code.octets) + len(TEXT)
    identity = b"\x7fELF" + bytes([2 if wide else 1, 1 if little else 2, 1]) + bytes(9)
    where = "QQQ" if wide else "III"
    head = struct.pack(
        f"{order}HHI{where}IHHHHHH",
        *(2, binary.machine, 1, _BASE + header + entry, header, 0),
        *(code.flags, header, entry, 1, 0, 0, 0),
    )
    readable = 5  # PF_R and PF_X
    segment = (
        struct.pack(f"{order}II6Q", 1, readable, 0, _BASE, _BASE, size, size, 0x1000)
        if wide
        else struct.pack(f"{order}8I", 1, 0, _BASE, _BASE, size, size, readable, 0x1000)
    )
    return identity + head + segment + code.octets + TEXT
