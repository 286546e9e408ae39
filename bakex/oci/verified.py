"""The only way to read content: every byte is checked against the descriptor that names it."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing, nullcontext
from typing import TYPE_CHECKING, cast

from bakex.errors import DigestMismatchError, SizeMismatchError
from bakex.model.documents import kind_of, load_object
from bakex.model.index import Index
from bakex.model.manifest import ImageConfig, ImageManifest
from bakex.model.media_types import INDEXES, MAX_CONFIG_SIZE, MAX_MANIFEST_SIZE
from bakex.oci.chunks import Chunks
from bakex.oci.file import FileContent

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from bakex.interfaces import ContentReader
    from bakex.model.descriptor import Descriptor


class Verifier:
    """Checks bytes against a descriptor as they pass."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._hash = hashlib.new(descriptor.digest.algorithm)
        self.size = 0

    def update(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            SizeMismatchError: More bytes than the descriptor says; they are not looked at.
        """
        self.size += len(data)
        if self.size > self._descriptor.size:
            raise SizeMismatchError(
                f"{self._descriptor.digest} has more than the announced"
                f" {self._descriptor.size} bytes"
            )
        self._hash.update(data)

    def finish(self) -> None:
        """Check the whole.

        Raises:
            SizeMismatchError: Bytes are missing.
            DigestMismatchError: The bytes are others.
        """
        wanted = self._descriptor
        if self.size != wanted.size:
            raise SizeMismatchError(
                f"{wanted.digest} has {self.size} bytes instead of the announced {wanted.size}"
            )
        found = self._hash.hexdigest()
        if found != wanted.digest.hex:
            raise DigestMismatchError(
                f"content of {wanted.digest} has the digest {wanted.digest.algorithm}:{found}"
            )


class _Checked(Chunks):
    """Content that raises before its end if it is not what a descriptor says."""

    def __init__(self, chunks: AsyncIterator[bytes], descriptor: Descriptor) -> None:
        super().__init__(_verified(chunks, descriptor))
        self.descriptor = descriptor
        self.source = chunks


def check(chunks: AsyncIterator[bytes], descriptor: Descriptor) -> AsyncGenerator[bytes, None]:
    """Yield the chunks, and raise before ending if they are not what the descriptor says.

    Nothing but a regular end proves the content: whoever stores it must wait for that. The source
    is closed at the end. What is being checked against the same digest and size is not hashed
    twice.

    Raises:
        SizeMismatchError: Too many bytes (raised at once) or too few.
        DigestMismatchError: Other bytes.
    """
    if isinstance(chunks, _Checked):
        known = chunks.descriptor
        if (known.digest, known.size) == (descriptor.digest, descriptor.size):
            return chunks
    return _Checked(chunks, descriptor)


def file_of(content: AsyncIterator[bytes]) -> FileContent | None:
    """Return the file that content comes from, unchecked; None if it comes from elsewhere.

    Only for those who hand the content to somebody that compares its digest.
    """
    source = content.source if isinstance(content, _Checked) else content
    return source if isinstance(source, FileContent) else None


async def _verified(
    chunks: AsyncIterator[bytes], descriptor: Descriptor
) -> AsyncGenerator[bytes, None]:
    verifier = Verifier(descriptor)
    async with closing(chunks):
        async for chunk in chunks:
            verifier.update(chunk)
            yield chunk
    verifier.finish()


def closing(
    chunks: AsyncIterator[bytes],
) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
    """Return a context that closes an iterator if it can be closed, as generators can."""
    if not hasattr(chunks, "aclose"):
        return nullcontext(chunks)
    return aclosing(cast("AsyncGenerator[bytes, None]", chunks))


def stream(reader: ContentReader, descriptor: Descriptor) -> AsyncGenerator[bytes, None]:
    """Yield the verified content of a descriptor; see `check`.

    Raises:
        ContentNotFoundError: Not there.
    """
    return check(reader.fetch(descriptor), descriptor)


async def prove(content: AsyncIterator[bytes]) -> None:
    """Read checked content to its end, for its check alone; others get their turns meanwhile.

    Raises:
        ContentError: It is not what its descriptor says.
    """
    async with closing(content):
        async for _ in content:
            await asyncio.sleep(0)


async def read(reader: ContentReader, descriptor: Descriptor, *, limit: int) -> bytes:
    """Return the verified content of a small descriptor.

    Args:
        reader: Where it is.
        descriptor: What it is.
        limit: The most bytes to take into memory.

    Raises:
        SizeMismatchError: The descriptor says more than `limit`; nothing was fetched.
        ContentError: Not there, or something else.
    """
    if descriptor.size > limit:
        raise SizeMismatchError(
            f"{descriptor.digest} has {descriptor.size} bytes, more than the {limit} allowed"
        )
    return b"".join([chunk async for chunk in stream(reader, descriptor)])


async def read_document(reader: ContentReader, descriptor: Descriptor) -> ImageManifest | Index:
    """Return a verified manifest or index.

    Raises:
        ContentError: Not there, something else, or of another kind than the descriptor says.
    """
    raw = await read(reader, descriptor, limit=MAX_MANIFEST_SIZE)
    return parse_document(raw, descriptor.media_type)


def parse_document(raw: bytes, media_type: str = "") -> ImageManifest | Index:
    """Read a manifest or an index, whichever it is.

    Raises:
        ContentError: Malformed, neither of the two, or not what `media_type` says.
    """
    if not media_type:
        media_type = kind_of(load_object(raw, "the manifest", MAX_MANIFEST_SIZE))
    kind = Index if media_type in INDEXES else ImageManifest
    return kind.parse(raw, media_type)


async def read_config(reader: ContentReader, manifest: ImageManifest) -> ImageConfig:
    """Return the verified config of an image manifest.

    Raises:
        ContentError: Not there, something else, or malformed.
    """
    return ImageConfig.parse(await read(reader, manifest.config, limit=MAX_CONFIG_SIZE))
