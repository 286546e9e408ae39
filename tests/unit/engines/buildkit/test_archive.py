from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from bakex.engines.buildkit.archive import unpack
from bakex.errors import ContentError, DigestMismatchError, OutputError

if TYPE_CHECKING:
    from pathlib import Path

BLOB = b"a blob"
HEX = hashlib.sha256(BLOB).hexdigest()


def archive(path: Path, **members: bytes | None) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            if data is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(info)
            else:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


def test_blobs_are_added_and_nothing_else(tmp_path: Path) -> None:
    members = {f"blobs__sha256__{HEX}": BLOB, "index.json": b"{}", "..__evil": b"x"}
    unpack(archive(tmp_path / "t", **members), tmp_path / "l")
    files = [path for path in (tmp_path / "l").rglob("*") if path.is_file()]
    assert files == [tmp_path / "l" / "blobs" / "sha256" / HEX]
    assert files[0].read_bytes() == BLOB
    assert files[0].stat().st_mode & 0o777 == 0o644
    unpack(archive(tmp_path / "t", **members), tmp_path / "l")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["l", "t"]


def test_a_blob_that_lies_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(DigestMismatchError):
        unpack(archive(tmp_path / "t", **{f"blobs__sha256__{HEX}": b"other"}), tmp_path / "l")
    assert not [path for path in (tmp_path / "l").rglob("*") if path.is_file()]


def test_links_are_not_followed(tmp_path: Path) -> None:
    unpack(archive(tmp_path / "t", **{f"blobs__sha256__{HEX}": None}), tmp_path / "l")
    assert not (tmp_path / "l").exists()


def test_something_that_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"nonsense" * 100)
    with pytest.raises(ContentError, match="malformed archive"):
        unpack(tmp_path / "t", tmp_path / "l")


def test_a_layout_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "l").write_text("a file")
    with pytest.raises(OutputError):
        unpack(archive(tmp_path / "t", **{f"blobs__sha256__{HEX}": BLOB}), tmp_path / "l")
