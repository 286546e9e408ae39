"""How grpclib is used on both sides: raw messages, windows, and tolerance for what peers send.

Source: HTTP/2 (RFC 9113), gRPC over HTTP/2 (grpc/PROTOCOL-HTTP2.md).
"""

from __future__ import annotations

import logging
import socket
import struct
from typing import TYPE_CHECKING, Any

from grpclib.config import Configuration
from grpclib.encoding.base import CodecBase, StatusDetailsCodecBase
from grpclib.protocol import AckedData, EventsProcessor, H2Protocol, Stream
from h2.config import H2Configuration

from bakex.session.frames import Merger

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine, Iterable

    from grpclib.const import Status
    from grpclib.protocol import AbstractHandler
    from h2.events import Event

_log = logging.getLogger(__name__)
_MIB = 1 << 20
_DATA = struct.Struct(">HBBBI")  # length, in two parts; type 0; no flags; number of the stream
_WRITE = 256 << 10  # bytes of frames in one write to the socket
_BUFFER = _MIB  # bytes that a unix socket may hold; the system may allow less
_PREFIX = struct.Struct(">?I")  # whether it is compressed, and its length (grpc/PROTOCOL-HTTP2.md)
_PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")  # what a client begins with
_TAKE = _MIB  # bytes of messages that are taken at once


class RawCodec(CodecBase):
    """Messages stay bytes: callers encode and decode, by hand where it is hot."""

    @property
    def __content_subtype__(self) -> str:
        """What grpclib writes into the content type."""
        return "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:  # noqa: ANN401 - as declared there
        """Return the bytes as they are."""
        del message_type
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> bytes:  # noqa: ANN401 - as declared there
        """Return the bytes as they are."""
        del message_type
        return data


class RawDetailsCodec(StatusDetailsCodecBase):
    """The details of a failed call stay bytes: BuildKit puts JSON inside, not protobuf."""

    def encode(self, status: Status, message: str | None, details: Any) -> bytes:  # noqa: ANN401 - as declared there
        """Return the bytes as they are; used by fakes only."""
        del status, message
        return bytes(details)

    def decode(self, status: Status, message: str | None, data: bytes) -> bytes:
        """Return the bytes as they are."""
        del status, message
        return data


def configuration() -> Configuration:
    """Return windows that keep a gigabit link busy; memory per connection stays below 32 MiB."""
    return Configuration(http2_connection_window_size=32 * _MIB, http2_stream_window_size=16 * _MIB)


def h2_configuration(*, client: bool) -> H2Configuration:
    """Return the HTTP/2 rules: grpclib builds correct headers, so they are not checked twice.

    Headers are UTF-8 because daemons before 0.12 send file names as they are.
    """
    return H2Configuration(
        client_side=client,
        header_encoding="utf-8",
        validate_inbound_headers=False,
        validate_outbound_headers=False,
        normalize_inbound_headers=False,
        normalize_outbound_headers=False,
    )


async def read_messages(stream: Stream) -> list[bytes]:
    """Wait for a message and return those that are there; none at the end of the stream.

    To wait for each of many small messages, and to hand the window back for each, would be most of
    what they cost. `_TAKE` bytes are taken at once, and what follows stays where it counts.

    Raises:
        AssertionError: The stream ended within a message.
        NotImplementedError: A message is compressed.
    """
    buffer, messages = stream.buffer, list[bytes]()
    if head := await stream.recv_data(_PREFIX.size):
        messages.append(await stream.recv_data(_size(*_PREFIX.unpack(head))))
    taken = window = 0
    arrived, parts = buffer._unacked, buffer._acked  # noqa: SLF001 - # pyright: ignore[reportPrivateUsage]
    while messages and taken < _TAKE and not arrived.empty():
        data, size, charged = arrived.get_nowait()
        parts.append(AckedData(memoryview(data), size))
        taken += size
        window += charged
    stream.connection.ack(stream.id or 0, window)
    rest, at = b"".join(part.data for part in parts), 0
    while len(rest) - at >= _PREFIX.size:
        end = at + _PREFIX.size + _size(*_PREFIX.unpack_from(rest, at))
        if end > len(rest):
            break
        messages.append(rest[at + _PREFIX.size : end])
        at = end
    parts.clear()
    if at < len(rest):
        parts.append(AckedData(memoryview(rest)[at:], len(rest) - at))
    buffer._acked_size = len(rest) - at  # noqa: SLF001 - # pyright: ignore[reportPrivateUsage]
    return messages


def _size(compressed: bool, size: int) -> int:
    if compressed:
        raise NotImplementedError("Compression not implemented")
    return size


def write_messages(stream: Stream, messages: Iterable[bytes]) -> Coroutine[None, None, None]:
    """Send messages as `write_data` does: they share frames, and writes to the socket."""
    parts: list[bytes] = []
    for message in messages:
        parts += (_PREFIX.pack(False, len(message)), message)
    return write_data(stream, b"".join(parts))


async def write_data(stream: Stream, data: bytes) -> None:
    """Send data on a stream as its `send_data` does, at a fraction of the cost.

    Daemons take frames of 16 KiB only, and the objects that h2 makes for each are most of what
    sending a large file costs. Here the windows are charged once for many frames, whose headers
    are written by hand (RFC 9113, section 6.1).
    """
    h2, connection = stream._h2_connection, stream.connection  # noqa: SLF001 - # pyright: ignore[reportPrivateUsage]
    number, view, at = stream.id or 0, memoryview(data), 0
    while at < len(data):
        await connection.write_ready.wait()
        # Raises for a stream that has been closed.
        window = h2.local_flow_control_window(number)
        if window <= 0:
            stream.window_updated.clear()
            await stream.window_updated.wait()
            continue
        end = at + min(window, _WRITE, len(data) - at)
        h2.streams[number].outbound_flow_control_window -= end - at
        h2.outbound_flow_control_window -= end - at
        parts: list[bytes | memoryview] = [h2.data_to_send()]
        while at < end:
            size = min(h2.max_outbound_frame_size, end - at)
            parts.append(_DATA.pack(size >> 8, size & 0xFF, 0, 0, number))
            parts.append(view[at : at + size])
            at += size
        stream._transport.write(b"".join(parts))  # noqa: SLF001 - # pyright: ignore[reportPrivateUsage]
        connection.data_send_process()


class _Processor(EventsProcessor):
    """Ignores events that grpclib does not know, as RFC 9113 section 4.1 demands."""

    def process(self, event: Event) -> None:
        processors = getattr(self, "processors", {})
        if event.__class__ in processors:
            super().process(event)


class WireProtocol(H2Protocol):
    """grpclib's HTTP/2 connection, made safe against peers that send anything."""

    def __init__(self, handler: AbstractHandler, *, client: bool) -> None:
        config = configuration()
        config = config.__for_client__() if client else config.__for_server__()
        super().__init__(handler, config, h2_configuration(client=client))
        self._begun = False
        self._merger = Merger(preface=0 if client else _PREFACE)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start HTTP/2 on an open byte stream."""
        super().connection_made(transport)
        channel = transport.get_extra_info("socket")
        if channel is not None and channel.family == socket.AF_UNIX:
            # Those of TCP grow by themselves. With a small one the daemon runs out of data whenever
            # the event loop is busy with something else.
            channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self.processor = _Processor(self.handler, self.connection)

    def data_received(self, data: bytes) -> None:
        """Process bytes; whatever cannot be processed ends the connection, and only that."""
        if not self._begun and data.startswith(b"HTTP/"):
            # h2 would take it for the head of a frame, and wait for megabytes.
            self.processor.close("the peer speaks HTTP/1, not HTTP/2")
            return
        self._begun = True
        try:
            h2 = self.connection._connection  # noqa: SLF001 - # pyright: ignore[reportPrivateUsage]
            super().data_received(self._merger.feed(data, h2.max_inbound_frame_size))
        except Exception:  # noqa: BLE001 - any parser bug a peer can provoke ends the connection
            _log.debug("unusable HTTP/2 data", exc_info=True)
            self.processor.close("the peer sent something that is no HTTP/2")

    def eof_received(self) -> bool:
        """Close when the peer has sent its last byte: gRPC has no use for half a connection."""
        return False
