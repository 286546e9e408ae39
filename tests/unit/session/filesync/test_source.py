from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from bakex.errors import SessionError
from bakex.session.attachable import CallError, Status
from bakex.session.filesync import packets
from bakex.session.filesync.source import FileSync
from bakex.session.filesync.wanted import Wanted
from bakex.testing.calls import MemoryCall, serve

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.session.filesync.tree import LocalDir

METHOD = "/moby.filesync.v1.FileSync/DiffCopy"


async def listed(sync: FileSync, *metadata: tuple[str, str]) -> list[str]:
    """Make a call, ask for nothing, and return the listed paths."""
    service, daemon = MemoryCall.pair(*metadata)
    found: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(sync.services()[METHOD], service))
        while (message := await daemon.receive()) != packets.END_OF_LIST:
            assert message is not None
            stat = packets.decode(message).stat
            assert stat is not None
            found.append(stat.path.decode())
        await daemon.send(packets.FIN)
        assert await daemon.receive_all() == [packets.FIN]
    return found


async def failure(dirs: dict[str, LocalDir], *metadata: tuple[str, str]) -> CallError:
    service, _ = MemoryCall.pair(*metadata)
    with pytest.raises(CallError) as caught:
        await serve(FileSync(dirs).services()[METHOD], service)
    return caught.value


async def test_directories_by_name(tmp_path: Path) -> None:
    (tmp_path / "main.c").touch()
    sync = FileSync({"context": tmp_path, "dockerfile": {"Dockerfile": b"FROM scratch"}})
    assert await listed(sync, ("dir-name", "context")) == ["main.c"]
    assert await listed(sync, ("dir-name", "dockerfile")) == ["Dockerfile"]
    assert [name for name, _ in sync.transfers] == ["context", "dockerfile"]


async def test_an_observer_is_told_of_what_was_read(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    told: list[tuple[object, ...]] = []

    class Observer:
        def read(self, *what: object) -> None:
            told.append(what)

    sync = FileSync({"context": tmp_path}, Observer())
    before = time.time_ns()
    await listed(sync, ("dir-name", "context"), ("followpaths", "a"), ("followpaths", "b"))
    ((*what, since_ns),) = told
    assert what == ["context", tmp_path, Wanted(follow=("a", "b")), 1]
    assert isinstance(since_ns, int)
    assert before <= since_ns <= time.time_ns()


async def test_patterns_come_with_the_call(tmp_path: Path) -> None:
    for name in ("a", "b", "c d", "é"):
        (tmp_path / name).touch()
    (tmp_path / "l").symlink_to("a")
    sync = FileSync({"context": tmp_path})
    context = ("dir-name", "context")
    assert await listed(sync, context, ("exclude-patterns", "a"), ("exclude-patterns", "l")) == [
        "b",
        "c d",
        "é",
    ]
    assert await listed(sync, context, ("include-patterns", "b")) == ["b"]
    assert await listed(sync, context, ("followpaths", "l")) == ["a", "l"]
    encoded = ("include-patterns-encoded", "1")
    assert await listed(
        sync, context, ("include-patterns", "c+d"), ("include-patterns", "%C3%A9"), encoded
    ) == ["c d", "é"]


async def test_an_unknown_directory_is_named() -> None:
    error = await failure({"context": {}}, ("dir-name", "secrets"))
    assert error.status is Status.NOT_FOUND
    assert "'secrets'" in error.message
    assert (await failure({"context": {}})).status is Status.NOT_FOUND


async def test_a_missing_directory(tmp_path: Path) -> None:
    error = await failure({"context": tmp_path / "gone"}, ("dir-name", "context"))
    assert error.status is Status.INTERNAL
    assert isinstance(error.__cause__, SessionError)


async def test_a_malformed_pattern() -> None:
    error = await failure({"context": {}}, ("dir-name", "context"), ("exclude-patterns", "[a"))
    assert error.status is Status.INVALID_ARGUMENT
    assert "'[a'" in error.message
