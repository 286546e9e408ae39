"""Whether a daemon answers on its socket, and can do what bakex needs."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final, cast

from bakex.model.node import Wire

if TYPE_CHECKING:
    from pathlib import Path

ANSWER_TIMEOUT_S: Final = 5.0
# What the storage driver's status says when images are in containerd's store (moby, daemon/info).
_SNAPSHOTTER: Final = "io.containerd.snapshotter"
# RFC 9113, sections 3.4 and 6.5: the client's preface with an empty SETTINGS frame; the server
# answers with a SETTINGS frame, whose type is the fourth byte.
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_HEADER: Final = 9
_SETTINGS: Final = 4
_ANSWER_MAX: Final = 1024 * 1024  # bytes of the head of an answer


async def answers(socket: Path, wire: Wire, *, timeout_s: float = ANSWER_TIMEOUT_S) -> bool:
    """Return whether the daemon answers as its kind should, within a time limit."""
    try:
        async with asyncio.timeout(timeout_s):
            if wire is Wire.DOCKER:
                status, _ = await _get(socket, "/_ping")
                return status == 200
            return await _speaks_http2(socket)
    except (OSError, EOFError, ValueError):
        # TimeoutError is an OSError, IncompleteReadError is an EOFError.
        return False


async def keeps_whole_images(socket: Path, *, timeout_s: float = ANSWER_TIMEOUT_S) -> bool:
    """Return whether a dockerd has containerd's image store, which is asked for by a feature flag.

    Versions before 23 ignore the flag and start all the same. Docker Engine API, ``GET /info``,
    ``DriverStatus``. False as well if there is no answer within the time limit.
    """
    try:
        async with asyncio.timeout(timeout_s):
            _, body = await _get(socket, "/info")
            document: object = json.loads(body)
    except (OSError, EOFError, ValueError):
        return False
    info = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    return _SNAPSHOTTER in json.dumps(info.get("DriverStatus"))


async def _get(socket: Path, path: str) -> tuple[int, bytes]:
    """Return the status and the body of an answer to HTTP/1.0, which ends with the connection."""
    reader, writer = await asyncio.open_unix_connection(socket, limit=_ANSWER_MAX)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        return int(head.split(maxsplit=2)[1]), await reader.read()
    except (IndexError, asyncio.LimitOverrunError) as error:
        raise ValueError("not an HTTP answer") from error
    finally:
        writer.close()


async def _speaks_http2(socket: Path) -> bool:
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        writer.write(_PREFACE)
        header = await reader.readexactly(_HEADER)
    finally:
        writer.close()
    return header[3] == _SETTINGS
