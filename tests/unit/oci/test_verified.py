"""Reading content: every byte is checked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import (
    ContentError,
    ContentNotFoundError,
    DigestMismatchError,
    MediaTypeError,
    SizeMismatchError,
)
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.index import Index
from bakex.model.manifest import ImageManifest
from bakex.model.media_types import OCI_INDEX, OCI_MANIFEST
from bakex.oci.memory import MemoryStore
from bakex.oci.verified import (
    Verifier,
    check,
    parse_document,
    read,
    read_config,
    read_document,
    stream,
)
from bakex.testing.images import put_attested, put_blob, put_image

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Chunks:
    """An iterator that is no generator and cannot be closed."""

    def __init__(self, *chunks: bytes) -> None:
        self._left = list(chunks)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop(0)


def described(data: bytes) -> Descriptor:
    return Descriptor(media_type="x/y", digest=Digest.of(data), size=len(data))


async def test_right_content_passes() -> None:
    chunks = check(Chunks(b"he", b"", b"llo"), described(b"hello"))
    assert [chunk async for chunk in chunks] == [b"he", b"", b"llo"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"hell", SizeMismatchError),
        (b"hello!", SizeMismatchError),
        (b"hellO", DigestMismatchError),
        (b"", SizeMismatchError),
    ],
)
async def test_wrong_content_is_refused(content: bytes, error: type[ContentError]) -> None:
    with pytest.raises(error):
        [chunk async for chunk in check(Chunks(content), described(b"hello"))]


async def test_too_much_is_refused_before_it_is_handed_out() -> None:
    chunks = check(Chunks(b"hello", b"!", b"more"), described(b"hello"))
    assert await anext(chunks) == b"hello"
    with pytest.raises(SizeMismatchError):
        await anext(chunks)


@given(st.binary(max_size=64), st.integers(0, 63))
def test_every_truncation_is_an_error(data: bytes, cut: int) -> None:
    verifier = Verifier(described(data))
    verifier.update(data[:cut])
    if cut >= len(data):
        verifier.finish()
    else:
        with pytest.raises(SizeMismatchError):
            verifier.finish()


async def test_sha512_is_checked_too() -> None:
    digest = Digest.parse("sha512:" + "0" * 128)
    with pytest.raises(DigestMismatchError):
        [c async for c in check(Chunks(b""), replace(described(b""), digest=digest))]


async def test_the_source_is_closed_when_the_reader_stops() -> None:
    closed: list[bool] = []

    async def source() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append(True)

    chunks = check(source(), described(b"ab"))
    assert await anext(chunks) == b"a"
    await chunks.aclose()
    assert closed == [True]


async def test_small_content_is_read_whole_and_large_is_refused() -> None:
    store = MemoryStore()
    blob = await put_blob(store, b"hello", "x/y")
    assert await read(store, blob, limit=5) == b"hello"
    assert [chunk async for chunk in stream(store, blob)] == [b"hello"]
    with pytest.raises(SizeMismatchError, match="more than the 4 allowed"):
        await read(store, blob, limit=4)


async def test_documents_are_read_as_what_they_are() -> None:
    store = MemoryStore()
    index = await put_attested(store)
    document = await read_document(store, index)
    assert isinstance(document, Index)
    manifest = await read_document(store, document.images[0])
    assert isinstance(manifest, ImageManifest)
    assert str((await read_config(store, manifest)).platform) == "linux/amd64"


async def test_a_document_of_another_kind_is_refused() -> None:
    store = MemoryStore()
    image = await put_image(store)
    with pytest.raises(MediaTypeError):
        await read_document(store, replace(image, media_type=OCI_INDEX))
    with pytest.raises(ContentNotFoundError):
        await read_document(store, described(b"missing"))


async def test_a_document_without_a_type_is_known_by_its_shape() -> None:
    store = MemoryStore()
    image = await put_image(store)
    raw = store.blobs[image.digest]
    assert parse_document(raw).descriptor == image
    bare = raw.replace(f'"mediaType": "{OCI_MANIFEST}",\n'.encode(), b"", 1)
    assert parse_document(bare).media_type == OCI_MANIFEST
    with pytest.raises(ContentError):
        parse_document(b"{}")
