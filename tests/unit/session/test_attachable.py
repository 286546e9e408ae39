"""The services over real HTTP/2: what the in-memory calls cannot show."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from grpclib.exceptions import StreamTerminatedError

from bakex._pb import bk_pb2 as pb
from bakex.session.attachable import Metadata
from bakex.session.filesync import packets
from bakex.session.filesync.receive import receive_tree
from bakex.session.filesync.send import send_tree
from bakex.session.filesync.source import FileSync
from bakex.session.filesync.target import FileSend, TarTarget, TreeTarget
from bakex.session.filesync.tree import MemoryTree
from bakex.session.filesync.walk import Selection
from bakex.session.health import Health
from bakex.session.session import Session
from bakex.testing.buildkit_peer import Peer, peer_protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from grpclib.client import Stream

    from bakex.session.attachable import Attachable

FILE_SYNC = "/moby.filesync.v1.FileSync/DiffCopy"
FILE_SEND = "/moby.filesync.v1.FileSend/DiffCopy"
CONTEXT = ("dir-name", "context")
HEALTH = "/grpc.health.v1.Health/Check"
FILES = {f"d{n % 7}/f{n}": b"x" * (n * 37 % 5000) for n in range(150)} | {"big": b"b" * 1_500_000}


class DaemonCall:
    """The daemon's end of a call, to run our own code against."""

    metadata = Metadata(())

    def __init__(self, stream: Stream[bytes, bytes]) -> None:
        self.stream = stream

    async def receive(self) -> bytes | None:
        return await self.stream.recv_message()

    async def receive_some(self) -> list[bytes]:
        message = await self.receive()
        return [] if message is None else [message]

    async def send(self, message: bytes) -> None:
        await self.stream.send_message(message)

    async def send_all(self, messages: Sequence[bytes]) -> None:
        for message in messages:
            await self.send(message)


@asynccontextmanager
async def attached(*services: Attachable) -> AsyncGenerator[Peer]:
    loop = asyncio.get_running_loop()
    session = Session(services, shared_key="")
    ours, theirs = socket.socketpair()
    lost = asyncio.Event()
    await loop.create_connection(session.protocol, sock=ours)
    transport, protocol = await loop.create_connection(lambda: peer_protocol(lost.set), sock=theirs)
    methods = tuple(value for name, value in session.headers() if name.endswith("Method"))
    try:
        async with asyncio.timeout(60):
            yield Peer(session.id, "", methods, protocol)
    finally:
        transport.close()
        await lost.wait()
        await session.aclose()


def contents(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


async def test_a_directory_goes_to_the_daemon(tmp_path: Path) -> None:
    sync = FileSync({"context": FILES})
    async with attached(sync) as peer, peer.open(FILE_SYNC, [CONTEXT]) as stream:
        await stream.send_request()
        await receive_tree(DaemonCall(stream), tmp_path / "out")
        await stream.end()
    assert contents(tmp_path / "out") == FILES


async def test_a_directory_comes_from_the_daemon(tmp_path: Path) -> None:
    target = TreeTarget(tmp_path / "out")
    tree = MemoryTree(FILES)
    async with attached(FileSend({0: target})) as peer, peer.open(FILE_SEND) as stream:
        await stream.send_request()
        await send_tree(DaemonCall(stream), tree, Selection.of(tree))
        # The daemon does not end its side: the call ends because the exchange has.
        assert await stream.recv_message() is None
        await stream.cancel()
    assert contents(tmp_path / "out") == FILES


async def test_the_session_is_alive_while_a_transfer_waits_for_the_daemon() -> None:
    services = (Health(), FileSync({"context": FILES}))
    async with attached(*services) as peer, peer.open(FILE_SYNC, [CONTEXT]) as stream:
        await stream.send_request()
        while (message := await stream.recv_message()) != packets.END_OF_LIST:
            assert message is not None
        await stream.send_message(packets.encode_request(0))  # big, and nobody reads it
        for _ in range(3):
            (answer,) = await peer.call(HEALTH, [b""])
            assert pb.HealthResponse.FromString(answer).status == 1
        await stream.cancel()


@pytest.mark.parametrize("how", ["reset", "lost"])
async def test_an_archive_that_breaks_off_is_not_there(tmp_path: Path, how: str) -> None:
    target = TarTarget(tmp_path / "out.tar")
    async with attached(FileSend({0: target})) as peer:
        stream = peer.open(FILE_SEND)
        async with stream:
            await stream.send_request()
            await stream.send_message(packets.encode_bytes(b"half an archive"))
            while not target.size:  # noqa: ASYNC110 - it arrives when it arrives
                await asyncio.sleep(0)
            if how == "reset":
                await stream.cancel()
            else:
                peer.protocol.processor.close("gone")
                with pytest.raises(StreamTerminatedError):
                    await stream.recv_message()
        while contents(tmp_path):  # noqa: ASYNC110 - it vanishes when it vanishes
            await asyncio.sleep(0)
    assert not target.complete


async def test_an_archive_that_ends_is_there(tmp_path: Path) -> None:
    target = TarTarget(tmp_path / "out.tar")
    async with attached(FileSend({0: target})) as peer:
        assert await peer.call(FILE_SEND, [packets.encode_bytes(b"tar")]) == []
    assert (tmp_path / "out.tar").read_bytes() == b"tar"
