from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from bakex._pb import bk_pb2 as pb
from bakex.errors import SessionError
from bakex.session.attachable import CallError, Status
from bakex.session.filesync import packets
from bakex.session.filesync.packets import PacketType
from bakex.session.filesync.send import MAX_DATA_SIZE, Sent, send_tree
from bakex.session.filesync.tree import DiskTree, MemoryTree
from bakex.session.filesync.walk import Selection
from bakex.testing.calls import MemoryCall

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.session.filesync.tree import Child, File, Tree

FILES = {"a": b"1", "b": b"", "c/d": b"x" * (2 * MAX_DATA_SIZE + 5)}


class Peer:
    """The receiving side, packet by packet."""

    def __init__(self, tree: Tree) -> None:
        self.service, self.call = MemoryCall.pair()
        self.sending = asyncio.ensure_future(send_tree(self.service, tree, Selection.of(tree)))

    async def packet(self) -> pb.Packet:
        async with asyncio.timeout(10):
            message = await self.call.receive()
        assert message is not None
        return pb.Packet.FromString(message)

    async def entries(self) -> list[str]:
        found: list[str] = []
        while (packet := await self.packet()).HasField("stat"):
            found.append(packet.stat.path)
        assert packet == pb.Packet()
        return found

    async def ask(self, file_id: int) -> None:
        await self.call.send(packets.encode_request(file_id))

    async def content(self, file_id: int) -> list[bytes]:
        await self.ask(file_id)
        found: list[bytes] = []
        while (packet := await self.packet()).data:
            assert (packet.type, packet.id) == (PacketType.DATA, file_id)
            found.append(packet.data)
        assert packet == pb.Packet(type=PacketType.DATA, id=file_id)
        return found

    async def result(self) -> Sent:
        async with asyncio.timeout(10):
            return await self.sending


async def test_an_exchange() -> None:
    peer = Peer(MemoryTree(FILES))
    assert await peer.entries() == ["a", "b", "c", "c/d"]
    assert await peer.content(0) == [b"1"]
    assert await peer.content(1) == []
    pieces = await peer.content(3)
    assert [len(piece) for piece in pieces] == [MAX_DATA_SIZE, MAX_DATA_SIZE, 5]
    await peer.call.send(packets.FIN)
    assert await peer.packet() == pb.Packet(type=PacketType.FIN)
    assert await peer.result() == Sent(entries=4, files=3, size=len(b"".join(FILES.values())))


async def test_an_empty_directory() -> None:
    peer = Peer(MemoryTree({}))
    assert await peer.entries() == []
    await peer.call.send(packets.FIN)
    assert await peer.packet() == pb.Packet(type=PacketType.FIN)
    assert await peer.result() == Sent()


async def test_the_list_waits_while_much_content_is_owed() -> None:
    class Slow(MemoryTree):
        def open(self, path: bytes) -> File | None:
            time.sleep(0.0003)
            return super().open(path)

    peer = Peer(Slow({f"{n:04}": b"x" for n in range(1500)}))
    asked = answered = 0
    while (packet := await peer.packet()) != pb.Packet():
        if packet.HasField("stat"):
            await peer.ask(asked)
            asked += 1
        answered += packet.type == PacketType.DATA and not packet.data
    assert asked == 1500
    assert asked - answered < 1000
    while answered < asked:
        answered += not (await peer.packet()).data
    await peer.call.send(packets.FIN)
    assert await peer.packet() == pb.Packet(type=PacketType.FIN)
    assert (await peer.result()).files == 1500


async def test_everything_may_be_asked_for_at_once() -> None:
    files = {f"{n:04}": b"x" * n for n in range(1500)}
    peer = Peer(MemoryTree(files))
    assert await peer.entries() == list(files)
    received = dict.fromkeys(range(1500), 0)

    async def ask() -> None:
        for n in range(1500):
            await peer.ask(n)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask())
        ended = 0
        while ended < 1500:
            packet = await peer.packet()
            received[packet.id] += len(packet.data)
            ended += not packet.data
    assert received == {n: n for n in range(1500)}
    await peer.call.send(packets.FIN)
    await peer.packet()
    assert (await peer.result()).files == 1500


async def test_a_vanished_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    peer = Peer(DiskTree(tmp_path))
    assert await peer.entries() == ["a", "b"]
    (tmp_path / "a").unlink()
    assert await peer.content(0) == []
    assert await peer.content(1) == [b"2"]
    await peer.call.send(packets.FIN)
    await peer.packet()
    assert await peer.result() == Sent(entries=2, files=2, size=1, vanished=1)


class Broken(MemoryTree):
    """Files that cannot be opened."""

    def open(self, path: bytes) -> None:
        raise SessionError(f"cannot read {path.decode()!r}: permission denied")


class Torn(MemoryTree):
    """Files that cannot be read to their end."""

    def open(self, path: bytes) -> TornFile:
        return TornFile()


class TornFile:
    ended = False

    def read(self, size: int) -> bytes:
        raise OSError(5, "Input/output error")

    def close(self) -> None:
        self.ended = True


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(Broken, "cannot read 'a': permission denied"), (Torn, "cannot read 'a': input/output error")],
)
async def test_an_unreadable_file_ends_the_exchange(kind: type[MemoryTree], reason: str) -> None:
    peer = Peer(kind({"a": b"1"}))
    await peer.entries()
    await peer.ask(0)
    assert await peer.packet() == pb.Packet(type=PacketType.ERR, data=reason.encode())
    with pytest.raises(SessionError, match=reason):
        await peer.result()


class Closed(MemoryTree):
    def children(self, path: bytes) -> list[Child]:
        raise SessionError("cannot read '.': permission denied")


async def test_an_unlistable_directory_ends_the_exchange() -> None:
    peer = Peer(Closed({}))
    assert (await peer.packet()).type == PacketType.ERR
    with pytest.raises(SessionError, match="permission denied"):
        await peer.result()


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (packets.encode_request(2), "invalid file id 2"),  # a directory
        (packets.encode_request(9), "invalid file id 9"),
        (packets.encode_data(0, b"x"), "unexpected packet 2"),
        (packets.END_OF_LIST, "unexpected packet 0"),
        (b"\x08\x09", "unexpected packet 9"),
        (b"\x22\x05", "malformed packet"),
        (packets.encode_error("disk full"), "error from receiver: disk full"),
    ],
)
async def test_a_receiver_that_breaks_the_rules(message: bytes, reason: str) -> None:
    peer = Peer(MemoryTree(FILES))
    await peer.entries()
    await peer.call.send(message)
    with pytest.raises(CallError, match=reason) as caught:
        await peer.result()
    assert caught.value.status is Status.INVALID_ARGUMENT


async def test_a_file_is_sent_once() -> None:
    peer = Peer(MemoryTree(FILES))
    await peer.entries()
    assert await peer.content(0) == [b"1"]
    await peer.ask(0)
    with pytest.raises(CallError, match="invalid file id 0"):
        await peer.result()


async def test_a_receiver_that_ends_before_the_list() -> None:
    service, call = MemoryCall.pair(depth=1)
    tree = MemoryTree({str(n): b"" for n in range(100)})
    sending = asyncio.ensure_future(send_tree(service, tree, Selection.of(tree)))
    await call.send(packets.FIN)
    with pytest.raises(CallError, match="unexpected packet 3"):
        await sending


async def test_a_receiver_that_leaves() -> None:
    peer = Peer(MemoryTree(FILES))
    await peer.entries()
    await peer.call.end()
    with pytest.raises(CallError, match="left before it was done"):
        await peer.result()


async def test_a_lost_connection() -> None:
    peer = Peer(MemoryTree(FILES))
    await peer.entries()
    await peer.call.abort(ConnectionResetError("gone"))
    with pytest.raises(ConnectionResetError):
        await peer.result()


async def test_cancelling_closes_the_file(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (8 * MAX_DATA_SIZE))
    tree = DiskTree(tmp_path)
    service, call = MemoryCall.pair(depth=1)
    sending = asyncio.ensure_future(send_tree(service, tree, Selection.of(tree)))
    await call.receive()
    await call.receive()
    await call.send(packets.encode_request(0))
    await call.receive()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    # A file left open would raise a ResourceWarning, which is an error here.
