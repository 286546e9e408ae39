from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from bakex.errors import CapabilityError
from bakex.nodes.binfmt import LocalKernel
from bakex.platforms.handlers import Change, Kind

if TYPE_CHECKING:
    from pathlib import Path

REGISTER = Change(kind=Kind.REGISTER, name="mine", line=":mine:M::m:k:/q:F", program="q")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    table = tmp_path / "sys/fs/binfmt_misc"
    table.mkdir(parents=True)
    for name, text in (("register", ""), ("status", "enabled\n"), ("other", "enabled\n")):
        (table / name).write_text(text)
    boot = tmp_path / "sys/kernel/random/boot_id"
    boot.parent.mkdir(parents=True)
    boot.write_text("one\n")
    return tmp_path


@pytest.fixture
def kernel(proc: Path) -> LocalKernel:
    script = b"#!/bin/sh\nexit 0\n"
    return LocalKernel(lambda program: proc / program, {"sh": script}, proc=proc)


def text(proc: Path, name: str) -> str:
    return (proc / "sys/fs/binfmt_misc" / name).read_text()


async def test_what_the_kernel_says(
    kernel: LocalKernel, proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    table = await kernel.look()
    assert (table.boot, table.mounted, table.enabled) == ("one", True, True)
    assert table.entries == {"other": "enabled\n"}
    assert table.running == {"sh"}
    assert await kernel.interpreters(["qemu-arm"]) == {"qemu-arm": str(proc / "qemu-arm")}
    (proc / "sys/fs/binfmt_misc/status").write_text("disabled\n")
    assert not (await kernel.look()).enabled


async def test_a_program_that_does_not_run(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    bad = LocalKernel(lambda program: proc / program, {"x": b"\x7fELF nothing"}, proc=proc)
    assert (await bad.look()).running == frozenset()


async def test_a_root_of_its_own_for_root(
    kernel: LocalKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        seen.append(command)
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(subprocess, "run", run)
    assert (await kernel.look()).running == frozenset()
    ((program, _, path),) = seen
    assert (program, path) == ("chroot", "/program")


async def test_changes_and_back(kernel: LocalKernel, proc: Path) -> None:
    off = Change(kind=Kind.DISABLE, name="other")
    on = Change(kind=Kind.SWITCH_ON)
    await kernel.change([on, off, REGISTER])
    # The kernel reads each write; a file keeps the last.
    assert text(proc, "register") == REGISTER.line
    assert text(proc, "other").startswith("0")
    assert text(proc, "status").startswith("1")
    (proc / "sys/fs/binfmt_misc/mine").write_text("enabled\n")
    await kernel.change([REGISTER, off, on], back=True)
    assert text(proc, "mine").startswith("-1")
    assert text(proc, "other").startswith("1")
    assert text(proc, "status").startswith("0")


async def test_what_others_have_removed_needs_no_undoing(kernel: LocalKernel) -> None:
    gone = Change(kind=Kind.DISABLE, name="gone")
    table = await kernel.change([gone, REGISTER], back=True)
    assert set(table.entries) == {"other"}


async def test_mounting(kernel: LocalKernel, proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        seen.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    mount = Change(kind=Kind.MOUNT)
    await kernel.change([mount])
    await kernel.change([mount], back=True)
    place = str(proc / "sys/fs/binfmt_misc")
    assert [c for c in seen if "mount" in c[0]] == [
        ["mount", "-t", "binfmt_misc", "binfmt_misc", place],
        ["umount", place],
    ]
    (proc / "sys/fs/binfmt_misc/register").unlink()
    table = await kernel.look()
    assert (table.mounted, table.enabled, table.entries) == (False, True, {})


async def test_changes_that_cannot_be_made(kernel: LocalKernel, proc: Path) -> None:
    (proc / "sys/fs/binfmt_misc/register").unlink()
    with pytest.raises(CapabilityError, match="cannot register mine") as caught:
        await kernel.change([REGISTER])
    assert "root" in caught.value.hint
