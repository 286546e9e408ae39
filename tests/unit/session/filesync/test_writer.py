from __future__ import annotations

import os
import stat as posix
from typing import TYPE_CHECKING

import pytest

from bakex.session.filesync.packets import GoMode, Stat
from bakex.session.filesync.writer import MAX_DEPTH, TreeWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def writer(root: Path) -> Iterator[TreeWriter]:
    made = TreeWriter(root)
    made.open()
    yield made
    made.close()
    made.close()


def write(writer: TreeWriter, path: bytes, data: bytes = b"data", mode: int = 0o644) -> None:
    file = writer.open_file(Stat(path, mode, size=len(data), mtime_ns=5_000_000_007))
    os.write(file.descriptor, data)
    writer.finish_file(file)


def directory(path: bytes, mode: int = 0o755, mtime_ns: int = 0) -> Stat:
    return Stat(path, GoMode.DIR | mode, mtime_ns=mtime_ns)


def link(path: bytes, target: bytes) -> Stat:
    return Stat(path, GoMode.SYMLINK | 0o777, linkname=target, mtime_ns=1)


def leftovers(root: Path) -> list[Path]:
    return list(root.rglob(".bakex-*"))


def test_attributes(root: Path, writer: TreeWriter) -> None:
    writer.make_directory(directory(b"d", 0o500 | GoMode.STICKY, mtime_ns=-3))
    write(writer, b"d/f", b"abc", 0o640 | GoMode.SETGID)
    writer.finish()
    assert (root / "d/f").read_bytes() == b"abc"
    status = (root / "d/f").stat()
    assert (posix.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o2640, 5_000_000_007)
    assert status.st_uid == os.getuid()
    status = (root / "d").stat()
    assert (posix.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o1500, -3)


def test_extended_attributes(root: Path, writer: TreeWriter) -> None:
    attributes = ((b"no.such.namespace", b"x"), (b"user.k", b"v"))
    writer.finish_file(writer.open_file(Stat(b"f", 0o644, xattrs=attributes)))
    assert os.listxattr(root / "f") in ([], ["user.k"])


def test_special_files(root: Path, writer: TreeWriter) -> None:
    writer.make_special(link(b"l", b"../\xff"))
    writer.make_special(Stat(b"p", GoMode.FIFO | 0o622, mtime_ns=9))
    assert str((root / "l").readlink()) == "../\udcff"
    assert (root / "l").lstat().st_mtime_ns == 1
    status = (root / "p").lstat()
    assert posix.S_ISFIFO(status.st_mode)
    assert (posix.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o622, 9)


@pytest.mark.skipif(os.getuid() != 0, reason="needs privileges")
def test_devices(root: Path, writer: TreeWriter) -> None:
    try:
        writer.make_special(
            Stat(b"c", GoMode.DEVICE | GoMode.CHAR_DEVICE | 0o600, devmajor=1, devminor=3)
        )
        writer.make_special(Stat(b"b", GoMode.DEVICE | 0o600, devmajor=7, devminor=250))
    except PermissionError:
        pytest.skip("devices cannot be made here")
    assert posix.S_ISCHR((root / "c").lstat().st_mode)
    assert (root / "c").lstat().st_rdev == os.makedev(1, 3)
    assert posix.S_ISBLK((root / "b").lstat().st_mode)


def test_hard_links_are_made_at_the_end(root: Path, writer: TreeWriter) -> None:
    writer.make_directory(directory(b"d"))
    writer.make_directory(directory(b"e"))
    file = writer.open_file(Stat(b"d/a", 0o600, size=1))
    writer.make_link(Stat(b"e/b", 0o600, linkname=b"d/a"))
    os.write(file.descriptor, b"1")
    writer.finish_file(file)
    writer.finish()
    assert (root / "d/a").samefile(root / "e/b")
    # A second time over the first: the names are those of one file already.
    writer.make_link(Stat(b"e/b", 0o600, linkname=b"d/a"))
    writer.finish()
    assert (root / "e/b").read_bytes() == b"1"
    assert leftovers(root) == []


def test_what_is_there_is_merged_or_replaced(root: Path, writer: TreeWriter) -> None:
    (root / "dir").mkdir(parents=True)
    (root / "dir").chmod(0o500)
    (root / "was-dir/full").mkdir(parents=True)
    (root / "was-dir2/full").mkdir(parents=True)
    for name in ("kept", "file", "was-file", "was-file2"):
        (root / name).write_text("old")
    writer.make_directory(directory(b"dir", 0o711))
    write(writer, b"dir/new")
    write(writer, b"file")
    write(writer, b"was-dir")
    writer.make_special(link(b"was-dir2", b"x"))
    writer.make_directory(directory(b"was-file"))
    writer.make_special(link(b"was-file2", b"x"))
    writer.finish()
    assert (root / "kept").read_text() == "old"
    assert (root / "file").read_text() == "data"
    assert (root / "dir/new").read_text() == "data"
    assert posix.S_IMODE((root / "dir").stat().st_mode) == 0o711
    assert (root / "was-dir").is_file()
    assert (root / "was-dir2").is_symlink()
    assert (root / "was-file").is_dir()
    assert (root / "was-file2").is_symlink()
    assert leftovers(root) == []


def test_an_existing_file_is_replaced_when_the_new_one_is_complete(
    root: Path, writer: TreeWriter
) -> None:
    (root / "f").write_text("old")
    file = writer.open_file(Stat(b"f", 0o600, size=3))
    os.write(file.descriptor, b"ne")
    assert (root / "f").read_text() == "old"
    writer.discard_file(file)
    assert (root / "f").read_text() == "old"
    assert leftovers(root) == []


def test_an_incomplete_file_is_removed(root: Path, writer: TreeWriter) -> None:
    writer.discard_file(writer.open_file(Stat(b"f", 0o600, size=3)))
    assert not (root / "f").exists()
    # Unless somebody else has put something there.
    file = writer.open_file(Stat(b"f", 0o600, size=3))
    (root / "f").unlink()
    (root / "f").write_text("other")
    writer.discard_file(file)
    assert (root / "f").read_text() == "other"


def test_a_file_that_cannot_be_finished_is_removed(root: Path, writer: TreeWriter) -> None:
    writer.make_directory(directory(b"d"))
    (root / "d/f").write_text("old")
    file = writer.open_file(Stat(b"d/f", 0o600))
    (root / "d").rename(root / "e")
    with pytest.raises(FileNotFoundError):
        writer.make_directory(directory(b"x/y"))  # moves away from d
    with pytest.raises(FileNotFoundError):
        writer.finish_file(file)
    assert (root / "e/f").read_text() == "old"


def test_links_are_never_followed(root: Path, tmp_path: Path, writer: TreeWriter) -> None:
    """Somebody, such as a second transfer, swaps an announced directory for a link."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_text("old")
    (outside / "victim").chmod(0o600)
    writer.make_directory(directory(b"d"))
    writer.make_directory(directory(b"other"))
    (root / "d").rmdir()
    (root / "d").symlink_to(outside)
    attempts: list[Callable[[], None]] = [
        lambda: write(writer, b"d/victim"),
        lambda: writer.make_special(link(b"d/new", b"x")),
        lambda: writer.make_directory(directory(b"d/new")),
        lambda: writer.make_special(Stat(b"d/p", GoMode.FIFO | 0o600)),
        writer.finish,
    ]
    for attempt in attempts:
        with pytest.raises(OSError, match=r"Not a directory|symbolic link"):
            attempt()
    assert sorted(p.name for p in outside.iterdir()) == ["victim"]
    assert (outside / "victim").read_text() == "old"
    # A link in place of a file is replaced, not written through.
    (root / "f").symlink_to(outside / "victim")
    write(writer, b"f", mode=0o777)
    assert (root / "f").read_text() == "data"
    assert not (root / "f").is_symlink()
    assert posix.S_IMODE((outside / "victim").stat().st_mode) == 0o600


def test_a_hard_link_to_a_link_stays_one(root: Path, tmp_path: Path, writer: TreeWriter) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    write(writer, b"a")
    (root / "a").unlink()
    (root / "a").symlink_to(secret)
    writer.make_link(Stat(b"b", 0o600, linkname=b"a"))
    writer.finish()
    assert (root / "b").is_symlink()
    assert secret.stat().st_nlink == 1


def test_nesting_is_bounded(writer: TreeWriter) -> None:
    path = b"d"
    for _ in range(MAX_DEPTH):
        writer.make_directory(directory(path))
        path += b"/d"
    with pytest.raises(OSError, match="nested too deeply"):
        writer.make_directory(directory(path))


def test_the_root_must_be_a_directory(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    writer = TreeWriter(tmp_path / "f")
    with pytest.raises(OSError, match="f"):
        writer.open()
    writer.close()
