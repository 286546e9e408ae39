"""dockerd's HTTP/1.1 upgrade: how ``/grpc`` and ``/session`` become raw byte streams.

The request is ``POST <path>`` with ``Connection: Upgrade`` and ``Upgrade: h2c``; after the answer
``101`` both sides speak HTTP/2, and bytes that came along with the answer belong to it already.
Source: moby, client/hijack.go and api/server/router/{grpc,session}.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, cast

from bakex._util.takeover import Takeover
from bakex.errors import NodeError, NodeLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bakex.carriers import Dialer

ANSWER_TIMEOUT_S = 15.0
_MAX_ANSWER = 64 << 10  # bytes; an answer this long is no answer of dockerd
_MAX_BODY = 4 << 10  # bytes of an error's body that are kept for the message


class _Upgrade(Takeover):
    """Asks for the upgrade."""

    def __init__(self, request: bytes) -> None:
        super().__init__(request)
        self.answer: asyncio.Future[tuple[bytes, bytes]] = asyncio.Future()

    def data_received(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.data_received(data)
            return
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        complete = end and (is_upgrade(head) or len(rest) >= min(_MAX_BODY, _content_length(head)))
        if not self.answer.done() and (complete or len(self._received) > _MAX_ANSWER):
            self._received = b""
            self.answer.set_result((head, rest))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._inner is not None:
            self._inner.connection_lost(exc)
        elif not self.answer.done():
            head, _, rest = self._received.partition(b"\r\n\r\n")
            self.answer.set_result((head, rest))


def is_upgrade(head: bytes) -> bool:
    """Return whether the head of an answer agrees to the upgrade."""
    return re.match(rb"HTTP/1\.1 101( |\r|$)", head) is not None


def _content_length(head: bytes) -> int:
    found = re.search(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*(?:\r|$)", head, re.IGNORECASE)
    return int(found[1]) if found else 0


async def upgrade(
    dialer: Dialer,
    path: str,
    headers: Sequence[tuple[str, str]],
    factory: Callable[[], asyncio.Protocol],
    *,
    timeout_s: float = ANSWER_TIMEOUT_S,
) -> tuple[asyncio.Transport, asyncio.Protocol]:
    """Open a connection to dockerd, upgrade it, and attach the protocol that `factory` makes.

    Args:
        dialer: How to reach the daemon.
        path: ``/grpc`` or ``/session``.
        headers: Sent with the request; names may repeat.
        factory: Called only after the daemon has agreed.
        timeout_s: Longest time until the answer.

    Raises:
        DialError: No connection.
        NodeLostError: The connection ended before there was an answer.
        NodeError: The answer is not the upgrade; says what it is instead.
    """
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Connection: Upgrade", "Upgrade: h2c"]
    lines.extend(f"{name}: {value}" for name, value in headers)
    request = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")
    outer = _Upgrade(request)
    transport = await dialer.connect(lambda: outer)
    address = dialer.endpoint.address
    try:
        async with asyncio.timeout(timeout_s):
            head, rest = await outer.answer
    except TimeoutError:
        transport.abort()
        raise NodeError(
            f"{address} accepts connections but does not answer",
            detail=f"There was no answer to POST {path} within {timeout_s:.0f} s.",
            hint="restart the daemon",
        ) from None
    except BaseException:
        transport.abort()
        raise
    if not is_upgrade(head):
        transport.abort()
        raise _refusal(address, path, head, rest)
    inner = factory()
    outer.take_over(inner, transport, rest)
    return transport, inner


def _refusal(address: str, path: str, head: bytes, rest: bytes) -> NodeError:
    status = head.split(b"\r\n", 1)[0].decode("latin-1", "replace").strip()
    if not status:
        return NodeLostError(
            f"{address} closed the connection",
            detail=f"The daemon did not answer POST {path}.",
            hint="look at the daemon's log",
        )
    if not status.startswith("HTTP/1."):
        return NodeError(
            f"{address} is no docker daemon",
            detail="What it answers is not HTTP.",
            hint="check the address; a BuildKit daemon's own socket is named unix:// or tcp://",
        )
    return NodeError(
        f"{address} does not offer BuildKit",
        detail=f"It answered POST {path} with {status.partition(' ')[2]!r}{_message(rest)}.",
        hint="check that the address is that of a docker daemon of version 18.09 or newer",
    )


def _message(body: bytes) -> str:
    """Return dockerd's own words from ``{"message": ...}``, in the form of a suffix."""
    try:
        document: object = json.loads(body[:_MAX_BODY])
    except ValueError:
        return ""
    fields = cast("dict[str, object]", document) if isinstance(document, dict) else {}
    message = fields.get("message")
    return f": {message}" if isinstance(message, str) else ""
