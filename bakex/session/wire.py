"""How grpclib is used on both sides: raw messages, windows, and tolerance for what peers send.

Source: HTTP/2 (RFC 9113), gRPC over HTTP/2 (grpc/PROTOCOL-HTTP2.md).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from grpclib.config import Configuration
from grpclib.encoding.base import CodecBase, StatusDetailsCodecBase
from grpclib.protocol import EventsProcessor, H2Protocol
from h2.config import H2Configuration

if TYPE_CHECKING:
    import asyncio

    from grpclib.const import Status
    from grpclib.protocol import AbstractHandler
    from h2.events import Event

_log = logging.getLogger(__name__)
_MIB = 1 << 20


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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start HTTP/2 on an open byte stream."""
        super().connection_made(transport)
        self.processor = _Processor(self.handler, self.connection)

    def data_received(self, data: bytes) -> None:
        """Process bytes; whatever cannot be processed ends the connection, and only that."""
        if not self._begun and data.startswith(b"HTTP/"):
            # h2 would take it for the head of a frame, and wait for megabytes.
            self.processor.close("the peer speaks HTTP/1, not HTTP/2")
            return
        self._begun = True
        try:
            super().data_received(data)
        except Exception:  # noqa: BLE001 - any parser bug a peer can provoke ends the connection
            _log.debug("unusable HTTP/2 data", exc_info=True)
            self.processor.close("the peer sent something that is no HTTP/2")

    def eof_received(self) -> bool:
        """Close when the peer has sent its last byte: gRPC has no use for half a connection."""
        return False
