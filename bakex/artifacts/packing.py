"""Directories as one file: ``tar+gzip``, the same bytes whoever packs them, and when.

Entries are sorted, and have no owner and no time of their own. Of modes only the executable bit
counts: the others differ with the umask. They are below the directory's title, and two annotations
say that this is a directory; ``oras pull`` wants both.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import tarfile
from typing import TYPE_CHECKING, BinaryIO, cast

from bakex.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bakex._util.threads import StopFlag

_LEVEL = 6  # gzip's own default: a higher one takes far longer for a few per cent


def pack(directory: Path, title: str, target: Path, *, epoch: int, stop: StopFlag) -> str:
    """Write a directory to a file; return the digest of the tar inside.

    Args:
        directory: What to pack; links in it stay links.
        title: Where the entries are.
        target: The file; is made, or replaced.
        epoch: Seconds since 1970, for all entries.
        stop: Ends the work between two pieces.

    Raises:
        UsageError: There is something that is neither file, directory nor link.
        OSError: It cannot be read, or the file cannot be written.
    """
    with target.open("wb") as file, gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as packed:
        out = _Hashed(packed, stop)
        tar = tarfile.TarFile(fileobj=cast("BinaryIO", out), mode="w", format=tarfile.PAX_FORMAT)
        # The directory itself may be named by a link; in it, links stay what they are.
        for path, name in _entries(directory.resolve(), title):
            _add(tar, path, name, epoch)
        # Not `close`, which fills up to 10 KiB: oras takes the digest up to here.
        out.write(tarfile.NUL * (2 * tarfile.BLOCKSIZE))
    return f"sha256:{out.digest}"


def _entries(directory: Path, title: str) -> Iterator[tuple[Path, str]]:
    yield directory, title
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        path, name = directory / entry.name, f"{title}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(path, name)
        else:
            yield path, name


def _add(tar: tarfile.TarFile, path: Path, name: str, epoch: int) -> None:
    found = path.lstat()
    entry = tarfile.TarInfo(name)
    entry.mtime = epoch
    if stat.S_ISDIR(found.st_mode):
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(entry)
    elif stat.S_ISLNK(found.st_mode):
        entry.type, entry.mode, entry.linkname = tarfile.SYMTYPE, 0o777, str(path.readlink())
        tar.addfile(entry)
    elif stat.S_ISREG(found.st_mode):
        entry.mode = 0o755 if found.st_mode & 0o111 else 0o644
        with path.open("rb") as file:
            entry.size = os.fstat(file.fileno()).st_size
            tar.addfile(entry, file)
    else:
        raise UsageError(f"{name!r} is neither a file, a directory nor a link")


class _Hashed:
    """A file that knows the digest of what went through it."""

    def __init__(self, file: gzip.GzipFile, stop: StopFlag) -> None:
        self._file = file
        self._stop = stop
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def tell(self) -> int:
        return self._file.tell()

    def write(self, data: bytes, /) -> int:
        self._stop.check()
        self._hash.update(data)
        return self._file.write(data)
