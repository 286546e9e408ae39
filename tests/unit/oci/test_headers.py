"""Headers: what the three formats of tar say, and what they must not say."""

from __future__ import annotations

import tarfile

import pytest

from bakex.errors import ContentError
from bakex.oci.headers import header, parse, records


def record(key: str, value: bytes) -> bytes:
    body = b" " + key.encode() + b"=" + value + b"\n"
    length = len(body) + len(str(len(body)))
    length += len(str(length)) - len(str(len(body)))
    return str(length).encode() + body


def test_records_hold_any_bytes() -> None:
    body = record("path", b"a/b") + record("SCHILY.xattr.user.x", b"\0=\n9 ") + record("path", b"c")
    assert records(body, "L") == {"path": b"c", "SCHILY.xattr.user.x": b"\0=\n9 "}


@pytest.mark.parametrize(
    "body",
    [b"x", b"99 path=a\n", b"9 path=a\n\0", b"8 path=a\n", b"6 path=", b"0 p=a\n", b"5 =a\n"],
)
def test_malformed_records(body: bytes) -> None:
    with pytest.raises(ContentError, match="the layer L has a malformed extended header"):
        records(body, "L")


@pytest.mark.parametrize(
    ("written", "name"),
    [("a/b", "a/b"), ("./a/b/", "a/b"), ("/a", "a"), ("./", "."), ("", "."), ("../a", "../a")],
)
def test_names(written: str, name: str) -> None:
    found = header(tarfile.TarInfo(written), {}, "L")
    assert (found.name, found.written) == (name, written)


@pytest.mark.parametrize(
    ("kind", "name", "size"),
    [
        (tarfile.REGTYPE, "file", 7),
        (tarfile.CONTTYPE, "file", 7),
        (tarfile.DIRTYPE, "directory", 0),
        (tarfile.LNKTYPE, "hard link", 0),
        (tarfile.SYMTYPE, "link", 0),
        (tarfile.CHRTYPE, "character device", 0),
        (tarfile.BLKTYPE, "block device", 0),
        (tarfile.FIFOTYPE, "pipe", 0),
        (b"Z", "type Z", 7),
    ],
)
def test_kinds(kind: bytes, name: str, size: int) -> None:
    entry = tarfile.TarInfo("a")
    entry.type, entry.size, entry.linkname = kind, 7, "target"
    entry.devmajor, entry.devminor = 8, 1
    found = header(entry, {}, "L")
    assert (found.kind, found.size, found.has_content) == (name, size, bool(size))
    assert (found.link == "target") == (name in {"link", "hard link"})
    assert (found.device == (8, 1)) == name.endswith("device")


def test_extended_headers_have_the_last_word() -> None:
    entry = tarfile.TarInfo("short")
    entry.mtime, entry.uid = 7, 1
    pax = {
        "path": "ä/\udcff".encode("utf-8", "surrogateescape"),
        "size": b"12",
        "uid": b"3000000",
        "gid": b"4",
        "uname": b"me",
        "gname": b"us",
        "mtime": b"1700000000.123456789",
        "SCHILY.xattr.security.capability": b"\1\0",
        "atime": b"5",
    }
    found = header(entry, pax, "L")
    assert found.name == "ä/\udcff"
    assert (found.size, found.uid, found.gid, found.user, found.group) == (
        12,
        3000000,
        4,
        "me",
        "us",
    )
    assert found.mtime_ns == 1_700_000_000_123_456_789
    assert found.xattrs == {"security.capability": b"\1\0"}
    assert found.extra == {"atime": "5"}


def test_sparse_files_are_told_from_files() -> None:
    pax = {"path": b"GNUSparseFile.0/a", "GNU.sparse.name": b"a", "GNU.sparse.major": b"1"}
    found = header(tarfile.TarInfo("x"), pax, "L")
    assert (found.kind, found.name) == ("sparse file", "a")


@pytest.mark.parametrize("key", ["size", "uid", "gid", "mtime"])
def test_numbers_that_are_none(key: str) -> None:
    with pytest.raises(ContentError, match="an extended header with the"):
        header(tarfile.TarInfo("a"), {key: b"1e9"}, "L")


def test_blocks_that_are_no_headers() -> None:
    with pytest.raises(ContentError, match="the layer L is no tar archive, or damaged"):
        parse(b"x" * 512, "L")
    entry = tarfile.TarInfo("a")
    entry.size = -5
    with pytest.raises(ContentError, match="negative size"):
        parse(entry.tobuf(tarfile.GNU_FORMAT), "L")
