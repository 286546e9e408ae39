"""Which daemon can be run here, and where its programs are."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bakex.errors import EngineStartError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.config import Settings


class Kind(StrEnum):
    """A daemon that holds BuildKit."""

    BUILDKITD = "buildkitd"
    DOCKERD = "dockerd"


# In order of preference. Each alternative in a tuple does; dockerd starts containerd and that its
# shim by name, both start runc by name.
_NEEDED: Final[Mapping[Kind, tuple[tuple[str, ...], ...]]] = {
    Kind.BUILDKITD: (("buildkitd",), ("buildkit-runc", "runc")),
    Kind.DOCKERD: (("dockerd",), ("containerd",), ("containerd-shim-runc-v2",), ("runc",)),
}
_IN_PREFIX: Final = ("bin", "sbin", "usr/bin", "usr/sbin")
# A user's PATH on Debian often lacks the directories in which daemons are.
_SYSTEM: Final = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_OS_RELEASE: Final = Path("/etc/os-release")


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """A daemon that can be run.

    Attributes:
        daemon: The path of its program.
        path: ``PATH`` for it, under which it finds its helpers.
    """

    kind: Kind
    daemon: Path
    path: str


def search_path(settings: Settings) -> str:
    """Return where programs are looked for: the engine prefix, ``PATH``, the system's places."""
    prefix = [str(settings.engine_prefix / part) for part in _IN_PREFIX]
    own = [part for part in settings.environ.get("PATH", "").split(os.pathsep) if part]
    return os.pathsep.join(dict.fromkeys([*prefix, *own, *_SYSTEM]))


def find_programs(settings: Settings, *, release: Mapping[str, str]) -> Programs:
    """Return the daemon to run: buildkitd if it is there with its helpers, else dockerd.

    Args:
        settings: Where to look.
        release: What os-release(5) says about this system, for the advice.

    Raises:
        EngineStartError: Neither is complete; the message says what to install.
    """
    path = search_path(settings)
    lacking: dict[Kind, list[str]] = {}
    for kind, needed in _NEEDED.items():
        found = [_which(names, path) for names in needed]
        if found[0] is not None and None not in found:
            return Programs(kind=kind, daemon=Path(found[0]), path=path)
        lacking[kind] = [
            names[-1] for names, place in zip(needed, found, strict=True) if place is None
        ]
    details = [f"For {kind} there is no {', no '.join(names)}." for kind, names in lacking.items()]
    details.append(f"Looked in {settings.engine_prefix} and in PATH.")
    if is_old_debian(release):
        details.append(OLD_DEBIAN)
    raise EngineStartError(
        "no BuildKit is running, and there is none that bakex could start",
        detail="\n".join(details),
        hint=install_hint(release),
    )


OLD_DEBIAN: Final = (
    "Debian 12's own docker.io is version 20.10, which has no containerd image store; a private"
    " engine needs 23 or later, and Debian 13 has it."
)


def read_os_release(file: Path = _OS_RELEASE) -> Mapping[str, str]:
    """Return the assignments of os-release(5); empty if there is no such file."""
    try:
        rows = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (row.partition("=") for row in rows if "=" in row)
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def is_old_debian(release: Mapping[str, str]) -> bool:
    """Return whether this is a Debian whose docker is too old: 12 or before."""
    number = release.get("VERSION_ID", "")
    return release.get("ID") == "debian" and number.isdigit() and int(number) <= 12


def install_hint(release: Mapping[str, str]) -> str:
    """Return the one next step that gives this system an engine."""
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    if is_old_debian(release):
        return (
            "install docker.io, containerd and runc from Debian 13, or unpack them into the"
            " engine prefix (BAKEX_ENGINE_PREFIX), as tests/host/provision.py does"
        )
    if family & {"debian", "ubuntu"}:
        return "apt-get install docker.io"
    return "install docker (23 or later) or buildkitd with runc"


def _which(names: tuple[str, ...], path: str) -> str | None:
    return next((place for name in names if (place := shutil.which(name, path=path))), None)
