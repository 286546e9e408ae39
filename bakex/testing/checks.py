"""What every implementation of a seam must do: one check for the real things and the fakes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bakex.errors import (
    ContentError,
    ContentNotFoundError,
    DigestMismatchError,
    NameUnknownError,
    SizeMismatchError,
)
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.oci.copy import once
from bakex.oci.verified import read, read_document
from bakex.testing.images import put_blob, put_image

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bakex.interfaces import Store

_OCTETS = "application/octet-stream"
_LARGE = 3 << 20  # more than one chunk of every store


async def check_store(store: Store) -> None:
    """Check the contract of `bakex.interfaces.Store` on an empty store.

    Raises:
        AssertionError: The store breaks it; the message says where.
    """
    await _check_blobs(store)
    await _check_refusals(store)
    await _check_names(store)


async def _check_blobs(store: Store) -> None:
    for data in (b"", b"small", bytes(range(256)) * (_LARGE >> 8)):
        blob = Descriptor(media_type=_OCTETS, digest=Digest.of(data), size=len(data))
        require(not await store.exists(blob), "a blob exists before it was pushed")
        await put_blob(store, data, _OCTETS)
        await put_blob(store, data, _OCTETS)
        require(await store.exists(blob), "a pushed blob does not exist")
        require(await read(store, blob, limit=_LARGE) == data, "a blob changed")
        longer = replace(blob, size=blob.size + 1)
        require(not await store.exists(longer), "a blob exists with another size")


async def _check_refusals(store: Store) -> None:
    wanted = Descriptor(media_type=_OCTETS, digest=Digest.of(b"wanted"), size=6)
    wrong: list[tuple[bytes, type[ContentError]]] = [
        (b"other!", DigestMismatchError),
        (b"wante", SizeMismatchError),
        (b"wanted!", SizeMismatchError),
    ]
    for data, error in wrong:
        try:
            await store.push(wanted, partial(once, data))
        except error:
            pass
        else:
            raise AssertionError(f"{data!r} was stored as {wanted.digest}")
        require(not await store.exists(wanted), "refused content was stored")
    try:
        await read(store, wanted, limit=_LARGE)
    except ContentNotFoundError:
        pass
    else:
        raise AssertionError("missing content was read")

    async def broken() -> AsyncIterator[bytes]:
        yield b"wan"
        raise ContentNotFoundError("the source broke")

    try:
        await store.push(wanted, broken)
    except ContentNotFoundError:
        pass
    else:
        raise AssertionError("a source that broke was taken for a whole one")
    require(not await store.exists(wanted), "part of the content was stored")


async def _check_names(store: Store) -> None:
    for name in ("missing", str(Digest.of(b"missing"))):
        try:
            await store.resolve(name)
        except (NameUnknownError, ContentNotFoundError):
            pass
        else:
            raise AssertionError("a name was resolved that nobody gave")
    first = await put_image(store, "linux/amd64")
    second = await put_image(store, "linux/arm64")
    for image in (first, second, second):
        await store.tag(image, "moving")
        found = await store.resolve("moving")
        require(found.digest == image.digest, "a tag stands for something else")
        require(found.size == image.size, "a tag has another size")
        require(found.media_type == image.media_type, "a tag has another media type")
    by_digest = await store.resolve(str(first.digest))
    require(by_digest.digest == first.digest, "a digest stands for something else")
    document = await read_document(store, by_digest)
    require(document.descriptor.digest == first.digest, "a manifest changed")


def require(holds: bool, otherwise: str) -> None:
    """Check one thing, also under ``python -O``.

    Raises:
        AssertionError: It does not hold; the message is `otherwise`.
    """
    if not holds:
        raise AssertionError(otherwise)
