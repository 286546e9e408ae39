"""Directories as files: the same bytes, whoever packs them."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from bakex._util.threads import StopFlag, Stopped
from bakex.artifacts.packing import pack
from bakex.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def fill(folder: Path, *, order: int = 1, mask: int = 0o022) -> Path:
    """Make the same directory, in another order and with other modes and times."""
    folder.mkdir()
    (folder / "sub").mkdir()
    for name in ["b", "sub/é", "a", "sub/empty"][::order]:
        (folder / name).write_text(name)
        (folder / name).chmod(0o666 & ~mask)
        os.utime(folder / name, (order + 10, order + 10))
    (folder / "b").chmod(0o777 & ~mask)
    (folder / "link").symlink_to("../elsewhere")
    return folder


def packed(folder: Path, target: Path, *, title: str = "the/dir", epoch: int = 0) -> str:
    return pack(folder, title, target, epoch=epoch, stop=StopFlag())


def test_only_content_counts(tmp_path: Path) -> None:
    one, two = fill(tmp_path / "one"), fill(tmp_path / "two", order=-1, mask=0o077)
    (tmp_path / "link").symlink_to(two)
    digest = packed(one, tmp_path / "1")
    assert packed(tmp_path / "link", tmp_path / "2") == digest
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert packed(one, tmp_path / "3", epoch=1) != digest


def test_what_is_inside(tmp_path: Path) -> None:
    digest = packed(fill(tmp_path / "one"), tmp_path / "1", epoch=7)
    raw = gzip.decompress((tmp_path / "1").read_bytes())
    # As oras takes it: up to the two empty blocks, without anything behind them.
    assert digest == f"sha256:{hashlib.sha256(raw).hexdigest()}"
    assert len(raw) % tarfile.RECORDSIZE
    with tarfile.open(tmp_path / "1") as tar:
        members = {m.name: (m.type, m.mode, m.mtime, m.uid, m.uname) for m in tar}
        content = tar.extractfile("the/dir/sub/é")
        assert content is not None
        assert content.read() == "sub/é".encode()
        assert tar.getmember("the/dir/link").linkname == "../elsewhere"
    assert list(members) == [
        f"the/dir{name}" for name in ("", "/a", "/b", "/link", "/sub", "/sub/empty", "/sub/é")
    ]
    assert members["the/dir"] == (tarfile.DIRTYPE, 0o755, 7, 0, "")
    assert members["the/dir/a"] == (tarfile.REGTYPE, 0o644, 7, 0, "")
    assert members["the/dir/b"][1] == 0o755


def test_nothing_but_files_directories_and_links(tmp_path: Path) -> None:
    folder = fill(tmp_path / "one")
    os.mkfifo(folder / "pipe")
    with pytest.raises(UsageError, match="'x/pipe' is neither"):
        packed(folder, tmp_path / "1", title="x")


def test_it_stops(tmp_path: Path) -> None:
    stop = StopFlag()
    stop.set()
    with pytest.raises(Stopped):
        pack(fill(tmp_path / "one"), "x", tmp_path / "1", epoch=0, stop=stop)
