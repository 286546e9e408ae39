from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from bakex.errors import SessionError
from bakex.session.filesync.packets import GoMode
from bakex.session.filesync.tree import Child, DiskTree, MemoryTree, Tree, open_tree, unreadable

# ------------------------------------------------------------------------------------ the disk


def test_children_are_in_the_order_of_bytes(tmp_path: Path) -> None:
    # U+FF61 sorts before U+10000 by code point and in UTF-8, but after it in UTF-16.
    names = [b"a", b"a.b", b"B", b"\xff", "\uff61".encode(), "\U00010000".encode(), b"sub"]
    for name in names[:-1]:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    (tmp_path / "sub").mkdir()
    expected = [Child(name, name == b"sub") for name in sorted(names)]
    assert DiskTree(tmp_path).children(b"") == expected
    assert DiskTree(tmp_path).children(b"sub") == []


def test_a_link_to_a_directory_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(".")
    assert DiskTree(tmp_path).children(b"") == [Child(b"link", is_dir=False)]


def test_what_has_vanished(tmp_path: Path) -> None:
    tree = DiskTree(tmp_path)
    assert tree.children(b"gone") == []
    assert tree.describe(b"gone") is None
    assert tree.describe(b"gone/too") is None
    assert tree.readlink(b"gone") is None
    assert tree.open(b"gone") is None


def test_descriptions(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "file").chmod(0o4750)
    os.utime(tmp_path / "file", ns=(0, -1_500_000_001))
    (tmp_path / "dir").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("tar\udcffget")
    os.mkfifo(tmp_path / "fifo", 0o640)
    tree = DiskTree(tmp_path)

    entry = tree.describe(b"file")
    assert entry is not None
    assert entry.identity is None
    assert entry.stat[:5] == (b"file", GoMode.SETUID | 0o750, 5, -1_500_000_001, b"")
    directory = tree.describe(b"dir")
    assert directory is not None
    assert (directory.stat.mode, directory.stat.size) == (GoMode.DIR | 0o700, 0)
    link = tree.describe(b"link")
    assert link is not None
    assert (link.stat.linkname, link.stat.size) == (b"tar\xffget", 7)
    assert tree.readlink(b"link") == b"tar\xffget"
    fifo = tree.describe(b"fifo")
    assert fifo is not None
    assert fifo.stat.mode & GoMode.FIFO


def test_a_device_has_its_numbers() -> None:
    entry = DiskTree(Path("/dev")).describe(b"null")
    assert entry is not None
    assert (entry.stat.devmajor, entry.stat.devminor) == (1, 3)
    assert entry.stat.mode & GoMode.CHAR_DEVICE


def test_names_of_one_file_have_one_identity(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    tree = DiskTree(tmp_path)
    a, b = tree.describe(b"a"), tree.describe(b"b")
    assert a is not None
    assert b is not None
    assert a.identity is not None
    assert a.identity == b.identity


def test_extended_attributes(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    try:
        os.setxattr(tmp_path / "file", "user.b", b"2")
        os.setxattr(tmp_path / "file", "user.a", b"1\0")
        os.setxattr(tmp_path / "file", "user.com.apple.x", b"3")
    except OSError:
        pytest.skip("the file system has no user attributes")
    entry = DiskTree(tmp_path).describe(b"file")
    assert entry is not None
    named = [(name, value) for name, value in entry.stat.xattrs if name.startswith(b"user.")]
    assert named == [(b"user.a", b"1\0"), (b"user.b", b"2"), (b"user.com.apple.x", b"3")]


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))
        tree = DiskTree(tmp_path)
        file = tree.open(b"file")
        assert file is not None
        assert file.read(10) == b"x"
        file.close()
        for name in (b"link", b"fifo", b"."):
            assert tree.open(name) is None
        socket_content = tree.open(b"socket")
        assert socket_content is not None
        assert socket_content.ended


@pytest.mark.parametrize(
    ("size", "step", "pieces"),
    [
        # The end is known without a further read, except where only that can tell.
        (0, 4, [0]),
        (3, 4, [3]),
        (4, 4, [4, 0]),
        (5, 4, [4, 1]),
        (8, 4, [4, 4, 0]),
    ],
)
def test_a_file_is_read_in_few_steps(
    tmp_path: Path, size: int, step: int, pieces: list[int]
) -> None:
    (tmp_path / "file").write_bytes(b"x" * size)
    assert read_all(DiskTree(tmp_path), "file", step) == pieces


def test_a_file_that_changes_is_read_to_its_end(tmp_path: Path) -> None:
    for name, then in (("grown", 9), ("shrunk", 1)):
        (tmp_path / name).write_bytes(b"x" * 3)
        file = DiskTree(tmp_path).open(name.encode())
        assert file is not None
        (tmp_path / name).write_bytes(b"y" * then)
        found = b""
        while not file.ended:
            found += file.read(100)
        file.close()
        assert found == b"y" * then


def test_a_file_that_the_system_makes_up_is_read_to_its_end() -> None:
    # Its size is 0.
    assert sum(read_all(DiskTree(Path("/proc/self")), "status", 100)) > 500


def read_all(tree: Tree, name: str, step: int) -> list[int]:
    file = tree.open(name.encode())
    assert file is not None
    pieces: list[int] = []
    while not file.ended:
        pieces.append(len(file.read(step)))
    file.close()
    return pieces


def test_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for name in ("missing", "file", "loop"):
        with pytest.raises(SessionError, match=name):
            open_tree(tmp_path / name)


def test_the_root_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "file").touch()
    (tmp_path / "link").symlink_to("dir")
    assert open_tree(tmp_path / "link").children(b"") == [Child(b"file", is_dir=False)]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    error = unreadable(b"a\xff/b", PermissionError(errno.EACCES, "Permission denied"))
    assert error.summary == r"cannot read 'a\\xff/b': permission denied"
    assert ".dockerignore" in error.hint
    # A name that is too long is neither gone nor there.
    tree = DiskTree(tmp_path)
    for call in (tree.children, tree.describe, tree.open):
        with pytest.raises(SessionError, match="too long"):
            call(b"x" * 300)
    assert tree.readlink(b"x" * 300) is None


# ---------------------------------------------------------------------------------- in memory


def test_files_in_memory() -> None:
    tree = MemoryTree({"b": b"1", "a/x": b"2", "a/y/z": b""})
    assert tree.children(b"") == [Child(b"a", is_dir=True), Child(b"b", is_dir=False)]
    assert tree.children(b"a") == [Child(b"x", is_dir=False), Child(b"y", is_dir=True)]
    assert tree.children(b"c") == []
    directory, file = tree.describe(b"a/y"), tree.describe(b"a/x")
    assert directory is not None
    assert directory.stat.is_dir
    assert file is not None
    assert (file.stat.size, file.stat.mode) == (1, 0o644)
    assert tree.describe(b"c") is None
    assert tree.readlink(b"b") is None
    assert read_all(tree, "a/x", 1) == [1]
    assert tree.open(b"a") is None


def test_the_time_of_a_file_in_memory_stands_for_its_content() -> None:
    def mtime(content: bytes) -> int:
        entry = MemoryTree({"Dockerfile": content}).describe(b"Dockerfile")
        assert entry is not None
        return entry.stat.mtime_ns

    assert mtime(b"FROM a") == mtime(b"FROM a")
    assert mtime(b"FROM a") != mtime(b"FROM b")
    assert 0 <= mtime(b"FROM a") < 1 << 62


def test_an_empty_directory_in_memory() -> None:
    assert open_tree({}).children(b"") == []


@pytest.mark.parametrize("name", ["/a", "../a", ".", "", "a/", "a//b", "a/../b", ".."])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(SessionError):
        MemoryTree({name: b""})


def test_a_file_is_no_directory() -> None:
    with pytest.raises(SessionError, match="'a' is a file and a directory"):
        MemoryTree({"a": b"", "a/b": b""})
