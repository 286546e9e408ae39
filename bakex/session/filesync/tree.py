"""Where the entries of a local directory come from: the disk, or a few files in memory.

Everything here blocks and is called in threads.
"""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
import stat as posix
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from bakex.errors import SessionError
from bakex.session.filesync.packets import GoMode, Stat, go_mode

if TYPE_CHECKING:
    from collections.abc import Mapping

LocalDir: TypeAlias = "Path | Mapping[str, bytes]"
"""A directory, or the names (with ``/`` for sub-directories) and contents of a few files."""

_VANISHED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})
# ELOOP: it has become a symbolic link.
_REPLACED = _VANISHED | {errno.ELOOP}


class Child(NamedTuple):
    """A name in a directory."""

    name: bytes
    is_dir: bool


class Entry(NamedTuple):
    """What there is to say about a path; `identity` is set if the file may have other names."""

    stat: Stat
    identity: tuple[int, int] | None = None


class File(Protocol):
    """The content of a file, from its beginning to its end."""

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to read; it may take a read of nothing to find out."""
        ...

    def read(self, size: int) -> bytes:
        """Return the next bytes, `size` at most; none at the end.

        Raises:
            OSError: It cannot be read.
        """
        ...

    def close(self) -> None:
        """Let go of the file; once."""
        ...


class Tree(Protocol):
    """A directory to send; paths are relative to it, and empty for itself."""

    def children(self, path: bytes) -> list[Child]:
        """Return the names in a directory, in the order of bytes; none if it has vanished.

        Raises:
            SessionError: It cannot be listed.
        """
        ...

    def describe(self, path: bytes) -> Entry | None:
        """Return a path's metadata without following a link; None if it has vanished.

        Raises:
            SessionError: It cannot be examined.
        """
        ...

    def readlink(self, path: bytes) -> bytes | None:
        """Return the target of a symbolic link; None if it is none or not there."""
        ...

    def open(self, path: bytes) -> File | None:
        """Open a regular file; None if it has vanished or is none any more.

        Raises:
            SessionError: It cannot be read.
        """
        ...


def open_tree(directory: LocalDir) -> Tree:
    """Return the tree of a local directory.

    Raises:
        SessionError: There is no such directory.
    """
    if isinstance(directory, Path):
        return DiskTree(directory)
    return MemoryTree(directory)


class DiskTree:
    """A directory of this machine."""

    def __init__(self, directory: Path) -> None:
        try:
            self.root = os.fsencode(directory.resolve(strict=True))
        except (OSError, RuntimeError) as error:
            raise SessionError(f"there is no directory {str(directory)!r}") from error
        if not os.path.isdir(self.root):  # noqa: PTH112 - Path does not take bytes
            raise SessionError(f"{str(directory)!r} is not a directory")

    def _full(self, path: bytes) -> bytes:
        return self.root + b"/" + path if path else self.root

    def children(self, path: bytes) -> list[Child]:
        """List a directory (`Tree.children`)."""
        try:
            with os.scandir(self._full(path)) as entries:
                found = [
                    Child(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries
                ]
        except OSError as error:
            if error.errno in _VANISHED:
                return []
            raise unreadable(path, error) from error
        found.sort()
        return found

    def describe(self, path: bytes) -> Entry | None:
        """Examine a path (`Tree.describe`)."""
        full = self._full(path)
        try:
            status = os.lstat(full)
            link = os.readlink(full) if posix.S_ISLNK(status.st_mode) else b""  # noqa: PTH115 - bytes
        except OSError as error:
            # EINVAL: no longer a symbolic link when it was read.
            if error.errno in _VANISHED or error.errno == errno.EINVAL:
                return None
            raise unreadable(path, error) from error
        return _entry(path, status, link, _xattrs(full))

    def readlink(self, path: bytes) -> bytes | None:
        """Read a link (`Tree.readlink`)."""
        try:
            return os.readlink(self._full(path))  # noqa: PTH115 - Path does not take bytes
        except OSError:
            return None

    def open(self, path: bytes) -> File | None:
        """Open a file (`Tree.open`)."""
        # A name that has become a link, a pipe or a device since it was listed must neither lead
        # elsewhere nor block.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(self._full(path), flags)
        except OSError as error:
            if error.errno in _REPLACED:
                return None
            if error.errno == errno.ENXIO:
                # A socket, which is listed as an empty file.
                return _MemoryFile(b"")
            raise unreadable(path, error) from error
        status = os.fstat(descriptor)
        if not posix.S_ISREG(status.st_mode):
            os.close(descriptor)
            return None
        return _DiskFile(descriptor, status.st_size)


class _DiskFile:
    """A regular file that is open; a small one is read in one step.

    Each system call of a thread costs more than the call itself, because the thread may have to
    wait until the event loop lets it go on.
    """

    __slots__ = ("_descriptor", "_left", "ended")

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._left = size
        self.ended = False

    def read(self, size: int) -> bytes:
        # One byte more than there should be: if it does not come, that was the end. Not so if the
        # size was wrong, as it is for files that are growing or made up by the system.
        wanted = min(size, self._left + 1) if self._left >= 0 else size
        data = os.read(self._descriptor, wanted)
        self._left -= len(data)
        self.ended = not data or (self._left == 0 and len(data) < wanted)
        return data

    def close(self) -> None:
        os.close(self._descriptor)


def unreadable(path: bytes, error: OSError) -> SessionError:
    """Return the error for a file or directory of a context that cannot be read."""
    name = path.decode("utf-8", "backslashreplace") or "."
    reason = (error.strerror or "input/output error").lower()
    return SessionError(
        f"cannot read {name!r}: {reason}",
        hint="list it in .dockerignore if the build does not need it",
    )


def _entry(
    path: bytes, status: os.stat_result, link: bytes, xattrs: tuple[tuple[bytes, bytes], ...]
) -> Entry:
    mode = status.st_mode
    if posix.S_ISREG(mode):
        # Without names, which cost as much as all the rest: most entries come here.
        entry = Stat(path, go_mode(mode), status.st_size, status.st_mtime_ns, b"", 0, 0, xattrs)
    else:
        device = posix.S_ISBLK(mode) or posix.S_ISCHR(mode)
        entry = Stat(
            path=path,
            mode=go_mode(mode),
            size=0 if posix.S_ISDIR(mode) else status.st_size,
            mtime_ns=status.st_mtime_ns,
            linkname=link,
            devmajor=os.major(status.st_rdev) if device else 0,
            devminor=os.minor(status.st_rdev) if device else 0,
            xattrs=xattrs,
        )
    if status.st_nlink > 1 and not posix.S_ISDIR(mode) and not link:
        return Entry(entry, (status.st_dev, status.st_ino))
    return Entry(entry)


def _xattrs(full: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Return the extended attributes; none where they cannot be read, as fsutil does."""
    try:
        names = os.listxattr(full, follow_symlinks=False)
    except (OSError, AttributeError):  # AttributeError: this system's Python has no such call
        return ()
    if not names:
        return ()
    found: list[tuple[bytes, bytes]] = []
    for name in sorted(names):
        if name.startswith("com.apple."):
            continue
        try:
            found.append((os.fsencode(name), os.getxattr(full, name, follow_symlinks=False)))
        except OSError:
            continue
    return tuple(found)


class MemoryTree:
    """A few files in memory, such as a Dockerfile that was given inline."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = {name.encode(): content for name, content in files.items()}
        self._children: dict[bytes, set[Child]] = {b"": set()}
        for name in self._files:
            if posixpath.normpath(name) != name or name.startswith((b"/", b"..")) or name == b".":
                raise SessionError(f"{name.decode()!r} is not the name of a file in a directory")
            self._add(name, is_dir=False)
        if overlap := self._files.keys() & self._children.keys():
            raise SessionError(f"{min(overlap).decode()!r} is a file and a directory")

    def _add(self, name: bytes, *, is_dir: bool) -> None:
        parent, _, base = name.rpartition(b"/")
        if is_dir:
            self._children.setdefault(name, set())
        if parent:
            self._add(parent, is_dir=True)
        self._children.setdefault(parent, set()).add(Child(base, is_dir))

    def children(self, path: bytes) -> list[Child]:
        """List a directory (`Tree.children`)."""
        return sorted(self._children.get(path, ()))

    def describe(self, path: bytes) -> Entry | None:
        """Describe a file of mode 0644 or a directory of mode 0755 (`Tree.describe`).

        The daemon keeps what it was sent before and compares size and time, so the time is derived
        from the content: equal content is not sent twice, and other content is.
        """
        if path in self._children:
            return Entry(Stat(path=path, mode=int(GoMode.DIR) | 0o755))
        content = self._files.get(path)
        if content is None:
            return None
        seconds = int.from_bytes(hashlib.sha256(content).digest()[:3], "big")
        nanoseconds = int.from_bytes(hashlib.sha256(content).digest()[3:6], "big")
        mtime_ns = seconds * 1_000_000_000 + nanoseconds
        return Entry(Stat(path=path, mode=0o644, size=len(content), mtime_ns=mtime_ns))

    def readlink(self, path: bytes) -> bytes | None:  # noqa: ARG002 - there are no links
        """Return None (`Tree.readlink`)."""
        return None

    def open(self, path: bytes) -> File | None:
        """Open a file (`Tree.open`)."""
        content = self._files.get(path)
        return None if content is None else _MemoryFile(content)


class _MemoryFile:
    """Bytes that are read like a file."""

    __slots__ = ("_at", "_content")

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @property
    def ended(self) -> bool:
        return self._at == len(self._content)

    def read(self, size: int) -> bytes:
        data = self._content[self._at : self._at + size]
        self._at += len(data)
        return data

    def close(self) -> None:
        pass
