from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DigestMismatchError, SizeMismatchError
from bakex.model.digest import Digest
from bakex.session.blobs import ContentStore

if TYPE_CHECKING:
    from pathlib import Path

HELLO = Digest.of(b"hello")


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def add(store: ContentStore, data: bytes) -> Digest:
    ingest = store.ingest("ref", "sha256")
    ingest.write(data)
    digest = ingest.commit()
    ingest.close()
    return digest


def test_a_blob_becomes_visible_when_it_is_committed(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "layout", writable=True)
    assert store.find(HELLO) is None
    assert list(store.blobs()) == []
    ingest = store.ingest("ref", "sha256")
    ingest.write(b"hel")
    ingest.write(b"lo")
    assert store.find(HELLO) is None
    assert store.ingests == [ingest]
    assert ingest.commit() == HELLO
    ingest.close()
    ingest.close()
    assert store.ingests == []
    blob = store.find(HELLO)
    assert blob is not None
    assert (blob.digest, blob.size) == (HELLO, 5)
    assert blob.modified_ns == store.path(HELLO).stat().st_mtime_ns
    assert store.path(HELLO) == tmp_path / "layout" / "blobs" / "sha256" / HELLO.hex
    assert store.path(HELLO).read_bytes() == b"hello"
    assert names(tmp_path / "layout") == ["blobs"]


def test_other_content_is_refused(tmp_path: Path) -> None:
    store = ContentStore(tmp_path, writable=True)
    ingest = store.ingest("ref", "sha256")
    ingest.write(b"hullo")
    ingest.total = 6
    with pytest.raises(SizeMismatchError, match="5 bytes, expected 6"):
        ingest.commit()
    ingest.total, ingest.expected = 5, HELLO
    with pytest.raises(DigestMismatchError, match=str(HELLO)):
        ingest.commit()
    ingest.restart()
    ingest.write(b"hello")
    assert ingest.commit() == HELLO
    ingest.close()


def test_nothing_is_left_of_an_abandoned_blob(tmp_path: Path) -> None:
    store = ContentStore(tmp_path, writable=True)
    ingest = store.ingest("ref", "sha512")
    ingest.write(b"x")
    assert ingest.digest.algorithm == "sha512"
    assert 0 < ingest.started_ns <= ingest.updated_ns
    ingest.close()
    untouched = store.ingest("ref", "sha256")
    untouched.close()
    assert names(tmp_path) == []


def test_an_empty_blob(tmp_path: Path) -> None:
    store = ContentStore(tmp_path, writable=True)
    assert add(store, b"") == Digest.of(b"")
    assert store.path(Digest.of(b"")).read_bytes() == b""


async def test_many_writers_of_one_blob(tmp_path: Path) -> None:
    """Stores of several sessions over one layout, as fast as they can."""
    data = b"layer" * 1000

    def write(_: int) -> Digest:
        store = ContentStore(tmp_path, writable=True)
        for _again in range(20):
            add(store, data)
        return add(store, data)

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(asyncio.to_thread(write, n)) for n in range(4)]
    assert {task.result() for task in running} == {Digest.of(data)}
    assert ContentStore(tmp_path).path(Digest.of(data)).read_bytes() == data
    assert names(tmp_path) == ["blobs"]


def test_reading_from_a_position(tmp_path: Path) -> None:
    store = ContentStore(tmp_path, writable=True)
    reader = store.reader(add(store, b"hello"), 2)
    assert [reader.read(2), reader.read(2), reader.read(2)] == [b"ll", b"o", b""]
    reader.close()
    reader.close()
    with pytest.raises(FileNotFoundError):
        store.reader(Digest.of(b"other"), 0).read(1)


def test_only_regular_files_named_like_digests_are_blobs(tmp_path: Path) -> None:
    store = ContentStore(tmp_path, writable=True)
    add(store, b"hello")
    (tmp_path / "secret").write_bytes(b"secret")
    directory = store.path(HELLO).parent
    link = Digest.of(b"secret")
    (directory / link.hex).symlink_to(tmp_path / "secret")
    (directory / Digest.of(b"dir").hex).mkdir()
    (directory / "README").touch()
    assert store.find(link) is None
    with pytest.raises(OSError, match="symbolic link"):
        store.reader(link, 0).read(1)
    assert [blob.digest for blob in store.blobs()] == [HELLO]


def test_only_added_blobs_are_deleted(tmp_path: Path) -> None:
    other = ContentStore(tmp_path, writable=True)
    add(other, b"hello")
    store = ContentStore(tmp_path, writable=True)
    assert not store.delete(HELLO)
    assert store.find(HELLO)
    assert other.delete(HELLO)
    assert store.find(HELLO) is None
    assert not other.delete(HELLO)
