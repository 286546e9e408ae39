from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DialError
from bakex.nodes.launcher import SystemLauncher
from bakex.nodes.pipes import Pipes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Reader(asyncio.Protocol):
    def __init__(self) -> None:
        self.data = b""
        self.changed = asyncio.Event()
        self.lost = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


@pytest.fixture
async def pipes() -> AsyncIterator[Pipes]:
    found = Pipes(SystemLauncher({"PATH": os.environ["PATH"]}))
    yield found
    await found.aclose()


async def test_bytes_go_through_a_program(pipes: Pipes) -> None:
    reader = Reader()
    transport = await pipes.open(["cat"], lambda: reader)
    transport.write(b"hello")
    await reader.changed.wait()
    assert reader.data == b"hello"
    assert await pipes.complaint() is None
    transport.close()
    await pipes.aclose()


@pytest.mark.parametrize(
    ("script", "words"),
    [("echo not here >&2; exit 1", "not here"), ("exit 7", "it ended with exit code 7")],
)
async def test_what_a_program_says_before_it_ends(pipes: Pipes, script: str, words: str) -> None:
    reader = Reader()
    await pipes.open(["sh", "-c", script], lambda: reader)
    await reader.lost.wait()
    assert await pipes.complaint() == words


async def test_a_stream_that_carried_something_is_no_failure(pipes: Pipes) -> None:
    reader = Reader()
    await pipes.open(["echo", "hello"], lambda: reader)
    await reader.lost.wait()
    assert await pipes.complaint() is None


async def test_a_program_that_does_not_end_is_killed(
    pipes: Pipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bakex.nodes.pipes.END_S", 0.05)
    reader = Reader()
    transport = await pipes.open(["sleep", "987"], lambda: reader)
    transport.close()
    await reader.lost.wait()
    assert await pipes.complaint() is None
    async with asyncio.timeout(10):
        await pipes.aclose()


async def test_a_program_that_is_missing(pipes: Pipes) -> None:
    with pytest.raises(DialError, match="nonesuch"):
        await pipes.open(["nonesuch"], Reader)
