"""Archives of definitions, unpacked without trust in them (spec/bake-file 1.6).

Nothing is written outside of the directory, and no link leads out of it: links are made when all
files are there, so that no file is written through one, and are checked when all links are there.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import posixpath
import shutil
import tarfile
import time
import zlib
from typing import TYPE_CHECKING, BinaryIO, cast

from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bakex.sources.limits import Limits

HEAD = 1024  # bytes that tell whether something is an archive
_GZIP, _BZIP2, _XZ = b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\x00"
_CHUNK = 256 * 1024
_HEADER = 1024 * 1024  # bytes that a name or other extended header may have


def is_archive(head: bytes) -> bool:
    """Return whether content is an archive, by its first `HEAD` bytes: tar, gzip, bzip2 or xz."""
    return head.startswith((_GZIP, _BZIP2, _XZ)) or _is_tar(head)


def unpack(archive: Path, into: Path, *, limits: Limits, deadline: float) -> None:
    """Unpack a tar archive, compressed or not, into an empty directory.

    Owners, modes but for the executable bit, and times are not kept; devices and pipes are left
    out.

    Args:
        archive: The file.
        into: Where to; exists.
        limits: Bounds of the tree.
        deadline: When it must be done, by `time.monotonic`.

    Raises:
        DefinitionError: It is damaged, no tar archive inside, passes a limit, or has a name or a
            link that leads out of it. The directory may then hold a part.
    """
    try:
        with archive.open("rb") as file:
            bounded = _Bounded(file, archive.stat().st_size, limits, deadline)
            with tarfile.open(fileobj=cast("BinaryIO", bounded), mode="r:") as tar:
                _Unpacking(tar, into, limits).run()
            # To tarfile, a header that is none is the end, unless it is the first one.
            if bounded.last.strip(b"\0"):
                raise DefinitionError("the archive is damaged", detail="A header in it is none.")
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DefinitionError(
            "the archive is damaged, or no tar archive is inside", detail=f"{error}."
        ) from error
    except (OSError, ValueError, MemoryError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error) or "No memory"
        raise DefinitionError("the archive cannot be unpacked", detail=f"{reason}.") from error


class _Bounded:
    """Content of an archive, decompressed as it is read; ends the reading when it is too much."""

    def __init__(self, file: BinaryIO, size: int, limits: Limits, deadline: float) -> None:
        head = file.read(len(_XZ))
        file.seek(0)
        self._stream = _decompressed(file, head)
        self._most = min(limits.tree, max(limits.tame, size * limits.ratio))
        self._deadline = deadline
        self.last = b""

    def read(self, size: int) -> bytes:
        """Return the next bytes; tarfile asks for headers as large as they say that they are."""
        if size > _HEADER or size < 0:
            raise DefinitionError("the archive has a header that is too large")
        content = self.last = self._stream.read(size)
        if self._stream.tell() > self._most:
            raise DefinitionError(
                "the archive is too large",
                detail=f"Unpacked it has more than {self._most} bytes.",
            )
        if time.monotonic() > self._deadline:
            raise DefinitionError("unpacking the archive takes too long")
        return content

    def seek(self, offset: int) -> int:
        """Go forward to a place; what lies between is read, and counts."""
        if offset < self._stream.tell():
            raise DefinitionError("the archive is damaged", detail="It leads backwards.")
        while (missing := offset - self._stream.tell()) > 0:
            if not self.read(min(missing, _CHUNK)):
                break
        return self._stream.tell()

    def tell(self) -> int:
        """Return how far it was read."""
        return self._stream.tell()


class _Unpacking:
    """One archive on its way to the disk."""

    def __init__(self, tar: tarfile.TarFile, into: Path, limits: Limits) -> None:
        self._tar = tar
        self._into = into
        self._limits = limits
        self._links: dict[str, str] = {}
        self._entries = 0
        self._written = 0

    def run(self) -> None:
        while (member := self._tar.next()) is not None:
            self._entries += 1
            self._check()
            self._take(member)
            vars(self._tar)["members"].clear()  # or it keeps all of them
        for name, target in self._links.items():
            path = self._path(name)
            self._clear(path)
            path.symlink_to(target)
        for name in self._links:
            if not _is_inside(self._into / name, self._into):
                raise DefinitionError(
                    f"the archive has a link that leads out of it: {name!r}",
                    detail=f"It points to {self._links[name]!r}.",
                )

    def _check(self) -> None:
        # What is written may be more than what was read: files can have holes.
        if self._entries > self._limits.entries or self._written > self._limits.tree:
            raise DefinitionError(
                "the archive is too large",
                detail=f"It has more than {self._limits.entries} entries "
                f"or {self._limits.tree} bytes.",
            )

    def _take(self, member: tarfile.TarInfo) -> None:
        name = _inner(member.name)
        if not name:
            return
        # What comes later counts: also a directory where there was a link.
        for place in _places(name) if self._links else ():
            self._links.pop(place, None)
        if member.isdir():
            self._directory(name)
        elif member.issym():
            self._links[name] = member.linkname
        elif member.islnk():
            self._copy(name, _inner(member.linkname))
        elif member.isreg():
            content = self._tar.extractfile(member)
            if content is not None:
                self._write(name, cast("BinaryIO", content), executable=bool(member.mode & 0o100))

    def _write(self, name: str, content: BinaryIO, *, executable: bool) -> None:
        path = self._path(name)
        self._clear(path)
        # O_EXCL: what was there is gone, so nothing is written through.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(path, flags, 0o755 if executable else 0o644), "wb") as file:
            while chunk := content.read(_CHUNK):
                self._written += len(chunk)
                self._check()
                file.write(chunk)

    def _copy(self, name: str, original: str) -> None:
        if original in self._links:
            self._links[name] = posixpath.relpath(original, posixpath.dirname(name) or ".")
            return
        source = self._into / original
        if not original or not source.is_file():
            raise DefinitionError(
                f"the archive has a link to what is not in it: {name!r}",
                detail=f"It points to {original!r}.",
            )
        path = self._path(name)
        if path != source:
            self._clear(path)
            path.hardlink_to(source)

    def _path(self, name: str) -> Path:
        self._directory(posixpath.dirname(name))
        return self._into / name

    def _directory(self, name: str) -> None:
        # From the top, so that no link on the way is followed.
        path = self._into
        for part in filter(None, name.split("/")):
            path /= part
            if path.is_symlink() or not path.is_dir():
                self._clear(path)
                path.mkdir()

    def _clear(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _inner(name: str) -> str:
    """Return a name relative to the archive's root; empty for the root itself."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts or name.startswith("/"):
        raise DefinitionError(f"the archive has a name that leads out of it: {name!r}")
    return "/".join(parts)


def _places(name: str) -> Iterator[str]:
    """Yield a name and the directories that it is in."""
    while name:
        yield name
        name = posixpath.dirname(name)


def _is_inside(path: Path, root: Path) -> bool:
    if not path.is_symlink():
        return True  # a directory has taken the place of the link
    if path.readlink().is_absolute():
        return False
    real, base = os.path.realpath(path), os.path.realpath(root)
    return real == base or real.startswith(f"{base}/")


def _decompressed(file: BinaryIO, head: bytes) -> BinaryIO:
    if head.startswith(_GZIP):
        return cast("BinaryIO", gzip.GzipFile(fileobj=file))
    if head.startswith(_BZIP2):
        return cast("BinaryIO", bz2.BZ2File(file))
    if head.startswith(_XZ):
        return cast("BinaryIO", lzma.LZMAFile(file))
    return file


def _is_tar(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head[:512], tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
