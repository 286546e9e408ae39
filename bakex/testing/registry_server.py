"""The HTTP side of `bakex.testing.registry`: one thread for each connection, faults on schedule."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from bakex.testing.registry_content import Refusal
from bakex.testing.registry_faults import Fault
from bakex.testing.registry_routes import Incoming, Outgoing

if TYPE_CHECKING:
    from io import BufferedReader

_CHUNK = 1 << 18
_LINGER_NONE = struct.pack("ii", 1, 0)  # closing sends a reset
_TLS_HANDSHAKE = b"\x16"  # the first byte of every TLS connection
_PLAIN = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_OPAQUE = "sig=a%2Fb%2Bc%3D&dup=1&dup=2&empty="
_DRAINED = 64 << 20  # a larger unwanted body costs the connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request that came.

    Attributes:
        target: Path and query.
        authorization: The scheme of its credentials in lower case; empty for none.
        status: What it was answered with; 0 if it got no answer.
    """

    method: str
    target: str
    authorization: str
    status: int

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


Serve = Callable[[Incoming], Outgoing]
Take = Callable[[str], Fault]
Note = Callable[[Seen], None]
Sent = Callable[[Incoming, Outgoing], None]


def _unseen(request: Incoming, answer: Outgoing) -> None:
    del request, answer


class RegistryServer(ThreadingHTTPServer):
    """Listens on a loopback port; ends all connections when it is closed."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        *,
        serve: Serve,
        take: Take,
        note: Note,
        sent: Sent | None = None,
        elsewhere: str = "",
        certificate: Path | None = None,
    ) -> None:
        """Listen.

        Args:
            address: Host and port; port 0 for any that is free.
            serve: Answers requests.
            take: Says what goes wrong with a request, given as ``METHOD /path?query``.
            note: Is told of every request before it is answered.
            sent: Is told of every answer that a client gets.
            elsewhere: The URL of another server for the same content, for faults.
            certificate: PEM file with a key and a certificate, to speak TLS.
        """
        self._tls: ssl.SSLContext | None = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)
        self.serve = serve
        self.take = take
        self.note = note
        self.sent: Sent = sent or _unseen
        self.elsewhere = elsewhere
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(address, _Handler)

    def change(self, answer: Outgoing, fault: Fault, target: str) -> None:
        """Change where an answer leads, as a fault says."""
        if fault.elsewhere == "redirect":
            answer.status, answer.body = 307, b""
            answer.headers["Location"] = f"{self.elsewhere}{target}"
        location = answer.headers.get("Location", "")
        parts = urlsplit(location)
        rest = parts.path + (f"?{parts.query}" if parts.query else "")
        if location and fault.elsewhere == "location":
            answer.headers["Location"] = f"{self.elsewhere}{rest}"
        if location and fault.location == "relative":
            answer.headers["Location"] = rest
        if location and fault.location == "opaque":
            answer.headers["Location"] = f"{location}{'&' if parts.query else '?'}{_OPAQUE}"

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; the thread that will serve it does the handshake."""
        connection, address = super().get_request()
        if self._tls is not None:
            connection = self._tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Remember the connection, so that `end_connections` can end it."""
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401
        """Forget the connection."""
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """Wake the threads that wait for the next request of a client."""
        with self._guard:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Say nothing of a client that went away; anything else is a bug to be seen."""
        import sys  # noqa: PLC0415 - for the exception in flight, as the base class does

        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _DroppedError(ConnectionError):
    """A fault took the connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and small body in one packet
    disable_nagle_algorithm = True

    @property
    def _registry(self) -> RegistryServer:
        return cast("RegistryServer", self.server)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Print nothing."""

    def version_string(self) -> str:
        """Name the server."""
        return "bakex-testing"

    def handle_one_request(self) -> None:
        """Serve a request, or say at once to a client that tries TLS that this is plain HTTP.

        Docker and containerd go on with HTTP only after an answer that starts with ``HTTP/``.
        """
        if cast("BufferedReader", self.rfile).peek(1)[:1] == _TLS_HANDSHAKE:
            self.close_connection = True
            self.wfile.write(_PLAIN)
            self.wfile.flush()
            return
        super().handle_one_request()

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def _handle(self) -> None:
        fault = self._registry.take(f"{self.command} {self.path}")
        if fault.reset == "before":
            self._note(0)
            self.drop()
        if fault.garbage:
            self._note(0)
            self.wfile.write(fault.garbage)
            self.close_connection = True
            return
        answer = self._answer(fault)
        # Noted before it is sent, so that whoever has the answer finds the note.
        self._note(0 if fault.reset else answer.status)
        if fault.reset:
            self.drop()
        self._send(answer, fault)

    def _note(self, status: int) -> None:
        scheme = self.headers.get("Authorization", "").partition(" ")[0].lower()
        seen = Seen(method=self.command, target=self.path, authorization=scheme, status=status)
        self._registry.note(seen)

    def _answer(self, fault: Fault) -> Outgoing:
        body = _Body(self, fault)
        parts = urlsplit(self.path)
        headers = {name.lower(): ", ".join(self.headers.get_all(name, [])) for name in self.headers}
        request = Incoming(
            method=self.command,
            path=parts.path,
            query=parts.query if fault.query is None else fault.query,
            headers=headers if fault.keep < 0 else _shortened(headers, fault.keep),
            body=body.chunks,
        )
        try:
            if fault.status:
                answer = Outgoing(status=fault.status, body=fault.body)
            else:
                answer = self._registry.serve(request)
        except Refusal as refusal:
            headers = {"Content-Type": "application/json", **refusal.headers}
            answer = Outgoing(status=refusal.status, headers=headers, body=refusal.body)
        if fault.early:
            self.close_connection = True
        else:
            body.drain()
        self._registry.change(answer, fault, self.path)
        if not fault.reset:
            self._registry.sent(request, answer)
        for name, value in fault.headers.items():
            if value is None:
                answer.headers.pop(name, None)
            else:
                answer.headers[name] = value
        return answer

    def _send(self, answer: Outgoing, fault: Fault) -> None:
        length = len(answer.body) if isinstance(answer.body, bytes) else answer.length
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204 and "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return
        left = length if fault.truncate < 0 else fault.truncate
        flip = fault.corrupt
        for chunk in _pieces(answer):
            sent = _flipped(chunk) if flip else chunk
            flip = False
            self.wfile.write(sent[:left])
            left -= len(sent)
            if left <= 0:
                break
        if fault.truncate >= 0:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            raise _DroppedError

    def drop(self) -> None:
        """Reset the connection."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        self.close_connection = True
        raise _DroppedError


class _Body:
    """The body of a request, whichever way its length is told, and what a fault leaves of it."""

    def __init__(self, handler: _Handler, fault: Fault) -> None:
        self._handler = handler
        self._fault = fault
        self._left: Iterator[bytes] = self._raw()

    def chunks(self) -> Iterator[bytes]:
        seen, corrupt = 0, self._fault.corrupt_request
        for chunk in self._left:
            served = _flipped(chunk) if corrupt else chunk
            corrupt = False
            if self._fault.keep >= 0:
                served = served[: max(0, self._fault.keep - seen)]
            if self._fault.reset == "body" and seen + len(chunk) > self._fault.after:
                yield served[: self._fault.after - seen]
                self._handler.drop()
            seen += len(chunk)
            if served:
                yield served

    def drain(self) -> None:
        """Read what nobody wanted, so that the next request starts where it should."""
        size = 0
        for chunk in self._left:
            size += len(chunk)
            if size > _DRAINED:
                self._handler.close_connection = True
                return

    def _raw(self) -> Iterator[bytes]:
        headers = self._handler.headers
        if headers.get("Transfer-Encoding", "").lower() == "chunked":
            yield from self._chunked()
        else:
            yield from self._counted(int(headers.get("Content-Length") or 0))

    def _chunked(self) -> Iterator[bytes]:
        file = self._handler.rfile
        while size := int(file.readline(64).partition(b";")[0] or b"0", 16):
            yield from self._counted(size)
            file.readline(8)
        while file.readline(1024).strip():
            pass

    def _counted(self, size: int) -> Iterator[bytes]:
        while size > 0:
            chunk = self._handler.rfile.read(min(size, _CHUNK))
            if not chunk:
                raise _DroppedError
            size -= len(chunk)
            yield chunk


def _shortened(headers: dict[str, str], length: int) -> dict[str, str]:
    """Return the headers of a request whose body is only so long."""
    first = headers.get("content-range", "").partition("-")[0]
    changed = {"content-length": str(length)}
    if not length:
        headers = {name: value for name, value in headers.items() if name != "content-range"}
    elif first:
        changed["content-range"] = f"{first}-{int(first) + length - 1}"
    return headers | changed


def _pieces(answer: Outgoing) -> Iterator[bytes]:
    if not isinstance(answer.body, Path):
        yield answer.body
        return
    with answer.body.open("rb") as file:
        file.seek(answer.start)
        left = answer.length
        while left > 0 and (chunk := file.read(min(left, _CHUNK))):
            left -= len(chunk)
            yield chunk


def _flipped(chunk: bytes) -> bytes:
    return bytes([chunk[0] ^ 1]) + chunk[1:] if chunk else chunk
