"""Trees sent and received: what arrives is what was there."""

from __future__ import annotations

import asyncio
import os
import socket
import stat as posix
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from bakex.session.filesync.receive import Limits, Received, receive_tree
from bakex.session.filesync.send import MAX_DATA_SIZE, Sent, send_tree
from bakex.session.filesync.tree import open_tree
from bakex.session.filesync.walk import Selection
from bakex.testing.calls import MemoryCall

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from bakex.session.filesync.tree import LocalDir


async def transfer(source: LocalDir, destination: Path, *exclude: str) -> tuple[Sent, Received]:
    tree = open_tree(source)
    service, daemon = MemoryCall.pair(depth=8)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(send_tree(service, tree, Selection.of(tree, exclude=exclude)))
        receiving = tasks.create_task(receive_tree(daemon, destination, limits=Limits(requests=3)))
    return sending.result(), receiving.result()


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def snapshot(root: Path) -> dict[bytes, tuple[object, ...]]:
    """Return everything that a copy must have in common with its original."""
    found: dict[bytes, tuple[object, ...]] = {}
    inodes: dict[tuple[int, int], bytes] = {}
    for file in sorted(root.rglob("*")):
        status = file.lstat()
        path = os.fsencode(file.relative_to(root))
        content: object = b""
        if posix.S_ISREG(status.st_mode):
            content = file.read_bytes()
        elif posix.S_ISLNK(status.st_mode):
            content = file.readlink()
        first = inodes.setdefault((status.st_dev, status.st_ino), path)
        found[path] = (status.st_mode, status.st_mtime_ns, status.st_rdev, first, content)
    return found


async def test_an_adversarial_tree(tmp_path: Path) -> None:
    root = tmp_path / "in"
    (root / "dir" / "deep" / "er").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "file").write_bytes(b"content")
    (root / "empty-file").touch()
    (root / "exact").write_bytes(b"e" * MAX_DATA_SIZE)
    (root / "large").write_bytes(os.urandom(3 * MAX_DATA_SIZE + 1))
    (root / "dir" / "deep" / "er" / "hard").hardlink_to(root / "file")
    (root / "aaa").hardlink_to(root / "file")
    (root / "link").symlink_to("dir")
    (root / "broken").symlink_to("/nowhere/\udcfe")
    (root / "loop").symlink_to("loop")
    (root / "setuid").touch()
    (root / "setuid").chmod(0o4755)
    (root / "none").touch()
    (root / "none").chmod(0o400)
    os.mkfifo(root / "pipe", 0o620)
    for name in (
        " space ",
        "new\nline",
        "é",
        "caf\u0065\u0301",
        "\udcff\udcfe",
        "-dash",
        "a\\b",
        "!x",
        "*",
    ):
        (root / name).write_text(name.encode("utf-8", "replace").hex())
    (root / ("x" * 120)).mkdir()
    (root / ("x" * 120) / ("y" * 120)).touch()
    for path in (root / "file", root / "setuid", root / "dir"):
        os.utime(path, ns=(1, 1_234_567_890_123_456_789))
    os.utime(root / "empty", ns=(1, -1_000_000_001))
    (root / "dir").chmod(0o1555)

    sent, received = await transfer(root, tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(root)
    assert (tmp_path / "out/file").samefile(tmp_path / "out/dir/deep/er/hard")
    assert sent.entries == received.entries == len(snapshot(root))
    assert sent.size == received.size

    # Once more over the result: nothing changes.
    await transfer(root, tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(root)


async def test_a_file_whose_first_name_is_left_out(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    (root / "a").write_bytes(b"content")
    (root / "b").hardlink_to(root / "a")
    (root / "c").hardlink_to(root / "a")
    await transfer(root, tmp_path / "out", "a")
    assert names(tmp_path / "out") == ["b", "c"]
    assert (tmp_path / "out/b").samefile(tmp_path / "out/c")
    assert (tmp_path / "out/c").read_bytes() == b"content"


async def test_a_socket_becomes_an_empty_file(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(root / "s"))  # noqa: ASYNC240 - a short name
        await transfer(root, tmp_path / "out")
    status = (tmp_path / "out/s").lstat()
    assert posix.S_ISREG(status.st_mode)
    assert status.st_size == 0


async def test_files_in_memory(tmp_path: Path) -> None:
    files = {"Dockerfile": b"FROM scratch", "a/b/c": b"x" * 100_000}
    await transfer(files, tmp_path / "out")
    for name, content in files.items():
        assert (tmp_path / "out" / name).read_bytes() == content


async def test_several_transfers_into_one_directory(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "shared").mkdir(parents=True)
        (tmp_path / name / "shared" / f"of-{name}").write_text(name)
        (tmp_path / name / "same").write_text("same")
    async with asyncio.TaskGroup() as tasks:
        for name in ("a", "b"):
            tasks.create_task(transfer(tmp_path / name, tmp_path / "out"))
    assert names(tmp_path / "out" / "shared") == ["of-a", "of-b"]
    assert names(tmp_path / "out") == ["same", "shared"]


NAME = st.text("ab.\udc80é", min_size=1, max_size=3).filter(lambda name: name not in {".", ".."})
LEAF = st.binary(max_size=20) | st.text("a./", max_size=5).map(lambda t: t or "x")
TREES = st.recursive(
    st.dictionaries(NAME, LEAF, max_size=4),
    lambda children: st.dictionaries(NAME, LEAF | children, max_size=4),
    max_leaves=12,
)


def plant(root: Path, tree: object) -> None:
    root.mkdir()
    assert isinstance(tree, dict)
    for name, what in tree.items():
        if isinstance(what, bytes):
            (root / name).write_bytes(what)
        elif isinstance(what, str):
            (root / name).symlink_to(what)
        else:
            plant(root / name, what)


@given(TREES)
@settings(max_examples=40, deadline=None)
def test_any_tree(tmp_path_factory: pytest.TempPathFactory, tree: object) -> None:
    base = tmp_path_factory.mktemp("any")
    plant(base / "in", tree)
    asyncio.run(transfer(base / "in", base / "out"))
    assert snapshot(base / "out") == snapshot(base / "in")
