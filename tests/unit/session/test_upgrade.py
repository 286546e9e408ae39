from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bakex.errors import NodeError, NodeLostError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.session.upgrade import is_upgrade, upgrade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class UnixDialer:
    def __init__(self, path: Path) -> None:
        self.endpoint = Endpoint(name=NodeName("n"), address=f"unix://{path}", wire=Wire.DOCKER)
        self._path = path

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_unix_connection(factory, str(self._path))
        return transport


class Inner(asyncio.Protocol):
    """Keeps what the upgraded stream brings."""

    def __init__(self) -> None:
        self.received = b""
        self.arrived = asyncio.Event()
        self.lost = asyncio.Event()
        self.calls: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.calls.append("made")

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.arrived.set()

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


class Server:
    def __init__(self, path: Path) -> None:
        self.dialer = UnixDialer(path)
        self.request = b""
        self.answer: Answer = self.silent
        self.end = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = await reader.readuntil(b"\r\n\r\n")
        await self.answer(reader, writer)
        writer.close()

    async def silent(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.end.wait()

    def says(self, *parts: bytes) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            if b"101" in parts[0]:
                await self.end.wait()

        self.answer = answer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    path = tmp_path / "s"
    found = Server(path)
    listening = await asyncio.start_unix_server(found.serve, path)
    yield found
    found.end.set()
    listening.close()
    await listening.wait_closed()


async def test_bytes_behind_the_answer_belong_to_the_new_protocol(server: Server) -> None:
    server.says(b"HTTP/1.1 101 UPGRADED\r\nUpgrade: h2c\r\n\r\nPRI")
    transport, inner = await upgrade(server.dialer, "/grpc", (), Inner)
    assert isinstance(inner, Inner)
    assert inner.received == b"PRI"
    assert inner.calls == ["made"]
    transport.close()


async def test_later_bytes_and_the_end_are_passed_on(server: Server) -> None:
    server.says(b"HTTP/1.1 101 OK\r\n\r\n", b"later")
    transport, inner = await upgrade(server.dialer, "/grpc", (), Inner)
    assert isinstance(inner, Inner)
    async with asyncio.timeout(5):
        await inner.arrived.wait()
        server.end.set()
        await inner.lost.wait()
    assert inner.received == b"later"
    transport.close()


async def test_the_request_has_the_headers_in_order(server: Server) -> None:
    server.says(b"HTTP/1.1 101 OK\r\n\r\n")
    headers = [("X-Name", "a"), ("X-Name", "b")]
    transport, _ = await upgrade(server.dialer, "/session", headers, Inner)
    lines = server.request.decode().split("\r\n")
    assert lines[0] == "POST /session HTTP/1.1"
    assert {"Connection: Upgrade", "Upgrade: h2c"} <= set(lines)
    assert [line for line in lines if line.startswith("X-")] == ["X-Name: a", "X-Name: b"]
    transport.close()


async def test_congestion_is_passed_on(server: Server) -> None:
    server.says(b"HTTP/1.1 101 OK\r\n\r\n")
    transport, inner = await upgrade(server.dialer, "/grpc", (), Inner)
    assert isinstance(inner, Inner)
    transport.set_write_buffer_limits(high=1)
    transport.write(b"x" * (4 << 20))
    assert inner.calls == ["made", "pause"]
    transport.abort()


async def test_another_http_server_is_named_with_its_words(server: Server) -> None:
    body = b'{"message":"page not found"}'
    head = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % len(body)
    server.says(head, body[:9], body[9:])
    with pytest.raises(NodeError, match="does not offer BuildKit") as caught:
        await upgrade(server.dialer, "/grpc", (), Inner)
    assert "404 Not Found" in caught.value.detail
    assert "page not found" in caught.value.detail
    assert str(server.dialer.endpoint.address) in caught.value.summary


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"message":1}'])
async def test_an_error_without_words_is_an_error_all_the_same(server: Server, body: bytes) -> None:
    server.says(b"HTTP/1.1 500 Oops\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    with pytest.raises(NodeError) as caught:
        await upgrade(server.dialer, "/grpc", (), Inner)
    assert caught.value.detail == "It answered POST /grpc with '500 Oops'."


async def test_something_that_is_no_http(server: Server) -> None:
    server.says(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00")
    with pytest.raises(NodeError, match="is no docker daemon"):
        await upgrade(server.dialer, "/grpc", (), Inner)


async def test_an_endless_answer_is_cut_off(server: Server) -> None:
    server.says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 17))
    with pytest.raises(NodeError, match="does not offer BuildKit"):
        await upgrade(server.dialer, "/grpc", (), Inner)


async def test_closing_without_an_answer_is_a_lost_node(server: Server) -> None:
    server.says(b"")
    with pytest.raises(NodeLostError, match="closed the connection"):
        await upgrade(server.dialer, "/grpc", (), Inner)


async def test_silence_ends_in_time(server: Server) -> None:
    with pytest.raises(NodeError, match="does not answer"):
        await upgrade(server.dialer, "/grpc", (), Inner, timeout_s=0.01)


async def test_cancelling_drops_the_connection(server: Server) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await upgrade(server.dialer, "/grpc", (), Inner)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"HTTP/1.1 101 UPGRADED\r\nA: b", True),
        (b"HTTP/1.1 101", True),
        (b"HTTP/1.1 1010 X", False),
        (b"HTTP/1.1 200 OK", False),
        (b"", False),
    ],
)
def test_only_101_is_an_upgrade(head: bytes, *, expected: bool) -> None:
    assert is_upgrade(head) is expected
