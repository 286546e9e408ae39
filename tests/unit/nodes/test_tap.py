from __future__ import annotations

import asyncio
from typing import Any

from bakex.nodes.tap import Tap


class Inner(asyncio.Protocol):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.seen.append("made")

    def data_received(self, data: bytes) -> None:
        self.seen.append(data.decode())

    def eof_received(self) -> bool:
        self.seen.append("eof")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.seen.append(f"lost {exc}")

    def pause_writing(self) -> None:
        self.seen.append("pause")

    def resume_writing(self) -> None:
        self.seen.append("resume")


class Transport(asyncio.Transport):
    protocol: object = None

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol


def test_it_steps_aside_with_the_first_byte() -> None:
    inner, transport, failures = Inner(), Transport(), list[object]()
    tap = Tap(inner, failures.append)
    tap.connection_made(transport)
    tap.pause_writing()
    tap.resume_writing()
    tap.data_received(b"x")
    assert transport.protocol is inner
    assert inner.seen == ["made", "pause", "resume", "x"]
    assert failures == []


def test_it_tells_of_a_stream_that_ends_before() -> None:
    inner, failures = Inner(), list[object]()
    tap = Tap(inner, failures.append)
    tap.connection_made(Transport())
    assert tap.eof_received() is True
    error = OSError("gone")
    tap.connection_lost(error)
    assert failures == [error]
    assert inner.seen == ["made", "eof", "lost gone"]
