"""What is mounted where, as far as a daemon's leftovers are concerned."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from bakex.errors import NodeError

_MOUNTINFO: Final = Path("/proc/self/mountinfo")
_OCTAL: Final = re.compile(r"\\([0-7]{3})")
_UMOUNT_TIMEOUT_S: Final = 30.0


def mounts_below(directory: Path, mountinfo: Path = _MOUNTINFO) -> list[Path]:
    """Return the mount points in a directory, itself included, innermost first.

    proc(5): the fifth field of ``/proc/self/mountinfo``, with blanks written in octal. A place is
    listed as often as something is mounted on it.
    """
    root = os.path.realpath(directory)
    points = [_unescape(line.split(" ")[4]) for line in _lines(mountinfo)]
    found = [p for p in points if p == root or p.startswith(root.rstrip("/") + "/")]
    # What was mounted last covers the rest, so the order of the file has to be turned around.
    return [Path(p) for p in reversed(found)]


def filesystem_type(directory: Path, mountinfo: Path = _MOUNTINFO) -> str:
    """Return the type of the file system that a directory is on; empty if it cannot be told."""
    path = os.path.realpath(directory)
    best, kind = "", ""
    for line in _lines(mountinfo):
        fields = line.split(" ")
        point = _unescape(fields[4])
        covers = path == point or path.startswith(point.rstrip("/") + "/")
        if covers and len(point) >= len(best):
            best, kind = point, fields[fields.index("-") + 1]
    return kind


def unmount_below(directory: Path) -> None:
    """Unmount everything in a directory; nothing to do is success.

    A mount that is busy is detached, and goes away when its last user does.

    Raises:
        NodeError: Something is still mounted afterwards.
    """
    for point in mounts_below(directory):
        _umount("--", point)
    for point in mounts_below(directory):
        _umount("--lazy", point)
    left = mounts_below(directory)
    if left:
        raise NodeError(
            f"{left[0]} cannot be unmounted",
            detail="Files on it are in use, or this user may not unmount it.",
            hint="run as the user who started the engine",
        )


def _umount(option: str, point: Path) -> None:
    # Whether it worked is seen in the table of mounts, which is read again afterwards.
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            ["umount", option, str(point)],
            check=False,
            capture_output=True,
            timeout=_UMOUNT_TIMEOUT_S,
        )


def _lines(mountinfo: Path) -> list[str]:
    try:
        return mountinfo.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return []


def _unescape(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
