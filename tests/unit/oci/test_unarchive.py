"""Archives are read with suspicion."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from bakex.errors import ContentError
from bakex.oci import unarchive
from bakex.oci.archive import write_archive
from bakex.oci.layout import OciLayout
from bakex.oci.unarchive import unpack_archive
from bakex.oci.validate import validate
from bakex.testing.images import put_attested

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.model.descriptor import Descriptor


async def archived(folder: Path) -> tuple[Path, Descriptor]:
    layout = OciLayout.create(folder / "source")
    root = await put_attested(layout)
    await write_archive(layout, [(root, "app:1")], folder / "a.tar")
    return folder / "a.tar", root


async def checked(file: Path, into: Path, root: Descriptor) -> None:
    layout = await unpack_archive(file, into)
    assert layout.index().entries
    await validate(layout, root, contents=True)


@pytest.mark.parametrize("packed", [False, True])
async def test_what_was_written_is_read(tmp_path: Path, *, packed: bool) -> None:
    file, root = await archived(tmp_path)
    if packed:
        file.write_bytes(gzip.compress(file.read_bytes()))
    layout = await unpack_archive(file, tmp_path / "out")
    assert (await layout.resolve("app:1")).digest == root.digest
    await validate(layout, root, contents=True)


async def test_every_truncation_is_found(tmp_path: Path) -> None:
    file, root = await archived(tmp_path)
    whole = file.read_bytes()
    end = len(whole.rstrip(b"\0"))
    for number, length in enumerate(range(0, end, 997)):
        file.write_bytes(whole[:length])
        with pytest.raises(ContentError):
            await checked(file, tmp_path / str(number), root)


async def test_a_blob_that_is_cut_is_named(tmp_path: Path) -> None:
    file, _ = await archived(tmp_path)
    with tarfile.open(file) as archive:
        last = [m for m in archive if m.isreg()][-1]
    whole = file.read_bytes()
    file.write_bytes(whole[: last.offset_data + last.size - 1])
    with pytest.raises(ContentError, match=last.name.rpartition("/")[2]):
        await unpack_archive(file, tmp_path / "out")


@pytest.mark.parametrize("name", ["../out", "/etc/x", "blobs/sha256/../../x", "other"])
async def test_nothing_else_is_written(tmp_path: Path, name: str) -> None:
    file = tmp_path / "a.tar"
    with tarfile.open(file, "w") as archive:
        for each, data in (("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), (name, b"x")):
            member = tarfile.TarInfo(each)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    await unpack_archive(file, tmp_path / "in" / "x")
    found = {p.name for p in (tmp_path / "in").rglob("*") if p.is_file()}
    assert found == {"oci-layout"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
async def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    file = tmp_path / "a.tar"
    with tarfile.open(file, "w") as archive:
        member = tarfile.TarInfo(f"blobs/sha256/{'0' * 64}")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(ContentError, match="is not a regular file"):
        await unpack_archive(file, tmp_path / "out")


async def test_anything_else_is_no_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ContentError, match="cannot read"):
        await unpack_archive(tmp_path / "missing", tmp_path / "out")
    (tmp_path / "text").write_text("no tar")
    with pytest.raises(ContentError, match="no tar file"):
        await unpack_archive(tmp_path / "text", tmp_path / "out")
    file, _ = await archived(tmp_path)
    monkeypatch.setattr("bakex.oci.unarchive._MAX_MEMBERS", 2)
    with pytest.raises(ContentError, match="more than 2 entries"):
        await unpack_archive(file, tmp_path / "out")


def bomb(file: Path, *, header: bool) -> None:
    """Write a small archive that unpacks to a lot: content, or a header that has to be read."""
    entry = tarfile.TarInfo("blobs/sha256/" + "0" * 64)
    entry.size = 1 << 30
    if header:
        entry.name, entry.type = "././@PaxHeader", tarfile.XHDTYPE
    block = bytes(1 << 20)
    with gzip.open(file, "wb", compresslevel=9) as target:
        target.write(entry.tobuf())
        for _ in range(300):
            target.write(block)


@pytest.mark.parametrize("header", [False, True])
@pytest.mark.slow
async def test_a_bomb_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, header: bool
) -> None:
    monkeypatch.setattr(unarchive, "_ALWAYS", 16 << 20)
    bomb(tmp_path / "a.tar", header=header)
    (tmp_path / "out").mkdir()
    message = "a header that is too large" if header else "far more than its own size"
    with pytest.raises(ContentError, match=message):
        await unpack_archive(tmp_path / "a.tar", tmp_path / "out")
    size = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert size < 100 << 20


async def test_holes_are_refused(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("blobs/sha256/" + "0" * 64)
    entry.type, entry.size = tarfile.GNUTYPE_SPARSE, 0
    raw = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    raw[483:495] = b"77777777777\0"  # the real size, eight gigabytes
    raw[148:156] = b" " * 8
    raw[148:156] = f"{sum(raw):06o}\0 ".encode()
    (tmp_path / "a.tar").write_bytes(raw + bytes(1024))
    (tmp_path / "out").mkdir()
    with pytest.raises(ContentError, match="is not a regular file"):
        await unpack_archive(tmp_path / "a.tar", tmp_path / "out")
