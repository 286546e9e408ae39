"""OCI image layout directories as stores (OCI image-spec v1.1, image-layout.md).

* A blob is written to ``.ingest/``, hashed, flushed and renamed; who comes second changes nothing.
* ``index.json`` is changed under ``index.json.lock``, the file that BuildKit's client/ociindex
  locks, and replaced by a rename, after the blobs are on the disk.
* A name has one entry. ``org.opencontainers.image.ref.name`` holds the tag, and for full image
  names ``io.containerd.image.name`` holds the name: what BuildKit and ``docker load`` read.
* A layout may come from anywhere: only regular files are read, digests are checked before they
  become paths, and documents have a size limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bakex._util.atomic import fsync_directory, locked, write_file
from bakex.errors import ContentError, ContentNotFoundError, OutputError, SizeMismatchError
from bakex.model.digest import Digest, is_digest
from bakex.model.documents import load_object
from bakex.model.media_types import MAX_MANIFEST_SIZE
from bakex.oci.file import FileContent
from bakex.oci.layout_index import EMPTY, LayoutIndex
from bakex.oci.verified import check, parse_document, prove, stream

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Callable,
        Generator,
        Iterator,
        Sequence,
    )

    from bakex.model.descriptor import Descriptor

VERSION = "1.0.0"
MARKER = b'{"imageLayoutVersion":"1.0.0"}'
_MAX_MARKER_SIZE = 1 << 16
_LOCK_TIMEOUT_S = 30.0  # BuildKit holds the lock only while it rewrites one small file


class OciLayout:
    """A layout directory. Implements `bakex.interfaces.Store` and ``BlobSource``.

    Safe for any number of writers, in this process and in others.

    Attributes:
        root: The directory.
    """

    def __init__(self, root: Path, *, durable: bool = True) -> None:
        """Take a directory as it is; `create` and `open` check it first.

        Args:
            root: The directory.
            durable: Whether what was written must survive a power cut; off for working copies.
        """
        self.root = root
        self._durable = durable

    @classmethod
    def create(cls, root: Path, *, durable: bool = True) -> OciLayout:
        """Return the layout in a directory, made if it is missing or empty. Idempotent.

        Raises:
            ContentError: The directory holds something else.
            OutputError: It cannot be written.
        """
        layout = cls(root, durable=durable)
        with layout.writing():
            root.mkdir(parents=True, exist_ok=True)
            if any(not _is_beginning(entry.name) for entry in root.iterdir()):
                layout.check()
            else:
                write_file(root / "oci-layout", MARKER)
            (root / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        return layout

    @classmethod
    def open(cls, root: Path, *, durable: bool = True) -> OciLayout:
        """Return an existing layout.

        Raises:
            ContentError: Not a layout, or of an unknown version.
        """
        layout = cls(root, durable=durable)
        layout.check()
        return layout

    def check(self) -> None:
        """Make sure that this is a layout of a known version.

        Raises:
            ContentError: It is not.
        """
        try:
            raw = self._document("oci-layout", _MAX_MARKER_SIZE)
        except ContentNotFoundError:
            raise ContentError(
                f"{self.root} is not an OCI layout", detail="It has no file named oci-layout."
            ) from None
        fields = load_object(raw, "the oci-layout file", _MAX_MARKER_SIZE)
        version = fields.get("imageLayoutVersion")
        if version != VERSION:
            raise ContentError(f"{self.root} is an OCI layout of the unknown version {version!r}")

    def path(self, digest: Digest) -> Path:
        """Return where a blob is, whether or not it exists."""
        return self.root / "blobs" / digest.algorithm / digest.hex

    @contextmanager
    def opened(self, digest: Digest) -> Generator[BinaryIO, None, None]:
        """Open a blob for blocking reads; what is read must be verified, see `oci.verified`.

        Raises:
            ContentNotFoundError: Not there.
            ContentError: Not a regular file, or it cannot be read.
        """
        with self._open(self.path(digest), str(digest)) as file:
            yield file

    def fetch(self, descriptor: Descriptor) -> FileContent:
        """Return a blob; what is wrong with it is raised when it is read.

        Raises:
            ContentNotFoundError: Not there.
            ContentError: Not a regular file, or it cannot be read.
        """
        return FileContent(partial(self.opened, descriptor.digest))

    async def exists(self, descriptor: Descriptor) -> bool:
        """Return whether the blob is there, with the right size.

        A writer that asks may be about to list it: from now on it counts as new (`oci.collect`).
        """
        path = self.path(descriptor.digest)
        try:
            found = path.lstat()
        except OSError:
            return False
        there = stat.S_ISREG(found.st_mode) and found.st_size == descriptor.size
        if there and self._durable:
            with contextlib.suppress(OSError):
                os.utime(path, follow_symlinks=False)
        return there

    async def push(
        self, descriptor: Descriptor, content: Callable[[], AsyncIterator[bytes]]
    ) -> None:
        """Store a blob; a no-op if it is there with the right size.

        Atomic: the blob gets its name when all of it is there, checked and flushed.

        Raises:
            ContentError: The content is not what the descriptor says; nothing is stored.
            OutputError: The layout cannot be written.
        """
        if await self.exists(descriptor):
            return
        async with self._ingest(descriptor.digest) as file:
            async for chunk in check(content(), descriptor):
                with self.writing():
                    file.write(chunk)

    async def link(self, source: OciLayout, descriptor: Descriptor) -> bool:
        """Share a blob of another layout on the same file system instead of copying it.

        The content is verified first. Returns whether it worked; if not, push it.

        Raises:
            ContentError: The source lacks it, or it is something else.
        """
        if await self.exists(descriptor):
            return True
        await prove(stream(source, descriptor))
        target = self.path(descriptor.digest)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(source.path(descriptor.digest), target, follow_symlinks=False)
        except OSError:
            return await self.exists(descriptor)
        return True

    async def resolve(self, name: str) -> Descriptor:
        """Return what a tag, a full image name or a digest stands for.

        Raises:
            ContentNotFoundError: There is no such name.
            ContentError: A tag stands for several images, or ``index.json`` is malformed.
        """
        found = self.index().find(name)
        if found is not None:
            return found
        try:
            digest = Digest.parse(name)
        except ContentError:
            raise self._lacks(name) from None
        with self.opened(digest) as file:
            raw = file.read(MAX_MANIFEST_SIZE + 1)
        found = parse_document(raw).descriptor
        if found.digest != digest and digest.algorithm == found.digest.algorithm:
            raise ContentError(f"the blob {digest} in {self.root} holds something else")
        return found

    async def tag(self, descriptor: Descriptor, name: str) -> None:
        """Point a tag or a full image name at a stored blob.

        Raises:
            ContentNotFoundError: The blob is not there.
            OutputError: The layout cannot be written, or is locked for too long.
        """
        await self.enter([(descriptor, name)])

    async def enter(self, entries: Sequence[tuple[Descriptor, str]]) -> None:
        """List several roots in ``index.json`` in one step, each replacing the entry of its name.

        Args:
            entries: Descriptors with a tag, a full image name, or an empty name.

        Raises:
            ContentNotFoundError: A blob is not there.
            OutputError: The layout cannot be written, or is locked for too long.
        """
        for descriptor, _ in entries:
            if not await self.exists(descriptor):
                raise self._lacks(descriptor.digest)
        with self.writing():
            if self._durable:
                for algorithm in {descriptor.digest.algorithm for descriptor, _ in entries}:
                    fsync_directory(self.root / "blobs" / algorithm)
            async with self.changing():
                self.replace_index(self.index().entered(entries))
            with contextlib.suppress(OSError):
                (self.root / ".ingest").rmdir()

    @asynccontextmanager
    async def changing(self) -> AsyncGenerator[None, None]:
        """Keep others who change ``index.json`` away.

        Raises:
            OutputError: It is locked for too long, or cannot be.
        """
        async with AsyncExitStack() as stack:
            lock = locked(self.root / "index.json.lock", timeout_s=_LOCK_TIMEOUT_S)
            with self.writing():
                try:
                    await stack.enter_async_context(lock)
                except TimeoutError:
                    raise OutputError(
                        f"the OCI layout {self.root} is locked by another program",
                        hint="remove index.json.lock if no other program is running",
                    ) from None
            yield

    def replace_index(self, index: LayoutIndex) -> None:
        """Write ``index.json`` anew, while `changing`; `writing` says what went wrong."""
        write_file(self.root / "index.json", index.raw)

    def files(self) -> Iterator[tuple[Digest, int, datetime]]:
        """Yield every blob with its size and the time of its last change; foreign files are not.

        Raises:
            ContentError: The directory cannot be read.
        """
        try:
            for path in sorted((self.root / "blobs").glob("*/*")):
                name, found = f"{path.parent.name}:{path.name}", path.lstat()
                if is_digest(name) and stat.S_ISREG(found.st_mode):
                    at = datetime.fromtimestamp(found.st_mtime, tz=UTC)
                    yield Digest.parse(name), found.st_size, at
        except OSError as error:
            raise self._unreadable("the blobs", error.strerror or "") from None

    def index(self) -> LayoutIndex:
        """Return what ``index.json`` lists; nothing if there is no such file yet.

        Raises:
            ContentError: It is malformed.
        """
        try:
            return LayoutIndex.parse(self._document("index.json", MAX_MANIFEST_SIZE))
        except ContentNotFoundError:
            return LayoutIndex.parse(EMPTY)

    @contextmanager
    def writing(self) -> Generator[None, None, None]:
        """Turn the system's complaints about writing into `OutputError`."""
        try:
            yield
        except TimeoutError:
            raise
        except OSError as error:
            raise OutputError(
                f"cannot write the OCI layout {self.root}", detail=error.strerror or ""
            ) from None

    @asynccontextmanager
    async def _ingest(self, digest: Digest) -> AsyncGenerator[BinaryIO, None]:
        with self.writing():
            number, name = self._temporary()
        try:
            with os.fdopen(number, "wb") as file:
                yield file
                with self.writing():
                    file.flush()
                    os.fchmod(number, 0o644)
                    if self._durable:
                        await asyncio.to_thread(os.fsync, number)
            with self.writing():
                self._settle(Path(name), digest)
        except BaseException:
            Path(name).unlink(missing_ok=True)  # noqa: ASYNC240 - one system call
            raise

    def _settle(self, file: Path, digest: Digest) -> None:
        target = self.path(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)

    def _temporary(self) -> tuple[int, str]:
        # The directory is removed whenever a writer is done, so it can go away in between.
        directory = self.root / ".ingest"
        while True:
            directory.mkdir(exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                return tempfile.mkstemp(dir=directory)

    @contextmanager
    def _open(self, path: Path, what: str) -> Generator[BinaryIO, None, None]:
        # Without O_NONBLOCK a named pipe in a hostile layout would hang the open call.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            number = os.open(path, flags)
        except FileNotFoundError:
            raise self._lacks(what) from None
        except OSError as error:
            raise self._unreadable(what, error.strerror or "") from None
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            raise self._unreadable(what, "It is not a regular file.")
        with os.fdopen(number, "rb") as file:
            try:
                yield file
            except OSError as error:
                raise self._unreadable(what, error.strerror or "") from None

    def _document(self, name: str, limit: int) -> bytes:
        with self._open(self.root / name, name) as file:
            raw = file.read(limit + 1)
        if len(raw) > limit:
            raise SizeMismatchError(f"{self.root / name} has more than {limit} bytes")
        return raw

    def _lacks(self, what: object) -> ContentNotFoundError:
        return ContentNotFoundError(f"{what} is not in the OCI layout {self.root}")

    def _unreadable(self, what: object, detail: str) -> ContentError:
        return ContentError(f"cannot read {what} in the OCI layout {self.root}", detail=detail)


def _is_beginning(name: str) -> bool:
    """Return whether a layout that another writer is just making may have such an entry."""
    return name in {"blobs", ".ingest"} or name.startswith(".oci-layout.")
