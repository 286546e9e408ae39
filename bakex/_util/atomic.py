"""Files that appear whole or not at all, and advisory locks. Failures stay `OSError`."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
import weakref
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

_POLL = 0.02  # seconds between attempts at a lock that somebody else holds


def fsync_directory(directory: Path) -> None:
    """Make renames and new names in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace a file's content; a reader sees all of the old or all of the new, even after a crash.

    A symbolic link is replaced, not followed. The directory must exist.
    """
    with replacing(path, mode=mode) as file:
        file.write(data)


@contextmanager
def replacing(path: Path, *, mode: int = 0o644) -> Generator[BinaryIO, None, None]:
    """Open a file beside `path` for writing; it takes that name when the block ends well.

    When the block raises, `path` is as before and nothing is left over.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w+b") as file:
            os.fchmod(file.fileno(), mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    fsync_directory(path.parent)


class Staged:
    """A file or directory that waits beside its destination until `commit` renames it.

    What is never committed is removed when this object goes away, at the latest at exit.
    """

    def __init__(self, destination: Path, *, directory: bool = False) -> None:
        """Make an empty file or directory with a hidden name beside the destination.

        Raises:
            OSError: The destination's directory is missing or not writable.
        """
        prefix = f".{destination.name}."
        if directory:
            name = tempfile.mkdtemp(dir=destination.parent, prefix=prefix)
            Path(name).chmod(0o755)
        else:
            descriptor, name = tempfile.mkstemp(dir=destination.parent, prefix=prefix)
            os.fchmod(descriptor, 0o644)
            os.close(descriptor)
        self.path = Path(name)
        self.destination = destination
        self._discard = weakref.finalize(self, _remove, self.path)

    @property
    def is_committed(self) -> bool:
        """Whether it has its final name."""
        return not self._discard.alive

    def commit(self) -> None:
        """Rename it to its destination; safe to repeat.

        A file replaces a file. A directory takes the place of nothing, or of an empty directory.
        """
        if self.is_committed:
            return
        self.path.replace(self.destination)
        self._discard.detach()
        fsync_directory(self.destination.parent)

    def discard(self) -> None:
        """Remove it unless it was committed; safe to repeat."""
        self._discard()


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


class Lock:
    """A held ``flock`` on a file that is removed when the lock is given up."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock up; safe to repeat."""
        if self._descriptor < 0:
            return
        # The name goes first: whoever opened it meanwhile finds that it has gone and tries again.
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = -1


def try_lock(path: Path) -> Lock | None:
    """Take an exclusive lock on a file, which is made if missing; None if somebody holds it.

    Works together with lockers that remove the file when they are done, as BuildKit does
    (client/ociindex): the lock counts only if the locked file still has that name.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        named = path.stat()
        held = os.fstat(descriptor)
        if (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino):
            return Lock(path, descriptor)
    except OSError as error:
        if error.errno not in {errno.EAGAIN, errno.EACCES, errno.ENOENT}:
            os.close(descriptor)
            raise
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


@asynccontextmanager
async def locked(path: Path, *, timeout_s: float = 30.0) -> AsyncGenerator[None, None]:
    """Hold an exclusive lock on a file for the length of the block.

    Raises:
        TimeoutError: Somebody else held it for all of that time.
    """
    async with asyncio.timeout(timeout_s):
        while (lock := try_lock(path)) is None:  # noqa: ASYNC110 - others cannot set an event
            await asyncio.sleep(_POLL)
    try:
        yield
    finally:
        lock.release()
