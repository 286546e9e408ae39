"""Writing a tree into a directory for a peer that is not trusted.

Rules:

* Every access is relative to an open descriptor of its parent directory, which was reached from
  the root one component at a time without following a symbolic link. So no announced link, and
  none that another transfer into the same directory makes meanwhile, leads outside.
* What exists is replaced, a directory is merged into; nothing else is removed.
* A file appears under its name with its permissions and times when it is complete; where the name
  is new it may be seen growing.
* Permissions and times of directories are set at the end, the deepest first.

Everything here blocks. OSErrors are raised as they are; the caller translates them.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat as posix
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.session.filesync.packets import GoMode, Stat, permissions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAX_DEPTH = 255
"""Nested directories; each is an open descriptor while something in it is written."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class OpenFile:
    """A file that is being written.

    Attributes:
        stat: What it is to become.
        descriptor: Open for writing.
        temporary: Name it has until it is complete; empty if it already has its own.
        size: Bytes written.
    """

    stat: Stat
    descriptor: int
    temporary: bytes
    size: int = 0


class TreeWriter:
    """Makes entries below a root directory."""

    def __init__(self, root: Path) -> None:
        self._path = root
        self._root = -1
        self._chain: list[tuple[bytes, int]] = []
        self._directories: list[Stat] = []
        self._links: list[Stat] = []

    def open(self) -> None:
        """Open the root, which is created if it is not there."""
        self._path.mkdir(parents=True, exist_ok=True)
        self._root = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        """Close all descriptors of directories; safe to repeat."""
        self._unwind(0)
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def _unwind(self, depth: int) -> None:
        while len(self._chain) > depth:
            os.close(self._chain.pop()[1])

    def _directory(self, path: bytes) -> int:
        """Return a descriptor of a directory; good until the next call."""
        names = path.split(b"/") if path else []
        if len(names) > MAX_DEPTH:
            raise OSError(errno.ENAMETOOLONG, "directories are nested too deeply")
        same = 0
        while same < min(len(names), len(self._chain)) and names[same] == self._chain[same][0]:
            same += 1
        self._unwind(same)
        for name in names[same:]:
            parent = self._chain[-1][1] if self._chain else self._root
            self._chain.append((name, os.open(name, _DIRECTORY, dir_fd=parent)))
        return self._chain[-1][1] if self._chain else self._root

    def _locate(self, path: bytes) -> tuple[int, bytes]:
        directory, _, name = path.rpartition(b"/")
        return self._directory(directory), name

    def make_directory(self, stat: Stat) -> None:
        """Make or take over a directory; its permissions and times are set by `finish`."""
        parent, name = self._locate(stat.path)
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            if not posix.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=parent)
                os.mkdir(name, 0o700, dir_fd=parent)
        mine = self._directory(stat.path)
        mode = posix.S_IMODE(os.fstat(mine).st_mode)
        if mode & 0o700 != 0o700:
            os.fchmod(mine, mode | 0o700)
        self._directories.append(stat)

    def make_special(self, stat: Stat) -> None:
        """Make a symbolic link, a named pipe or (if the system lets us) a device."""
        parent, name = self._locate(stat.path)
        time = (stat.mtime_ns, stat.mtime_ns)

        def create(temporary: bytes) -> None:
            if stat.mode & GoMode.SYMLINK:
                os.symlink(stat.linkname, temporary, dir_fd=parent)
            else:
                number = os.makedev(stat.devmajor, stat.devminor)
                os.mknod(temporary, _node_mode(stat.mode), number, dir_fd=parent)
                # Not through the final name, which a link might take: chmod would follow it.
                os.chmod(temporary, permissions(stat.mode), dir_fd=parent)
            os.utime(temporary, ns=time, dir_fd=parent, follow_symlinks=False)

        self._replace(parent, name, create)

    def open_file(self, stat: Stat) -> OpenFile:
        """Begin a regular file."""
        parent, name = self._locate(stat.path)
        try:
            return OpenFile(stat, os.open(name, _NEW_FILE, 0o600, dir_fd=parent), b"")
        except FileExistsError:
            temporary = _temporary()
            return OpenFile(stat, os.open(temporary, _NEW_FILE, 0o600, dir_fd=parent), temporary)

    def finish_file(self, file: OpenFile) -> None:
        """Give a complete file its attributes and its name, or remove it if that fails."""
        try:
            _set_attributes(file.descriptor, file.stat)
            if file.temporary:
                parent, name = self._locate(file.stat.path)
                _make_way(parent, name)
                os.rename(file.temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        except OSError:
            self.discard_file(file)
            raise
        os.close(file.descriptor)

    def discard_file(self, file: OpenFile) -> None:
        """Close and remove an incomplete file, if it can still be found."""
        ours = os.fstat(file.descriptor)
        os.close(file.descriptor)
        with suppress(OSError):
            parent, name = self._locate(file.stat.path)
            name = file.temporary or name
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if os.path.samestat(found, ours):
                os.unlink(name, dir_fd=parent)

    def make_link(self, stat: Stat) -> None:
        """Note a further name of a file; made by `finish`, when the file is complete."""
        self._links.append(stat)

    def finish(self) -> None:
        """Make the links, then set the attributes of the directories."""
        for stat in self._links:
            self._link(stat)
        for stat in reversed(self._directories):
            _set_attributes(self._directory(stat.path), stat)
        self._links.clear()
        self._directories.clear()

    def _link(self, stat: Stat) -> None:
        source_directory, source = self._locate(stat.linkname)
        # The next look-up may close this descriptor.
        source_directory = os.dup(source_directory)
        try:
            parent, name = self._locate(stat.path)

            def create(temporary: bytes) -> None:
                os.link(
                    source,
                    temporary,
                    src_dir_fd=source_directory,
                    dst_dir_fd=parent,
                    follow_symlinks=False,
                )

            self._replace(parent, name, create)
        finally:
            os.close(source_directory)

    def _replace(self, parent: int, name: bytes, create: Callable[[bytes], None]) -> None:
        """Create something under another name and rename it, over whatever is there."""
        temporary = _temporary()
        try:
            create(temporary)
            _make_way(parent, name)
            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        finally:
            # Renaming one name of a file over another one of it does nothing and leaves both.
            with suppress(OSError):
                os.unlink(temporary, dir_fd=parent)


def _temporary() -> bytes:
    return b".bakex-" + secrets.token_hex(8).encode()


def _make_way(parent: int, name: bytes) -> None:
    """Remove a directory that is where something else must go; files are renamed over."""
    with suppress(FileNotFoundError):
        if posix.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            shutil.rmtree(os.fsdecode(name), dir_fd=parent)


def _node_mode(mode: int) -> int:
    if mode & GoMode.FIFO:
        return posix.S_IFIFO | 0o600
    return (posix.S_IFCHR if mode & GoMode.CHAR_DEVICE else posix.S_IFBLK) | 0o600


def _set_attributes(descriptor: int, stat: Stat) -> None:
    for name, value in stat.xattrs:
        # As fsutil: many attributes need privileges or are unknown to the file system.
        with suppress(OSError, AttributeError):
            os.setxattr(descriptor, name, value)
    os.fchmod(descriptor, permissions(stat.mode))
    os.utime(descriptor, ns=(stat.mtime_ns, stat.mtime_ns))
