"""Files that appear whole or not at all, and advisory locks."""

from __future__ import annotations

import asyncio
import gc
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bakex._util.atomic import (
    Staged,
    fsync_directory,
    locked,
    replacing,
    try_lock,
    write_file,
)


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


def test_a_file_is_written_with_its_mode(tmp_path: Path) -> None:
    write_file(tmp_path / "f", b"one", mode=0o600)
    assert (tmp_path / "f").read_bytes() == b"one"
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600


def test_a_file_is_replaced_and_nothing_is_left(tmp_path: Path) -> None:
    write_file(tmp_path / "f", b"one")
    write_file(tmp_path / "f", b"two")
    assert (tmp_path / "f").read_bytes() == b"two"
    assert names(tmp_path) == ["f"]


def test_a_symbolic_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"keep")
    (tmp_path / "f").symlink_to("victim")
    write_file(tmp_path / "f", b"new")
    assert (tmp_path / "victim").read_bytes() == b"keep"
    assert not (tmp_path / "f").is_symlink()


def test_a_block_that_raises_changes_nothing(tmp_path: Path) -> None:
    write_file(tmp_path / "f", b"one")

    def write_half() -> None:
        with replacing(tmp_path / "f") as file:
            file.write(b"half")
            raise ValueError("broke")

    with pytest.raises(ValueError, match="broke"):
        write_half()
    assert (tmp_path / "f").read_bytes() == b"one"
    assert names(tmp_path) == ["f"]


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "none" / "f", b"")
    with pytest.raises(FileNotFoundError):
        fsync_directory(tmp_path / "none")


def test_a_staged_file_takes_its_place_on_commit(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"old")
    staged = Staged(tmp_path / "f")
    staged.path.write_bytes(b"new")
    assert (tmp_path / "f").read_bytes() == b"old"
    staged.commit()
    staged.commit()
    staged.discard()
    assert staged.is_committed
    assert (tmp_path / "f").read_bytes() == b"new"
    assert names(tmp_path) == ["f"]
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o644


def test_a_staged_directory_takes_the_place_of_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    staged = Staged(tmp_path / "d", directory=True)
    (staged.path / "x").write_bytes(b"")
    staged.commit()
    assert names(tmp_path / "d") == ["x"]
    assert names(tmp_path) == ["d"]


def test_a_staged_directory_does_not_replace_a_full_one(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "keep").write_bytes(b"")
    staged = Staged(tmp_path / "d", directory=True)
    with pytest.raises(OSError, match=r"not empty|exists"):
        staged.commit()
    assert names(tmp_path / "d") == ["keep"]


@pytest.mark.parametrize("directory", [False, True])
def test_what_is_not_committed_goes_away(tmp_path: Path, directory: bool) -> None:
    staged = Staged(tmp_path / "f", directory=directory)
    staged.discard()
    staged.discard()
    assert names(tmp_path) == []
    forgotten = Staged(tmp_path / "f", directory=directory)
    assert len(names(tmp_path)) == 1
    del forgotten
    gc.collect()
    assert names(tmp_path) == []


def test_a_lock_excludes_others_and_goes_away(tmp_path: Path) -> None:
    lock = try_lock(tmp_path / "lock")
    assert lock is not None
    assert try_lock(tmp_path / "lock") is None
    lock.release()
    lock.release()
    assert names(tmp_path) == []
    again = try_lock(tmp_path / "lock")
    assert again is not None
    again.release()


def test_a_lock_on_a_file_that_lost_its_name_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def open_then_lose(path: Path, *args: int) -> int:
        number = opened(path, *args)
        Path(path).unlink()
        return number

    monkeypatch.setattr(os, "open", open_then_lose)
    assert try_lock(tmp_path / "lock") is None


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        try_lock(tmp_path / "lock")
    assert names(tmp_path) == ["lock"]


async def test_a_held_lock_is_waited_for(tmp_path: Path) -> None:
    order: list[str] = []

    async def first(is_held: asyncio.Event) -> None:
        async with locked(tmp_path / "lock"):
            is_held.set()
            await asyncio.sleep(0.05)
            order.append("first")

    async def second(is_held: asyncio.Event) -> None:
        await is_held.wait()
        async with locked(tmp_path / "lock"):
            order.append("second")

    is_held = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(first(is_held))
        group.create_task(second(is_held))
    assert order == ["first", "second"]


async def test_the_wait_for_a_lock_ends(tmp_path: Path) -> None:
    lock = try_lock(tmp_path / "lock")
    assert lock is not None
    with pytest.raises(TimeoutError):
        async with locked(tmp_path / "lock", timeout_s=0.05):
            pass
    lock.release()


async def test_a_lock_is_released_when_the_block_raises(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broke"):
        async with locked(tmp_path / "lock"):
            raise ValueError("broke")
    assert names(tmp_path) == []


def test_no_update_is_lost_between_processes(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from pathlib import Path
from bakex._util.atomic import locked, write_file
async def main():
    file = Path(sys.argv[1]) / "count"
    for _ in range(20):
        async with locked(file.with_name("lock")):
            count = int(file.read_bytes()) if file.exists() else 0
            write_file(file, str(count + 1).encode())
asyncio.run(main())
"""
    argv = [sys.executable, "-c", program, str(tmp_path)]
    started = [subprocess.Popen(argv) for _ in range(3)]
    assert [process.wait(timeout=60) for process in started] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "60"
