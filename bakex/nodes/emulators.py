"""Programs that emulation is installed with: QEMU's, and busybox, all static.

They are those of this system or, where it has apt, those of its Debian packages, which apt verifies
and nobody installs: they are unpacked below bakex's cache folder.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bakex.errors import CapabilityError
from bakex.platforms import elf
from bakex.platforms.excerpt import Gatherer
from bakex.platforms.recognise import recognise

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE_S: Final = 300
_PACKAGES: Final = ("qemu-user-static", "qemu-user", "busybox-static")
_PLACES: Final = ("usr/bin", "bin")


class Programs:
    """Finds programs; each is looked for once.

    Args:
        cache: bakex's cache folder.
        environ: PATH is looked in; apt gets all of it.
    """

    def __init__(self, cache: Path, environ: Mapping[str, str]) -> None:
        self._folder = cache / "emulators"
        self._environ = environ

    def interpreter(self, program: str) -> Path:
        """Return the path of one of QEMU's programs, such as ``qemu-arm``. Blocking.

        Debian's own name for it is preferred: by that, its QEMU knows that argv[0] is kept.

        Raises:
            CapabilityError: There is none, and none can be had.
        """
        short = program.removeprefix("qemu-")
        named = Path(f"/usr/libexec/qemu-binfmt/{short}-binfmt-P")
        return named if is_static(named) else self._find(f"{program}-static", program)

    def busybox(self) -> Path:
        """Return the path of busybox. Blocking.

        Raises:
            CapabilityError: There is none, and none can be had.
        """
        return self._find("busybox")

    def _find(self, *names: str) -> Path:
        if found := self._look(names):
            return found
        self._fetch()
        if found := self._look(names):
            return found
        raise CapabilityError(
            f"there is no static {names[-1]} on this machine",
            hint="install the packages qemu-user-static and busybox-static, or what your"
            " distribution calls them",
        )

    def _look(self, names: tuple[str, ...]) -> Path | None:
        places = [str(self._folder / place) for place in _PLACES]
        path = ":".join([self._environ.get("PATH", ""), *places])
        for name in names:
            found = shutil.which(name, path=path)
            if found is not None and is_static(Path(found)):
                return Path(found)
        return None

    def _fetch(self) -> None:
        """Unpack Debian's packages, those that there are; what does not work is found out later."""
        if self._folder.exists() or shutil.which("apt-get", path=self._environ.get("PATH")) is None:
            return
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder.parent) as scratch:
            for package in _PACKAGES:
                self._run("apt-get", "-qq", "download", package, cwd=scratch)
            root = Path(scratch) / "root"
            root.mkdir()
            for file in sorted(Path(scratch).glob("*.deb")):
                self._run("dpkg-deb", "--extract", str(file), str(root), cwd=scratch)
            if any(root.iterdir()):
                root.rename(self._folder)

    def _run(self, *command: str, cwd: str) -> None:
        try:
            subprocess.run(
                command,
                cwd=cwd,
                env=dict(self._environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE_S,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            return


def is_static(path: Path) -> bool:
    """Return whether a file is a program that needs no other file."""
    gatherer = Gatherer(elf.wanted)
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                gatherer.feed(chunk)
    except OSError:
        return False
    found = recognise(gatherer.excerpt())
    return isinstance(found, tuple) and bool(found) and all(one.is_static for one in found)
