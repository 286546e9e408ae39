from __future__ import annotations

import asyncio
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


async def test_events_without_a_meaning_are_ignored(protocol: WireProtocol) -> None:
    protocol.processor.process(AlternativeServiceAvailable())
    assert not sink(protocol).closed
    protocol.processor.close()
    protocol.processor.process(AlternativeServiceAvailable())


async def test_the_end_of_the_stream_closes(protocol: WireProtocol) -> None:
    assert protocol.eof_received() is False
