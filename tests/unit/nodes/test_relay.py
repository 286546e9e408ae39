from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bakex.model.node import Endpoint, NodeName, Wire
from bakex.nodes.dialers import dialer
from bakex.nodes.relay import relayed

if TYPE_CHECKING:
    from pathlib import Path


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write(b"!")
    writer.close()


def endpoint(path: Path) -> Endpoint:
    return Endpoint(name=NodeName("n"), address=f"unix://{path}", wire=Wire.DOCKER)


async def test_bytes_and_ends_go_both_ways(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    async with (
        await asyncio.start_unix_server(echo, tmp_path / "s"),
        relayed(dialer(endpoint(tmp_path / "s"))) as path,
    ):
        reader, writer = await asyncio.open_unix_connection(path)
        async with asyncio.TaskGroup() as group:
            received = group.create_task(reader.read())
            writer.write(content)
            writer.write_eof()
        assert received.result() == content + b"!"
        writer.close()
    assert not path.parent.exists()


async def test_it_ends_with_connections_open(tmp_path: Path) -> None:
    async with asyncio.timeout(10), await asyncio.start_unix_server(echo, tmp_path / "s"):
        async with relayed(dialer(endpoint(tmp_path / "s"))) as path:
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"
        assert await reader.read() == b""
        writer.close()


async def test_a_daemon_that_cannot_be_reached(tmp_path: Path) -> None:
    async with asyncio.timeout(10), relayed(dialer(endpoint(tmp_path / "none"))) as path:
        reader, writer = await asyncio.open_unix_connection(path)
        assert await reader.read() == b""
        writer.close()
