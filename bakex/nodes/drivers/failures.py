"""Why a daemon did not start, read from its log.

Each rule is a text that daemons print, and what that means here. The texts are quoted from dockerd
20.10 to 28, containerd 1.7 to 2.1 and buildkitd 0.11 to 0.32.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bakex.errors import EngineStartError
from bakex.nodes.drivers.programs import OLD_DEBIAN, install_hint, is_old_debian

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TAIL_LINES: Final = 12
_TAIL_BYTES: Final = 64 * 1024
_LOGRUS: Final = re.compile(r'^time="[^"]*" level=(\w+) msg="((?:[^"\\]|\\.)*)"(.*)$')
_NOISE: Final = frozenset({"debug", "info"})


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    why: str
    todo: str


def _rule(pattern: str, why: str, todo: str) -> _Rule:
    return _Rule(re.compile(pattern, re.IGNORECASE), why, todo)


_RULES: Final = (
    _rule(
        r"devices cgroup isn't mounted|cgroups: cgroup mountpoint does not exist"
        r"|no cgroup mount found|cgroup mountpoint does not exist",
        "The kernel's control groups are not mounted.",
        "mount -t cgroup2 none /sys/fs/cgroup",
    ),
    _rule(
        r"failed to mount overlay|overlayfs.*not supported|overlay.*(no such device|invalid arg)",
        "The kernel cannot stack directories (overlay) on the file system of the cache folder.",
        "set XDG_CACHE_HOME to a folder on ext4, xfs or btrfs",
    ),
    _rule(
        r"no space left on device",
        "The file system of the cache folder is full.",
        "free some space, or run bakex engine prune",
    ),
    _rule(
        r"operation not permitted|permission denied",
        "The kernel refuses something that the engine needs; this is usual in a container that is"
        " not privileged.",
        "run in a privileged container or on the host, or name another builder with --builder",
    ),
    _rule(
        r"read-only file system",
        "The cache folder or the control groups cannot be written to.",
        "run where both can be written to, or name another builder with --builder",
    ),
    _rule(
        r'exec: "([\w.-]+)": executable file not found',
        "A program that the daemon starts is missing.",
        "install the missing program",
    ),
    _rule(
        r"could not lock .*another instance running|process with pid \d+ is still running"
        r"|timeout.*acquiring.*lock|already in use",
        "Another daemon, not started by this bakex, works in the same folder.",
        "end that daemon, or set XDG_CACHE_HOME to another folder",
    ),
    _rule(
        r"GLIBC_[\d.]+' not found|error while loading shared libraries",
        "The program was made for another release of this system.",
        "install the engine that belongs to this release",
    ),
)


def tail(log: Path) -> list[str]:
    """Return the last lines of a log; empty if it cannot be read."""
    try:
        with log.open("rb") as source:
            size = source.seek(0, 2)
            source.seek(max(0, size - _TAIL_BYTES))
            rows = source.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [row for row in rows if row.strip()]


def too_old(program: str, release: Mapping[str, str]) -> EngineStartError:
    """Return the error for a dockerd that has no image store that can hand over images.

    Args:
        program: The path of the daemon.
        release: What os-release(5) says about this system.
    """
    detail = "It does not know the containerd-snapshotter feature, which came with version 23."
    if is_old_debian(release):
        detail = f"{detail}\n{OLD_DEBIAN}"
    return EngineStartError(
        f"{program} is too old for bakex", detail=detail, hint=install_hint(release)
    )


def start_failure(summary: str, *, log: Path) -> EngineStartError:
    """Return the error for a daemon that did not start, with what its log says about it."""
    rows = tail(log)
    text = "\n".join(rows)
    why, todo = "", f"see {log}"
    rule = next((rule for rule in _RULES if rule.pattern.search(text)), None)
    if rule is not None:
        why, todo = rule.why, rule.todo
    shown = [_short(row) for row in _worth_showing(rows)]
    detail = "\n".join(
        [
            *([why] if why else []),
            *(["The last lines of its log:", *(f"  {row}" for row in shown)] if shown else []),
            *([] if shown else ["It printed nothing."]),
        ]
    )
    return EngineStartError(summary, detail=detail, hint=todo)


def _worth_showing(rows: list[str]) -> list[str]:
    """Return the last warnings, errors and unformatted lines; of all lines if there are none."""
    loud = [r for r in rows if not ((m := _LOGRUS.match(r)) and m[1] in _NOISE)]
    return (loud or rows)[-_TAIL_LINES:]


def _short(row: str) -> str:
    match = _LOGRUS.match(row)
    if match is None:
        return row
    return f"{match[1]}: {match[2]}{match[3]}"
