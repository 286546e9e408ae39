"""Layers as they stream by: what tarfile writes, whatever the compression, and hostile ones."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import tarfile
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import ContentError, ContentNotFoundError, DigestMismatchError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.oci.compare_layers import compare_contents
from bakex.oci.layers import Limits, entries
from bakex.oci.memory import MemoryStore
from bakex.testing.images import layer_tar, put_blob
from tests.unit.oci.packing import zstd

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakex.oci.headers import Header

TYPE = "application/vnd.oci.image.layer.v1.tar"
LONG = "directory/" * 30 + "file"


def tree(form: int) -> bytes:
    """Return an archive that has every kind of entry that the form can have."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as archive:

        def add(name: str, kind: bytes, content: bytes = b"", link: str = "") -> None:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size, entry.linkname = kind, len(content), link
            entry.mtime, entry.mode, entry.uid = 1_700_000_000, 0o4750, 1000
            archive.addfile(entry, io.BytesIO(content))

        add("./", tarfile.DIRTYPE)
        add("bin/", tarfile.DIRTYPE)
        add("bin/a", tarfile.REGTYPE, b"a" * 1000)
        add("bin/empty", tarfile.REGTYPE)
        add("bin/block", tarfile.REGTYPE, b"b" * 512)
        add("bin/large", tarfile.REGTYPE, bytes(300_000))
        add("bin/b", tarfile.LNKTYPE, link="bin/a")
        add("bin/c", tarfile.SYMTYPE, link="a")
        add("pipe", tarfile.FIFOTYPE)
        if form != tarfile.USTAR_FORMAT:
            add(LONG, tarfile.REGTYPE, b"long")
            add("l", tarfile.SYMTYPE, link=LONG)
    return target.getvalue()


SOUND = gzip.compress(tree(tarfile.PAX_FORMAT))


async def listed(data: bytes, **options: object) -> list[tuple[Header, bytes]]:
    store = MemoryStore()
    layer = await put_blob(store, data, TYPE)
    return [
        (entry.header, b"".join([chunk async for chunk in entry.content()]))
        async for entry in entries(store, layer, **options)  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress])
async def test_entries_are_those_that_tarfile_finds(
    form: int, pack: Callable[[bytes], bytes]
) -> None:
    data = tree(form)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        wanted = [
            (m.name.rstrip("/"), m.size if m.isreg() else 0, m.mode, m.uid, m.linkname, m.mtime)
            for m in archive
        ]
    found = await listed(pack(data))
    assert [(h.name, h.size, h.mode, h.uid, h.link, h.mtime_ns / 10**9) for h, _ in found] == wanted
    contents = {header.name: content for header, content in found}
    assert contents["bin/a"] == b"a" * 1000
    assert contents["bin/large"] == bytes(300_000)
    assert contents["bin/b"] == b""
    assert {h.kind for h, _ in found} == {"file", "directory", "link", "hard link", "pipe"}


async def test_content_that_nobody_wants_is_passed_over() -> None:
    store = MemoryStore()
    layer = await put_blob(store, gzip.compress(tree(tarfile.PAX_FORMAT)), TYPE)
    places: list[int] = []
    async for entry in entries(store, layer):
        places.append(entry.position)
        if entry.header.name == "bin/large":
            async with aclosing(entry.content()) as content:
                assert len(await anext(content)) > 0
    assert places == list(range(11))


async def test_sparse_maps_and_global_headers() -> None:
    data = bytearray(tree(tarfile.USTAR_FORMAT))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", pax_headers={"comment": "abc"}) as tar:
        entry = tarfile.TarInfo("hole")
        tar.addfile(entry)
    (first, _), (second, _) = await listed(archive.getvalue())
    assert (first.kind, first.extra) == ("global header", {"comment": "abc"})
    assert (second.name, second.extra) == ("hole", {})
    sparse = tarfile.TarInfo("sparse")
    sparse.size = 3
    block = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    block[156:157], block[482] = tarfile.GNUTYPE_SPARSE, 1
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    more, last = bytearray(512), bytes(512)
    more[504] = 1
    data[:0] = bytes(block) + bytes(more) + last + b"abc".ljust(512, b"\0")
    found = await listed(bytes(data))
    assert (found[0][0].kind, found[0][0].name, found[0][1]) == ("sparse file", "sparse", b"abc")
    assert found[3][1] == b"a" * 1000


async def test_what_a_config_says_is_checked() -> None:
    data = layer_tar({"a": b"1"})
    right = Digest.of(data)
    assert await listed(gzip.compress(data), diff_id=right)
    with pytest.raises(DigestMismatchError, match=r"unpacks to sha256:.* and the image's config"):
        await listed(gzip.compress(data), diff_id=Digest.of(b"other"))


async def test_the_layer_itself_is_checked() -> None:
    store = MemoryStore()
    layer = await put_blob(store, layer_tar({"a": b"1"}), TYPE)
    store.blobs[layer.digest] = store.blobs[layer.digest][:-1] + b"x"
    with pytest.raises(DigestMismatchError):
        [entry async for entry in entries(store, layer)]
    other = Descriptor(media_type=TYPE, digest=Digest.of(b"none"), size=4)
    with pytest.raises(ContentNotFoundError):
        [entry async for entry in entries(store, other)]


async def test_an_archive_may_end_without_its_end() -> None:
    data = layer_tar({"a": b"1" * 512})
    assert [header.name for header, _ in await listed(data[:1024])] == ["a"]
    assert await listed(layer_tar({"a": b"1"})[:513]) == await listed(layer_tar({"a": b"1"}))
    assert await listed(b"") == []


@pytest.mark.parametrize("end", [100, 512, 512 + 10, 512 + 999])
async def test_an_archive_that_is_cut_short(end: int) -> None:
    data = layer_tar({"a": b"1" * 1000})
    with pytest.raises(ContentError, match="is cut short"):
        await listed(data[:end])


async def test_limits() -> None:
    data = layer_tar(dict.fromkeys("abc", b""))
    assert len(await listed(data, limits=Limits(entries=3))) == 3
    with pytest.raises(ContentError, match="has more than 2 entries"):
        await listed(data, limits=Limits(entries=2))
    packed = gzip.compress(layer_tar({"a": bytes(1 << 20)}))
    with pytest.raises(ContentError, match="far more than its own size"):
        await listed(packed, limits=Limits(tame=1000, ratio=10))
    pax = tree(tarfile.PAX_FORMAT)
    assert await listed(pax, limits=Limits(extended_all=100 + 2 * len(LONG)))
    for limits in (Limits(extended=100), Limits(extended_all=len(LONG) + 100)):
        with pytest.raises(ContentError, match="extended header that is too large"):
            await listed(pax, limits=limits)


async def test_an_extended_header_of_any_size_is_refused_before_it_is_read() -> None:
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = tarfile.XHDTYPE, 1 << 40
    with pytest.raises(ContentError, match="extended header that is too large"):
        await listed(entry.tobuf(tarfile.GNU_FORMAT))


@given(st.integers(0, 40 * 512), st.binary(min_size=1, max_size=40), st.sampled_from([0, 1, 2]))
def test_damage_is_an_error_of_content_or_none(place: int, damage: bytes, kind: int) -> None:
    """Whatever is in a layer, it is told of as that, and no other exception gets out."""
    pack: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, zstd.compress]
    data = bytearray(pack[kind](tree(tarfile.PAX_FORMAT)))
    place %= len(data)
    data[place : place + len(damage)] = damage

    async def differing() -> None:
        store = MemoryStore()
        sides = [await put_blob(store, bytes(data), TYPE), await put_blob(store, SOUND, TYPE)]
        await compare_contents(*(entries(store, side) for side in sides), most=5)

    with contextlib.suppress(ContentError):
        asyncio.run(differing())


@given(st.binary(max_size=2048))
def test_anything_at_all(data: bytes) -> None:
    with contextlib.suppress(ContentError):
        asyncio.run(listed(data))
