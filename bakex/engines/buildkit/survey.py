"""What a build can see of a local directory, entry by entry, to tell later what has changed.

Names, modes, kinds, link targets, extended attributes and contents count; times do not. A file that
looks untouched (size, times and inode are as they were) is not read again, as in git's index.
"""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from bakex.errors import SessionError
from bakex.session.filesync.tree import DiskTree
from bakex.session.filesync.walk import walk

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bakex.session.filesync.packets import Stat
    from bakex.session.filesync.wanted import Wanted

MAX_ENTRIES = 200_000
"""A directory with more wanted entries is not surveyed."""

_CHUNK = 1 << 20
_THREADS = 4
# A file that was written a moment ago may be written once more without a change of its times.
_SETTLED_NS = 2 * 10**9


class Stamp(NamedTuple):
    """By what a file is taken for untouched; times in nanoseconds."""

    size: int
    modified: int
    changed: int
    inode: int


class Seen(NamedTuple):
    """An entry.

    Attributes:
        kind: A hash of all that is visible but content.
        content: Hash of a file's content; empty for what has none.
        stamp: Only of files that had settled when they were read.
    """

    kind: str
    content: str = ""
    stamp: Stamp | None = None

    @property
    def essence(self) -> tuple[str, str]:
        """What counts."""
        return self.kind, self.content


def survey(
    directory: Path, wanted: Wanted, former: Mapping[str, Seen] | None = None
) -> tuple[dict[str, Seen], int]:
    """Return the wanted entries of a directory by path, in order. Blocking.

    Args:
        directory: Where to look.
        wanted: At what.
        former: An earlier survey; files that look untouched since are not read again.

    Returns:
        The entries, and when the last of them was changed, in nanoseconds since 1970.

    Raises:
        SessionError: Something cannot be read, or there are too many entries.
        PatternError: A pattern is malformed.
    """
    tree = DiskTree(directory)
    found: dict[str, Seen] = {}
    unread: dict[str, bytes] = {}
    last = 0
    settled = time.time_ns() - _SETTLED_NS
    for stat in walk(tree, wanted.selection(tree)):
        if len(found) == MAX_ENTRIES:
            raise SessionError(f"there are more than {MAX_ENTRIES} entries in {str(directory)!r}")
        path = os.fsdecode(stat.path)
        changed, stamp = _stamp(tree, stat)
        last = max(last, changed)
        known = former.get(path) if former else None
        if stamp is None:
            found[path] = Seen(_kind(stat))
        elif known is not None and known.stamp == stamp:
            found[path] = Seen(_kind(stat), known.content, stamp)
        else:
            found[path] = Seen(_kind(stat), "", stamp if changed < settled else None)
            unread[path] = stat.path
    with ThreadPoolExecutor(_THREADS) as threads:
        contents = threads.map(partial(_content, tree), unread.values())
        for path, content in zip(unread, contents, strict=True):
            found[path] = found[path]._replace(content=content)
    return found, last


def differences(before: Mapping[str, Seen], now: Mapping[str, Seen]) -> list[str]:
    """Return the paths that differ in what counts, sorted."""
    return [path for path in sorted({*before, *now}) if not _same(before.get(path), now.get(path))]


def _same(one: Seen | None, other: Seen | None) -> bool:
    return one is not None and other is not None and one.essence == other.essence


def _kind(stat: Stat) -> str:
    visible = (stat.mode, stat.linkname, stat.devmajor, stat.devminor, stat.xattrs)
    return hashlib.sha256(repr(visible).encode()).hexdigest()[:32]


def _stamp(tree: DiskTree, stat: Stat) -> tuple[int, Stamp | None]:
    """Return when an entry was changed, and the stamp of a file that has content of its own."""
    try:
        status = os.lstat(tree.root + b"/" + stat.path)
    except OSError:
        return time.time_ns(), None  # it vanishes as we look
    changed = status.st_ctime_ns
    if not stat.is_regular or stat.linkname:
        return changed, None
    return changed, Stamp(status.st_size, status.st_mtime_ns, changed, status.st_ino)


def _content(tree: DiskTree, path: bytes) -> str:
    found = hashlib.sha256()
    file = tree.open(path)
    if file is not None:
        with closing(file):
            while chunk := file.read(_CHUNK):
                found.update(chunk)
    return found.hexdigest()
