"""The kernel's table of interpreters, of this machine: looked at and changed. Linux; needs root.

Source: Linux, Documentation/admin-guide/binfmt-misc.rst.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from bakex.errors import CapabilityError
from bakex.platforms.handlers import Kind, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bakex.platforms.handlers import Change

PROC: Final = Path("/proc")
_TABLE: Final = Path("sys/fs/binfmt_misc")
_BOOT: Final = Path("sys/kernel/random/boot_id")
_CONTROLS: Final = frozenset({"register", "status"})
_PATIENCE_S: Final = 20


class Kernel(Protocol):
    """A kernel whose table can be changed: this machine's, or that of a node."""

    async def look(self) -> Table:
        """Return what it says, and which platforms' programs it was seen to run.

        Raises:
            NodeError: It cannot be asked.
        """
        ...

    async def interpreters(self, programs: Sequence[str]) -> Mapping[str, str]:
        """Return QEMU's program -> the path under which the kernel finds it.

        Raises:
            NodeError: One of them is not to be had.
        """
        ...

    async def change(self, changes: Sequence[Change], *, back: bool = False) -> Table:
        """Make changes in this order, or undo them; return what it says then.

        Undoing what somebody else has undone is no error.

        Raises:
            NodeError: A change cannot be made; the earlier ones have been.
        """
        ...


class LocalKernel:
    """Implements `Kernel` for this machine.

    Args:
        find: Returns the path of one of QEMU's programs; blocking.
        samples: Architecture -> a program that ends well where it runs.
        proc: Where the kernel tells about itself.
    """

    def __init__(
        self,
        find: Callable[[str], Path],
        samples: Mapping[str, bytes],
        *,
        proc: Path = PROC,
    ) -> None:
        self._find = find
        self._samples = samples
        self._proc = proc
        self._table = proc / _TABLE

    async def look(self) -> Table:
        """Return what the kernel says (`Kernel.look`)."""
        return self._look()

    async def interpreters(self, programs: Sequence[str]) -> Mapping[str, str]:
        """Return the paths of programs (`Kernel.interpreters`)."""
        return {program: str(self._find(program)) for program in programs}

    async def change(self, changes: Sequence[Change], *, back: bool = False) -> Table:
        """Make changes or undo them (`Kernel.change`)."""
        for change in changes:
            try:
                (self._undo if back else self._make)(change)
            except (OSError, subprocess.CalledProcessError) as error:
                raise CapabilityError(
                    f"cannot {change.undone if back else change}",
                    detail=f"{getattr(error, 'strerror', None) or getattr(error, 'stderr', '')}.",
                    hint="changing the kernel's table of interpreters takes root",
                ) from None
        return self._look()

    def _look(self) -> Table:
        boot = (self._proc / _BOOT).read_text().strip()
        mounted = (self._table / "register").exists()
        found = {entry.name for entry in self._table.iterdir()} if mounted else set[str]()
        names = sorted(found - _CONTROLS)
        return Table(
            boot=boot,
            mounted=mounted,
            enabled=not mounted or self._text("status").strip() != "disabled",
            entries={name: self._text(name) for name in names},
            running=self._running(),
        )

    def _text(self, name: str) -> str:
        return (self._table / name).read_text("utf-8", "replace")

    def _running(self) -> frozenset[str]:
        """Return what runs in a root that holds nothing else, as in the barest container."""
        with tempfile.TemporaryDirectory(prefix="bakex-") as folder:
            Path(folder).chmod(0o755)
            return frozenset(
                name for name, content in self._samples.items() if _runs(Path(folder), content)
            )

    def _make(self, change: Change) -> None:
        match change.kind:
            case Kind.MOUNT:
                command = ["mount", "-t", "binfmt_misc", "binfmt_misc", str(self._table)]
                subprocess.run(command, check=True, capture_output=True, text=True)
            case Kind.SWITCH_ON:
                self._write("status", "1")
            case Kind.DISABLE:
                self._write(change.name, "0")
            case Kind.REGISTER:
                self._write("register", change.line)

    def _undo(self, change: Change) -> None:
        match change.kind:
            case Kind.MOUNT:
                subprocess.run(
                    ["umount", str(self._table)], check=False, capture_output=True, text=True
                )
            case Kind.SWITCH_ON:
                self._write("status", "0")
            case Kind.DISABLE if (self._table / change.name).exists():
                self._write(change.name, "1")
            case Kind.REGISTER if (self._table / change.name).exists():
                self._write(change.name, "-1")
            case _:
                pass

    def _write(self, name: str, text: str) -> None:
        # One write: the kernel takes each for a whole line.
        descriptor = os.open(self._table / name, os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)


def _runs(folder: Path, content: bytes) -> bool:
    program = folder / "program"
    program.unlink(missing_ok=True)
    program.write_bytes(content)
    program.chmod(0o755)
    root = os.geteuid() == 0
    command = ["chroot", str(folder), "/program"] if root else [str(program)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
