from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

import pytest
from grpclib.client import Handler as ClientHandler
from grpclib.const import Status
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import AlternativeServiceAvailable

from bakex.session.wire import (
    RawCodec,
    RawDetailsCodec,
    WireProtocol,
    configuration,
    h2_configuration,
    read_messages,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


_REQUEST = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "localhost"),
    (":path", "/"),
]


class Sink(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.written += b"".join(list_of_data)

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


@pytest.fixture
async def protocol() -> WireProtocol:
    found = WireProtocol(ClientHandler(), client=True)
    found.connection_made(Sink())
    return found


def sink(protocol: WireProtocol) -> Sink:
    return cast("Sink", protocol.connection._transport)


def test_the_codecs_leave_bytes_alone() -> None:
    codec, details = RawCodec(), RawDetailsCodec()
    assert codec.encode(bytearray(b"a"), bytes) == codec.decode(b"a", bytes) == b"a"
    assert codec.__content_subtype__ == "proto"
    assert details.encode(Status.UNKNOWN, "m", b"d") == b"d"
    assert details.decode(Status.UNKNOWN, "m", b"d") == b"d"


def test_windows_are_larger_than_a_message() -> None:
    assert configuration().http2_stream_window_size >= 16 << 20


def test_header_values_need_not_be_ascii() -> None:
    assert h2_configuration(client=False).header_encoding == "utf-8"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x00\x00\x04\x08\x00\x00\x00\x00\x07\xff\xff\xff\xff" * 2,
    ],
)
async def test_garbage_closes_the_connection(protocol: WireProtocol, data: bytes) -> None:
    transport = sink(protocol)
    protocol.data_received(data)
    assert transport.closed


async def test_a_header_that_is_no_text_closes_the_connection(protocol: WireProtocol) -> None:
    transport = sink(protocol)
    server = H2Connection(H2Configuration(client_side=False, header_encoding=False))
    server.initiate_connection()
    server.receive_data(transport.written)
    protocol.connection._connection.send_headers(1, _REQUEST)
    server.receive_data(protocol.connection._connection.data_to_send())
    server.send_headers(1, [(b":status", b"200"), (b"x", b"\xff\xfe")])
    protocol.data_received(server.data_to_send())
    assert transport.closed


async def test_a_unix_socket_holds_more_than_by_default() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        before = theirs.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: WireProtocol(ClientHandler(), client=True), sock=ours
        )
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) > before
        transport.close()
        await asyncio.sleep(0)


async def test_what_is_taken_counts_once_and_the_rest_later(
    protocol: WireProtocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_back: list[int] = []
    monkeypatch.setattr(protocol.connection, "ack", lambda _, size: handed_back.append(size))
    stream = protocol.connection.create_stream(stream_id=1)
    message = b"x" * 99_995
    framed = b"\0" + len(message).to_bytes(4, "big") + message
    for _ in range(40):
        # What is charged may be more than there is: padding.
        stream.buffer.add(framed[:70_000], 70_001)
        stream.buffer.add(framed[70_000:], 30_000)
    stream.buffer.eof()
    first = await read_messages(stream)
    assert 5 < len(first) < 15
    taken = first
    while batch := await read_messages(stream):
        assert len(batch) < 15
        taken += batch
    assert taken == [message] * 40
    assert sum(handed_back) == 40 * 100_001


async def test_events_without_a_meaning_are_ignored(protocol: WireProtocol) -> None:
    protocol.processor.process(AlternativeServiceAvailable())
    assert not sink(protocol).closed
    protocol.processor.close()
    protocol.processor.process(AlternativeServiceAvailable())


async def test_the_end_of_the_stream_closes(protocol: WireProtocol) -> None:
    assert protocol.eof_received() is False
