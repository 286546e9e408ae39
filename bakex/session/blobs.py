"""The blobs of OCI layout directories, as a session reads and adds them.

Source: OCI image-spec v1.1, image-layout.md.

Rules:

* A blob is written to a file of its own in the layout's directory and renamed to
  ``blobs/ALGORITHM/HEX`` when its digest and size were checked. Any number of writers, in this
  process or another, may add the same blob: each rename puts the same bytes in place.
* ``index.json`` and ``oci-layout`` belong to whoever owns the layout and are not touched.
* A layout may come from anywhere, so a blob that is a symbolic link is not there.

Everything here blocks.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import stat as posix
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.errors import ContentError, DigestMismatchError, SizeMismatchError
from bakex.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ALGORITHMS = ("sha256", "sha512")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A stored blob; size in bytes, time in nanoseconds since 1970."""

    digest: Digest
    size: int
    modified_ns: int


class ContentStore:
    """One layout directory, offered to the daemon.

    Attributes:
        layout: The directory.
        writable: Whether the daemon may add blobs.
        ingests: Blobs that are being written.
    """

    def __init__(self, layout: Path, writable: bool = False) -> None:
        self.layout = layout
        self.writable = writable
        self.ingests: list[Ingest] = []
        self._added: set[Digest] = set()

    def path(self, digest: Digest) -> Path:
        """Return where a blob is, whether or not it exists (`bakex.interfaces.BlobSource`)."""
        return self.layout / "blobs" / digest.algorithm / digest.hex

    def find(self, digest: Digest) -> Blob | None:
        """Return a blob if it is there."""
        try:
            status = self.path(digest).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not posix.S_ISREG(status.st_mode):
            return None
        return Blob(digest=digest, size=status.st_size, modified_ns=status.st_mtime_ns)

    def blobs(self) -> Iterator[Blob]:
        """Return all blobs, ordered by digest."""
        for algorithm in _ALGORITHMS:
            directory = self.layout / "blobs" / algorithm
            names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
            for name in sorted(names):
                with suppress(ContentError):
                    if blob := self.find(Digest.parse(f"{algorithm}:{name}")):
                        yield blob

    def reader(self, digest: Digest, offset: int) -> BlobReader:
        """Return a reader of a blob from a position on; nothing is opened yet."""
        return BlobReader(self.path(digest), offset)

    def ingest(self, ref: str, algorithm: str) -> Ingest:
        """Return a blob to be written; nothing is created yet, and it must be closed."""
        ingest = Ingest(self, ref, algorithm)
        self.ingests.append(ingest)
        return ingest

    def added(self, digest: Digest) -> None:
        """Note that a blob was written here."""
        self._added.add(digest)

    def delete(self, digest: Digest) -> bool:
        """Delete a blob that was added through this object; return whether it was one."""
        if digest not in self._added:
            return False
        self._added.discard(digest)
        self.path(digest).unlink(missing_ok=True)
        return True


class BlobReader:
    """Reads one blob; opens it when it is first read from."""

    def __init__(self, path: Path, offset: int) -> None:
        self._path = path
        self._offset = offset
        self._file: io.FileIO | None = None

    def read(self, size: int) -> bytes:
        """Return up to so many bytes; nothing at the end."""
        if self._file is None:
            self._file = io.FileIO(os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW))
            self._file.seek(self._offset)
        return self._file.read(size)

    def close(self) -> None:
        """Close the blob; safe to repeat."""
        if self._file is not None:
            self._file.close()


class Ingest:
    """A blob that is being written.

    Attributes:
        ref: The name that the daemon gave to the operation.
        size: Bytes so far.
        total: Bytes it is going to have; 0 if that is not known.
        expected: Digest it is going to have, if that is known.
        started_ns: When it began.
        updated_ns: When something was last written.
    """

    def __init__(self, store: ContentStore, ref: str, algorithm: str) -> None:
        self.ref = ref
        self.size = self.total = 0
        self.started_ns = self.updated_ns = 0
        self.expected: Digest | None = None
        self._store = store
        self._algorithm = algorithm
        self._hash = hashlib.new(algorithm)
        self._path = store.layout / f".ingest-{secrets.token_hex(16)}"
        self._file: io.FileIO | None = None

    def _open(self) -> io.FileIO:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("xb", buffering=0)
            self.started_ns = self.updated_ns = os.fstat(self._file.fileno()).st_mtime_ns
        return self._file

    @property
    def digest(self) -> Digest:
        """The digest of what was written so far."""
        return Digest(self._algorithm, self._hash.hexdigest())

    def restart(self) -> None:
        """Forget what was written."""
        file = self._open()
        file.seek(0)
        file.truncate()
        self._hash = hashlib.new(self._algorithm)
        self.size = 0

    def write(self, data: bytes) -> None:
        """Add bytes at the end."""
        file = self._open()
        self._hash.update(data)
        self.size += len(data)
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        self.updated_ns = os.fstat(file.fileno()).st_mtime_ns

    def commit(self) -> Digest:
        """Make the blob visible.

        Raises:
            SizeMismatchError: It is shorter or longer than announced.
            DigestMismatchError: It is something else than announced.
        """
        if self.total and self.size != self.total:
            raise SizeMismatchError(f"the blob has {self.size} bytes, expected {self.total}")
        digest = self.digest
        if self.expected is not None and digest != self.expected:
            raise DigestMismatchError(f"the blob is {digest}, expected {self.expected}")
        os.fsync(self._open().fileno())
        target = self._store.path(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._path.replace(target)
        self._store.added(digest)
        return digest

    def close(self) -> None:
        """Remove what was not committed; safe to repeat."""
        if self in self._store.ingests:
            self._store.ingests.remove(self)
        if self._file is None:
            return
        self._file.close()
        with suppress(OSError):
            self._path.unlink()
