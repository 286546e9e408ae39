from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from bakex.engines.buildkit.emulation import SYMPTOMS, Symptom, recognise
from bakex.model.node import Speed
from bakex.model.platform import Platform

if TYPE_CHECKING:
    from tests.unit.engines.buildkit.conftest import MakeCell

# What programs really print: (platform, command, exit code, last lines, why, next step).
CASES = [
    ("linux/ppc64le", "x", 255,
     "exec /bin/sh: exec format error",
     "has no emulator for",
     "bakex platform install linux/ppc64le --node node,"),
    ("linux/arm64", "x", 126,
     "sh: 1: /x: cannot execute binary file",
     "has no emulator for",
     "bakex platform install linux/arm64"),
    ("linux/arm64", "x", 255,
     ("qemu-aarch64: Could not open '/lib/ld-linux-aarch64.so.1': No such file or"
      " directory"),
     "needs the dynamic linker /lib/ld-linux-aarch64.so.1",
     "add the C library of linux/arm64"),
    ("linux/arm/v7", "x", 255,
     "arm-binfmt-P: Could not open '/lib/ld-linux-armhf.so.3': No such file or directory",
     "needs the dynamic linker /lib/ld-linux-armhf.so.3",
     "C library"),
    ("linux/arm64", "x", 1,
     "exec /bin/sh: no such file or directory",
     "without the flag F",
     "platform install"),
    ("linux/arm64", "sudo true", 1,
     ("sudo: effective uid is not 0, is /usr/bin/sudo on a file system with the"
      " 'nosuid' option set or an NFS file system without root privileges?"),
     "without the flag C",
     "platform install"),
    ("linux/arm/v7", "cargo fetch", 101,
     "Value too large for defined data type; class=Os (2)",
     "file numbers",
     "type=tmpfs"),
    ("linux/arm64", "x", 1,
     "qemu-aarch64: Unable to reserve 0xffff000000 bytes of virtual address space",
     "lay out the memory",
     "--image IMAGE with a newer QEMU"),
    ("linux/arm/v7", "x", 132,
     "qemu: uncaught target signal 4 (Illegal instruction) - core dumped",
     "has an instruction that",
     "QEMU_CPU"),
    ("linux/arm64", "npm ci", 1,
     "io_uring_setup: Function not implemented",
     "io_uring",
     "UV_USE_IO_URING=0"),
    ("linux/arm64", "strace x", 1,
     "ptrace(PTRACE_TRACEME): Function not implemented",
     "does not emulate",
     "newer QEMU"),
    ("linux/riscv64", "x", 38,
     "qemu-riscv64: Unsupported syscall: 434",
     "does not emulate",
     "newer QEMU"),
    ("linux/arm64", "apt-get install -y x", 100,
     ("Processing triggers for libc-bin (2.36-9) ...\nSegmentation fault (core"
      " dumped)\ndpkg: error processing package libc-bin (--configure):"),
     "ldconfig crashes",
     "newer QEMU"),
    ("linux/arm64", "/bin/sh -c cd /src && go build ./...", 2,
     "fatal error: lfstack.push",
     "the Go compiler crashes",
     "GOARCH=$TARGETARCH"),
    ("linux/arm64", "cargo build --release", 101,
     "error: could not compile `syn` (signal: 11, SIGSEGV: invalid memory reference)",
     "the Rust compiler",
     "cargo build --target"),
    ("linux/arm64", "x", 139,
     "qemu: uncaught target signal 11 (Segmentation fault) - core dumped",
     "ended by signal 11 (Segmentation fault)",
     "newer QEMU"),
    ("linux/arm64", "x", 134,
     "qemu: uncaught target signal 6",
     "ended by signal 6 (?)",
     "newer QEMU"),
    ("linux/arm64", "x", 139,
     "",
     "crashed under QEMU",
     "newer QEMU"),
]  # fmt: skip


@pytest.mark.parametrize(("platform", "command", "code", "text", "why", "remedy"), CASES)
def test_failures_of_the_emulation(
    make_cell: MakeCell, platform: str, command: str, code: int, text: str, why: str, remedy: str
) -> None:
    cell = make_cell(platform, speed=Speed.EMULATED)
    lines = ["something before", *text.splitlines()]
    runs = (Platform.parse(platform), Speed.EMULATED)
    found = recognise(lines, code=code, command=command, cell=cell, runs=runs)
    assert found is not None
    assert why in found.why
    assert remedy in found.remedy
    native = (Platform.parse(platform), Speed.NATIVE)
    assert recognise(lines, code=code, command=command, cell=cell, runs=native) is None


@pytest.mark.parametrize(
    ("platform", "command", "code", "text"),
    [
        ("linux/arm64", "make", 2, "make: *** [all] Error 2"),
        ("linux/arm64", "x", 137, ""),
        ("linux/arm64", "x", 1, "E: Value too large for defined data type"),  # not of 32 bits
        ("linux/arm64", "x", 1, "ldconfig: ran well"),
    ],
)
def test_failures_of_the_program(
    make_cell: MakeCell, platform: str, command: str, code: int, text: str
) -> None:
    cell = make_cell(platform, speed=Speed.EMULATED)
    runs = (Platform.parse(platform), Speed.EMULATED)
    assert recognise([text], code=code, command=command, cell=cell, runs=runs) is None


def test_every_symptom_has_a_case() -> None:
    met = {
        next(
            s.why
            for s in SYMPTOMS
            if (not s.codes or code in s.codes)
            and s.pattern.search(text)
            and s.command.search(command)
        )
        for _, command, code, text, _, _ in CASES
    }
    assert met == {symptom.why for symptom in SYMPTOMS}


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=lambda symptom: symptom.why)
def test_templates_use_what_is_there(symptom: Symptom) -> None:
    used = set(re.findall(r"{(\w+)}", symptom.why + symptom.remedy))
    assert used <= {"platform", "node", *symptom.pattern.groupindex}
    assert not symptom.why.endswith(".")
    assert not symptom.remedy.endswith(".")
