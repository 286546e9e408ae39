"""What this machine's kernel says about programs of other platforms. Linux only."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.api.platforms import catalogue
from bakex.errors import BakexError
from bakex.model.platform import Platform
from bakex.platforms import binfmt
from bakex.platforms.ability import Ability, abilities

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bakex.api.emulators import Emulators
    from bakex.config import Settings
    from bakex.platforms.catalogue import Catalogue

_PROC = Path("/proc")
_TABLE = Path("sys/fs/binfmt_misc")
_CONTROLS = frozenset({"register", "status"})
_LARGEST = 1 << 20  # bytes; /proc/cpuinfo has some kilobytes for each processor
_PATIENCE_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """An entry of a kernel's table of interpreters.

    Attributes:
        version: What the interpreter says about itself; empty if it cannot be asked.
    """

    handler: binfmt.Handler
    version: str


class Platforms:
    """What is known about platforms and devices, and what this machine does with them.

    Args:
        settings: Say where the user's data files are, and which platform this machine is.
        proc: Where the kernel tells about itself. What cannot be read there counts as empty, as on
            other systems, or where binfmt_misc is not mounted.
    """

    def __init__(self, settings: Settings, *, proc: Path = _PROC) -> None:
        self._machine = Platform.parse(settings.machine)
        self._proc = proc
        self._settings = settings

    @cached_property
    def catalogue(self) -> Catalogue:
        """The platforms and devices.

        Raises:
            ConfigError: A file of the user's cannot be read or is malformed; with its place.
        """
        return catalogue(self._settings)

    def abilities(self) -> list[Ability]:
        """Return how this machine runs the programs of each platform."""
        found = handlers(self._proc)
        return abilities(self._machine, self.catalogue, features(self._proc), found)

    async def handlers_of(self, builder: str, node: str) -> list[Interpreter]:
        """Return the interpreters of a node's kernel; none if nothing can ask it.

        On a docker daemon, a privileged container looks; see `emulators`.
        """
        try:
            emulators = self.emulators(builder=builder, node=node)
            found = await emulators.handlers()
        except BakexError:
            return []
        names = {handler.interpreter for handler in found} if emulators.is_here else set[str]()
        known = {name: _version(Path(name)) for name in sorted(names)}
        return [Interpreter(handler=h, version=known.get(h.interpreter, "")) for h in found]

    def emulators(self, *, builder: str = "", node: str = "", image: str = "") -> Emulators:
        """Return what sets up emulation on this machine, or on a node.

        Args:
            builder: The node's builder; empty for the one in use.
            node: Its name; empty for this machine.
            image: On a docker daemon, the image with QEMU's programs; empty for those from here.

        Raises:
            UsageError: There is no such node, or an image makes no sense.
            NodeError: Nothing is known by which its kernel can be reached.
        """
        from bakex.api.emulators import Emulators, endpoint_of  # noqa: PLC0415 - start-up budget

        where = endpoint_of(self._settings, builder, node) if node else None
        return Emulators(self._settings, self.catalogue, node=where, image=image, proc=self._proc)


def handlers(proc: Path = _PROC) -> list[binfmt.Handler]:
    """Return the entries of the kernel's table of interpreters, those of magic bytes."""
    try:
        entries = sorted((proc / _TABLE).iterdir())
    except OSError:
        return []
    found = [binfmt.parse(e.name, _text(e)) for e in entries if e.name not in _CONTROLS]
    return [handler for handler in found if handler is not None]


def features(proc: Path = _PROC) -> frozenset[str]:
    """Return the features of the first processor."""
    for line in _text(proc / "cpuinfo").splitlines():
        key, _, words = line.partition(":")
        if key.strip().lower() in {"flags", "features"}:
            return frozenset(words.split())
    return frozenset()


def versions(found: Iterable[Ability]) -> dict[str, str]:
    """Return interpreter -> what it says about itself, for those of QEMU that are on this machine.

    An interpreter with the flag F may come from elsewhere, such as a container: then it has none.
    """
    paths = {ability.handler.interpreter for ability in found if ability.handler}
    return {path: said for path in sorted(paths) if (said := _version(Path(path)))}


def _version(interpreter: Path) -> str:
    try:
        # Names such as arm-binfmt-P change what the program takes its arguments for.
        program = interpreter.resolve(strict=True)
        if not program.name.startswith("qemu-"):
            return ""
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    words = done.stdout.partition("\n")[0].split()
    return words[words.index("version") + 1] if "version" in words[:-1] else ""


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""
