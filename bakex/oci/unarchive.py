"""Layouts in tar archives, unpacked for reading.

Only what a layout consists of is taken: ``oci-layout``, ``index.json`` and ``blobs/ALGORITHM/HEX``,
each a regular file. Nothing is verified here, but whoever reads the layout does that.

An archive may come from anywhere. What it unpacks to is bounded by its own size: holes are refused,
a compressed archive may grow so much and no more, and no header is larger than a manifest may be.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import tarfile
import zlib
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, cast

from bakex._util.threads import in_thread
from bakex.errors import ContentError
from bakex.oci.layout import OciLayout

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from bakex._util.threads import StopFlag

_TAKEN = re.compile(
    r"(?:\./)?(oci-layout|index\.json|blobs/(?:sha256/[0-9a-f]{64}|sha512/[0-9a-f]{128}))"
)
_CHUNK = 1 << 20
_MAX_MEMBERS = 100_000
_MAX_READ = 4 << 20  # at a time; more than that only headers made to fill the memory ask for
_GROWTH = 100  # layers are compressed already; sixty times is what text does in gzip
_ALWAYS = 256 << 20


async def unpack_archive(file: Path, directory: Path) -> OciLayout:
    """Unpack an OCI archive into an empty directory, and return the layout.

    Takes archives that are compressed as a whole, too.

    Raises:
        ContentError: Not a tar file, cut short, or not of a layout; names the blob that is cut.
    """
    try:
        await in_thread(partial(_unpack, file, directory))
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ContentError(f"{file} is no tar file, or is cut short", detail=str(error)) from None
    except OSError as error:
        raise ContentError(f"cannot read {file}", detail=error.strerror or "") from None
    return OciLayout.open(directory, durable=False)


def _unpack(file: Path, directory: Path, stop: StopFlag) -> None:
    (directory / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    with _opened(file) as source, tarfile.open(fileobj=source, mode="r:") as archive:
        for number, member in enumerate(archive):
            stop.check()
            if number >= _MAX_MEMBERS:
                raise ContentError(f"{file} has more than {_MAX_MEMBERS} entries")
            taken = _TAKEN.fullmatch(member.name)
            if taken is None:
                continue
            plain = member.isreg() and not member.issparse()
            content = archive.extractfile(member) if plain else None
            if content is None:
                raise ContentError(f"{taken[1]} in {file} is not a regular file")
            target = directory / taken[1]
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(content, target, stop)
            if target.stat().st_size != member.size:
                raise ContentError(f"{_name(taken[1])} is cut short in {file}")


@contextmanager
def _opened(file: Path) -> Generator[_Bounded, None, None]:
    with file.open("rb") as raw:
        start = raw.read(6)
        raw.seek(0)
        size = raw.seek(0, os.SEEK_END)
        raw.seek(0)
        with _unpacked(raw, start) as unpacked:
            yield _Bounded(unpacked, size if unpacked is raw else size * _GROWTH + _ALWAYS)


def _unpacked(raw: IO[bytes], start: bytes) -> IO[bytes]:
    if start.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
    if start.startswith(b"BZh"):
        return cast("IO[bytes]", bz2.BZ2File(raw))
    if start.startswith(b"\xfd7zXZ\x00"):
        return cast("IO[bytes]", lzma.LZMAFile(raw))
    return raw


class _Bounded(io.RawIOBase):
    """A file of which only so much is read, and only so much at a time."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        super().__init__()
        self._file = file
        self._limit = limit

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes.

        Raises:
            ContentError: It is too much.
        """
        if size < 0 or size > _MAX_READ:
            raise ContentError("an archive has a header that is too large")
        data = self._file.read(size)
        if self._file.tell() > self._limit:
            raise ContentError("an archive unpacks to far more than its own size")
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a position."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def seekable(self) -> bool:
        """Return that positions can be chosen."""
        return True

    def readable(self) -> bool:
        """Return that it can be read."""
        return True


def _write(content: IO[bytes], target: Path, stop: StopFlag) -> None:
    try:
        with target.open("wb") as file:
            while chunk := content.read(_CHUNK):
                stop.check()
                file.write(chunk)
    except tarfile.ReadError:
        raise ContentError(f"{_name(str(target))} is cut short") from None


def _name(path: str) -> str:
    """Return what a member is called in messages: the digest of a blob."""
    parts = path.rsplit("/", 2)
    return (
        f"{parts[-2]}:{parts[-1]}" if parts[-1] not in {"oci-layout", "index.json"} else parts[-1]
    )
