"""Requests to docker's API over any way, and the streams that some of them become.

Docker Engine API: ``POST /containers/NAME/exec`` makes an exec, ``POST /exec/ID/start`` with
``Upgrade: tcp`` turns its connection into the program's input and, in frames, its output: a byte
for the stream (1 output, 2 errors), three of padding, four with the length (big endian), content.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

from bakex._util.takeover import Takeover
from bakex.errors import DialError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakex.carriers import Dialer

_TIMEOUT_S: Final = 30.0
_ANSWER_MAX: Final = 8 << 20  # bytes; what docker says about one container has some kilobytes
_HEADER: Final = 8
_ERRORS: Final = 2
# What docker writes into the output, in place of the program's, if it cannot be started.
_REFUSED: Final = b"OCI runtime exec failed"
_SHOWN: Final = 500  # bytes of that
_KEPT: Final = 16 << 10  # bytes of the program's errors, the last ones


async def ask(way: Dialer, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Make a request; return the status and the decoded answer, None if it is no JSON.

    Raises:
        DialError: No connection, no answer within 30 seconds, or no HTTP.
    """
    exchange = _Exchange(_head(method, path, body, "Connection: close"))
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            transport = await way.connect(lambda: exchange)
            try:
                received = await exchange.done
            finally:
                transport.close()
    except TimeoutError:
        raise DialError(f"docker at {way.endpoint.address} does not answer") from None
    head, _, content = received.partition(b"\r\n\r\n")
    status = _status(head)
    if not status:
        raise DialError(f"{way.endpoint.address} is no docker daemon")
    if re.search(rb"\r\ntransfer-encoding:[ \t]*chunked", head, re.IGNORECASE):
        content = _unchunked(content)
    try:
        return status, json.loads(content)
    except ValueError:
        return status, None


async def execute(
    way: Dialer,
    exec_id: str,
    factory: Callable[[], asyncio.Protocol],
    ended: Callable[[str], None],
) -> asyncio.Transport:
    """Start an exec and attach a protocol to its input and output.

    Args:
        way: How docker is reached.
        exec_id: What was made before.
        factory: Makes the protocol, once docker has agreed.
        ended: Called at the end of a stream that has carried nothing, with what the program wrote
            to its standard error.

    Raises:
        DialError: Docker refused; says why.
    """
    stream = _Multiplexed(_start(exec_id), ended)
    transport = await way.connect(lambda: stream)
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            status, rest = await stream.answer
    except TimeoutError:
        transport.abort()
        raise DialError(f"docker at {way.endpoint.address} does not answer") from None
    except BaseException:
        transport.abort()
        raise
    if status not in {101, 200}:
        transport.abort()
        raise DialError(
            f"docker at {way.endpoint.address} does not start a program in the container",
            detail=_message(rest),
        )
    stream.take_over(factory(), transport, rest)
    return transport


def _start(exec_id: str) -> bytes:
    body = {"Detach": False, "Tty": False}
    return _head("POST", f"/exec/{exec_id}/start", body, "Connection: Upgrade", "Upgrade: tcp")


def _head(method: str, path: str, body: object, *lines: str) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = [
        f"{method} {path} HTTP/1.1",
        "Host: docker",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        *lines,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + content


def _status(head: bytes) -> int:
    found = re.match(rb"HTTP/1\.[01] (\d{3})", head)
    return int(found[1]) if found else 0


def _unchunked(content: bytes) -> bytes:
    """Return a chunked body as one piece, as far as it is there."""
    found = b""
    while content:
        size, _, rest = content.partition(b"\r\n")
        try:
            length = int(size.partition(b";")[0], 16)
        except ValueError:
            break
        found += rest[:length]
        content = rest[length + 2 :]
        if not length:
            break
    return found


def _message(body: bytes) -> str:
    text = body.decode("utf-8", "replace").strip()
    try:
        document: object = json.loads(text)
    except ValueError:
        return text[:500]
    fields = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    return str(fields.get("message") or text)[:500]


class _Exchange(asyncio.Protocol):
    """Sends a request and collects what comes until the other side closes."""

    def __init__(self, request: bytes) -> None:
        self.done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._request = request
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > _ANSWER_MAX:
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._finish()

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(self._received)


class _Multiplexed(Takeover):
    """Asks for a stream, then takes the frames of its output apart."""

    def __init__(self, request: bytes, ended: Callable[[str], None]) -> None:
        super().__init__(request)
        self.answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._ended = ended
        self._kind = self._left = 0  # of the frame that is being received
        self._errors = self._output = b""  # the end of one, the beginning of the other

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._inner is None:
            self._find_answer()
            return
        while self._received:
            if not self._left:
                if len(self._received) < _HEADER:
                    return
                self._kind = self._received[0]
                self._left = int.from_bytes(self._received[4:_HEADER], "big")
                self._received = self._received[_HEADER:]
            content, self._received = self._received[: self._left], self._received[self._left :]
            self._left -= len(content)
            self._deliver(content)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._inner is None:
            if not self.answer.done():
                head, _, rest = self._received.partition(b"\r\n\r\n")
                self.answer.set_result((_status(head), rest))
            return
        refused = self._output.startswith(_REFUSED)
        if refused or not self._output:
            words = self._output if refused else self._errors
            self._ended(words.decode("utf-8", "replace"))
        self._inner.connection_lost(exc)

    def _find_answer(self) -> None:
        head, end, rest = self._received.partition(b"\r\n\r\n")
        # A refusal is complete when docker closes; it does so after a request for an upgrade.
        if end and not self.answer.done() and _status(head) in {101, 200}:
            self._received = b""
            self.answer.set_result((_status(head), rest))

    def _deliver(self, content: bytes) -> None:
        if not content:
            return
        if self._kind == _ERRORS:
            self._errors = (self._errors + content)[-_KEPT:]
        elif self._inner is not None:
            if len(self._output) < _SHOWN:
                self._output += content[:_SHOWN]
            self._inner.data_received(content)
