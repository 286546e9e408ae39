from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import time
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DefinitionError
from bakex.sources.archive import HEAD, is_archive, unpack
from bakex.sources.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def member(name: str, *, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=kind, linkname=target)


def tar(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def into(tmp_path: Path) -> Path:
    path = tmp_path / "into"
    path.mkdir()
    return path


def put(content: bytes, into: Path, limits: Limits | None = None, seconds: float = 30) -> None:
    file = into.with_name("archive")
    file.write_bytes(content)
    unpack(file, into, limits=limits or Limits(), deadline=time.monotonic() + seconds)


def same(content: bytes) -> bytes:
    return content


@pytest.mark.parametrize("packed", [same, gzip.compress, bz2.compress, lzma.compress])
def test_unpack(into: Path, packed: Callable[[bytes], bytes]) -> None:
    content = packed(
        tar(
            member("./", type=tarfile.DIRTYPE, mode=0o700),
            member("./docker-bake.hcl", content=b"x = 1"),
            member("d", type=tarfile.DIRTYPE),
            member("d/run", content=b"#!", mode=0o755),
            member("deep/er/file", content=b"y" * 70_000),
            member("fifo", type=tarfile.FIFOTYPE),
            link("d/link", "../deep/er"),
            link("hard", "docker-bake.hcl", tarfile.LNKTYPE),
            link("./d/hard", "d/link", tarfile.LNKTYPE),
            member("n" * 150, content=b"long"),
        )
    )
    assert is_archive(content[:HEAD])
    put(content, into)
    assert (into / "docker-bake.hcl").read_bytes() == b"x = 1"
    assert (into / "d" / "run").stat().st_mode & 0o777 == 0o755
    assert (into / "docker-bake.hcl").stat().st_mode & 0o111 == 0
    assert (into / "d" / "link" / "file").read_bytes() == b"y" * 70_000
    assert (into / "hard").read_bytes() == b"x = 1"
    assert (into / "d" / "hard").readlink() == type(into)("link")
    assert (into / ("n" * 150)).read_bytes() == b"long"
    assert not (into / "fifo").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b'target "a" {}', b"\0" * 1024, b"{}" * 600, b"PK\x03\x04" + b"x" * 600],
    ids=["empty", "letter", "bake file", "zeros", "braces", "zip"],
)
def test_no_archives(content: bytes) -> None:
    assert not is_archive(content)


def test_a_later_entry_takes_the_place_of_an_earlier_one(into: Path) -> None:
    put(
        tar(
            member("a", content=b"1"),
            member("a", content=b"2"),
            member("b", content=b"1"),
            member("b/c", content=b"2"),
            member("d/e", content=b"1"),
            member("d", content=b"2"),
            link("l", "a"),
            member("l", content=b"3"),
            member("m", content=b"1"),
            link("m", "a"),
            link("n", "n", tarfile.SYMTYPE),
            member("n", content=b"4"),
            link("n", "n", tarfile.LNKTYPE),
        ),
        into,
    )
    assert [(into / name).read_bytes() for name in ("a", "b/c", "d", "l", "m", "n")] == [
        b"2",
        b"2",
        b"2",
        b"3",
        b"2",
        b"4",
    ]


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "/"])
def test_names_that_lead_out(into: Path, name: str) -> None:
    with pytest.raises(DefinitionError, match="name that leads out"):
        put(tar(member(name, content=b"x")), into)
    assert list(into.iterdir()) == []


@pytest.mark.parametrize(
    "links",
    [
        [("l", "/etc/passwd")],
        [("l", "../x")],
        [("a/l", "../../x")],
        [("here", "."), ("l", "here/../..")],
        [("d/here", "."), ("l", "d/here/../../..")],
    ],
)
def test_links_that_lead_out(into: Path, links: list[tuple[str, str]]) -> None:
    with pytest.raises(DefinitionError, match="link that leads out"):
        put(tar(*(link(name, target) for name, target in links)), into)


def test_nothing_is_written_through_a_link(into: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    put(tar(link("d", str(outside)), member("d/x", content=b"x")), into)
    assert (into / "d" / "x").read_bytes() == b"x"
    put(tar(link("e", str(outside)), link("e/x", "y")), into)
    assert (into / "e" / "x").is_symlink()
    with pytest.raises(DefinitionError, match="leads out"):
        put(tar(link("f/x", "y"), link("f", str(outside))), into)
    assert list(outside.iterdir()) == []


def test_hard_links_to_what_is_not_there(into: Path) -> None:
    for target in ("nope", "d"):
        with pytest.raises(DefinitionError, match="link to what is not in it"):
            put(tar(member("d", type=tarfile.DIRTYPE), link("l", target, tarfile.LNKTYPE)), into)
    with pytest.raises(DefinitionError, match="leads out"):
        put(tar(link("l", "../archive", tarfile.LNKTYPE)), into)


@pytest.mark.parametrize(
    "limits",
    [Limits(entries=2), Limits(tree=5000), Limits(ratio=1, tame=5000)],
)
def test_limits(into: Path, limits: Limits) -> None:
    members = [member(f"{index}", content=b"x" * 2000) for index in range(20)]
    with pytest.raises(DefinitionError, match="too large"):
        put(gzip.compress(tar(*members)), into, limits)


def test_an_archive_within_the_limits(into: Path) -> None:
    members = [member(f"{index}", content=b"x" * 2000) for index in range(20)]
    put(gzip.compress(tar(*members)), into, Limits(entries=20, ratio=1, tree=60_000))
    assert len(list(into.iterdir())) == 20


def test_files_with_holes_count_as_what_they_become(into: Path) -> None:
    # GNU's old form of sparse files: one hole of a gigabyte, no content.
    info = tarfile.TarInfo("holes")
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    size = f"{1 << 30:011o}\0".encode()
    header[386 : 386 + 24] = f"{1 << 30:011o} ".encode() + f"{0:011o}\0".encode()
    header[483 : 483 + 12] = size
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    with pytest.raises(DefinitionError, match="too large"):
        put(bytes(header) + b"\0" * 1024, into, Limits(tree=1 << 20))
    assert (into / "holes").stat().st_size <= 2 << 20


def test_a_name_that_is_too_large(into: Path) -> None:
    content = tar(member("x" * 2_000_000, content=b"x"), form=tarfile.GNU_FORMAT)
    with pytest.raises(DefinitionError, match="header that is too large"):
        put(content, into)


def test_a_header_in_the_middle_that_is_none(into: Path) -> None:
    content = bytearray(tar(member("a", content=b"x"), member("b", content=b"y")))
    content[1024] ^= 1
    with pytest.raises(DefinitionError, match="the archive is damaged"):
        put(bytes(content), into)


def test_an_entry_that_leads_backwards(into: Path) -> None:
    info = tarfile.TarInfo("a")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    # A negative size in base 256: the next header would be before this one.
    header[124:136] = b"\xff" * 10 + b"\xf0\x00"
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    start = time.monotonic()
    with pytest.raises(DefinitionError):
        put(tar(member("b"))[:512] + bytes(header) + b"\0" * 1024, into)
    assert time.monotonic() - start < 10


def test_time_is_limited(into: Path) -> None:
    with pytest.raises(DefinitionError, match="too long"):
        put(tar(member("a", content=b"x")), into, seconds=-1)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"no tar inside"),
        gzip.compress(tar(member("a", content=b"x" * 100_000)))[:80],
        bz2.compress(tar(member("a")))[:40],
        b"\x1f\x8b\x08 damaged",
        b"\xfd7zXZ\x00 damaged",
        tar(member("a", content=b"x" * 5000))[:1500],
    ],
    # The names are given, as archives hold the time at which they are made.
    ids=["no tar", "cut gzip", "cut bzip2", "no gzip", "no xz", "cut tar"],
)
def test_damaged_archives(into: Path, content: bytes) -> None:
    with pytest.raises(DefinitionError, match=r"damaged|cannot be unpacked"):
        put(content, into)


def test_a_name_that_the_file_system_refuses(into: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot be unpacked") as caught:
        put(tar(member("x" * 300, content=b"x")), into)
    assert os.strerror(36) in caught.value.detail
