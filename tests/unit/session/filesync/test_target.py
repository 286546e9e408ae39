from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from bakex.errors import OutputError
from bakex.session.attachable import CallError, Status
from bakex.session.filesync import packets
from bakex.session.filesync.packets import Stat
from bakex.session.filesync.target import FileSend, Target, TarTarget, TreeTarget
from bakex.testing.calls import MemoryCall, exchange, serve

if TYPE_CHECKING:
    from pathlib import Path

METHOD = "/moby.filesync.v1.FileSend/DiffCopy"
PIECES = [packets.encode_bytes(b"a" * 1000), packets.encode_bytes(b""), packets.encode_bytes(b"b")]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def send(target: Target, requests: list[bytes], *metadata: tuple[str, str]) -> list[bytes]:
    return await exchange(FileSend({0: target}).services()[METHOD], requests, *metadata)


# ----------------------------------------------------------------------------------- archives


async def test_an_archive(tmp_path: Path) -> None:
    file = tmp_path / "new" / "out.tar"
    target = TarTarget(file)
    assert await send(target, PIECES) == []
    assert file.read_bytes() == b"a" * 1000 + b"b"
    assert target.complete
    assert target.size == 1001
    assert names(file.parent) == ["out.tar"]
    target.discard()
    target.commit()
    assert file.exists()
    assert target.complete


async def test_a_large_archive_arrives_in_order(tmp_path: Path) -> None:
    target = TarTarget(tmp_path / "out.tar")
    service, daemon = MemoryCall.pair(depth=4)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(FileSend({0: target}).services()[METHOD], service))
        for number in range(3000):
            await daemon.send(packets.encode_bytes(b"%08d" % number * 100))
        await daemon.end()
    content = (tmp_path / "out.tar").read_bytes()
    assert content == b"".join(b"%08d" % number * 100 for number in range(3000))


async def test_what_was_there_is_replaced_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.tar").write_bytes(b"old")
    (tmp_path / "out.tar").symlink_to("real.tar")
    await send(TarTarget(tmp_path / "out.tar"), PIECES)
    assert (tmp_path / "real.tar").stat().st_size == 1001
    assert (tmp_path / "out.tar").is_symlink()


async def test_a_held_archive_waits_for_the_verdict(tmp_path: Path) -> None:
    file = tmp_path / "out.tar"
    target = TarTarget(file, hold=True)
    await send(target, PIECES)
    assert target.complete
    assert not file.exists()
    target.commit()
    assert file.stat().st_size == 1001

    file.write_bytes(b"old")
    target = TarTarget(file, hold=True)
    await send(target, PIECES)
    target.discard()
    assert not target.complete
    assert file.read_bytes() == b"old"
    assert names(tmp_path) == ["out.tar"]
    with pytest.raises(OutputError, match="was not received"):
        target.commit()


async def test_nothing_is_left_of_a_failed_call(tmp_path: Path) -> None:
    file = tmp_path / "out.tar"
    file.write_bytes(b"old")
    for failure in ("malformed", "lost", "cancelled"):
        service, daemon = MemoryCall.pair()
        target = TarTarget(file)
        serving = asyncio.ensure_future(serve(FileSend({0: target}).services()[METHOD], service))
        await daemon.send(PIECES[0])
        while len(names(tmp_path)) == 1:  # noqa: ASYNC110 - a file gives no notice
            await asyncio.sleep(0)
        expected: type[BaseException] = CallError
        if failure == "malformed":
            await daemon.send(b"\x0a\x05")
        elif failure == "lost":
            await daemon.abort(ConnectionResetError("gone"))
            expected = ConnectionResetError
        else:
            serving.cancel()
            expected = asyncio.CancelledError
        with pytest.raises(expected):
            await serving
        assert not target.complete
        assert names(tmp_path) == ["out.tar"]
        assert file.read_bytes() == b"old"


async def test_an_archive_comes_once(tmp_path: Path) -> None:
    target = TarTarget(tmp_path / "out.tar")
    await send(target, PIECES)
    with pytest.raises(CallError) as caught:
        await send(target, PIECES)
    assert caught.value.status is Status.FAILED_PRECONDITION
    assert (tmp_path / "out.tar").exists()


async def test_destinations_that_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("", "pipe"):
        with pytest.raises(CallError, match="not a regular file") as caught:
            await send(TarTarget(tmp_path / name), PIECES)
        assert isinstance(caught.value.__cause__, OutputError)
    (tmp_path / "file").touch()
    with pytest.raises(CallError, match="cannot write"):
        await send(TarTarget(tmp_path / "file" / "out.tar"), PIECES)


async def test_a_destination_that_became_a_directory(tmp_path: Path) -> None:
    target = TarTarget(tmp_path / "out.tar", hold=True)
    await send(target, PIECES)
    (tmp_path / "out.tar" / "x").mkdir(parents=True)
    with pytest.raises(OutputError, match="is a directory"):
        target.commit()
    assert names(tmp_path) == ["out.tar"]


# -------------------------------------------------------------------------------------- trees


async def test_a_tree_merges_several_calls(tmp_path: Path) -> None:
    target = TreeTarget(tmp_path / "out")
    for name in (b"a", b"b"):
        answers = await send(target, [packets.encode_stat(Stat(name, 0o644)), packets.END_OF_LIST])
        assert answers == [packets.FIN]
    assert names(tmp_path / "out") == ["a", "b"]
    assert [(received.files, received.complete) for received in target.received] == [(1, True)] * 2


async def test_a_tree_whose_call_is_cut_off_at_the_very_end_is_complete(tmp_path: Path) -> None:
    target = TreeTarget(tmp_path / "out")
    service, daemon = MemoryCall.pair()
    serving = asyncio.ensure_future(serve(FileSend({0: target}).services()[METHOD], service))
    await daemon.send(packets.encode_stat(Stat(b"a", 0o644)))
    await daemon.send(packets.END_OF_LIST)
    assert await daemon.receive() == packets.FIN
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert [received.complete for received in target.received] == [True]


async def test_a_refused_tree_names_the_reason(tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"'\.\./x'") as caught:
        await send(TreeTarget(tmp_path / "out"), [packets.encode_stat(Stat(b"../x", 0o644))])
    assert caught.value.status is Status.INTERNAL
    assert isinstance(caught.value.__cause__, OutputError)


# ------------------------------------------------------------------------------------ choosing


async def test_targets_are_chosen_by_number(tmp_path: Path) -> None:
    targets = {n: TarTarget(tmp_path / f"{n}.tar") for n in range(2)}
    handler = FileSend(targets).services()[METHOD]
    await exchange(handler, PIECES, ("buildkit-attachable-exporter-id", "1"))
    assert names(tmp_path) == ["1.tar"]
    await exchange(handler, PIECES)
    assert names(tmp_path) == ["0.tar", "1.tar"]
    for number in ("2", "-1", "x", "9" * 5000):
        with pytest.raises(CallError) as caught:
            await exchange(handler, PIECES, ("buildkit-attachable-exporter-id", number))
        assert caught.value.status is Status.NOT_FOUND


async def test_what_the_exporter_says_is_kept(tmp_path: Path) -> None:
    target = TarTarget(tmp_path / "out.tar")
    await send(
        target,
        PIECES,
        ("exporter-md-containerimage.digest", "sha256:1"),
        ("exporter-md-name", "caf%C3%A9+x"),
        ("exporter-md-name-encoded", "1"),
        ("exporter-md-x-encoded", "2"),
        ("other", "x"),
    )
    assert target.metadata == {
        "containerimage.digest": "sha256:1",
        "name": "café x",
        "x-encoded": "2",
    }
