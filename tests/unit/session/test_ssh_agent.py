from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import SessionError
from bakex.session.ssh_agent import (
    FAILURE,
    MAX_MESSAGE_SIZE,
    AgentProtocolError,
    SignRequest,
    SocketSource,
    Splitter,
    filtered,
    frame,
    pack_text,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from bakex.session.ssh_agent import Agent

    Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Loose:
    """An agent that agrees to everything."""

    def __init__(self, answer: bytes) -> None:
        self.asked: list[bytes] = []
        self._answer = answer

    async def answer(self, request: bytes) -> bytes:
        self.asked.append(request)
        return self._answer


@pytest.mark.parametrize("kind", [n for n in range(256) if n not in {11, 13}])
async def test_only_listing_and_signing_reach_the_agent(kind: int) -> None:
    agent = Loose(b"\x06")
    assert await filtered(agent, bytes([kind]) + b"rest") == FAILURE
    assert agent.asked == []


@pytest.mark.parametrize(
    ("request_", "answer", "expected"),
    [
        (b"\x0b", b"\x0clist", b"\x0clist"),
        (b"\x0dkey", b"\x0esigned", b"\x0esigned"),
        (b"\x0dkey", b"\x05", FAILURE),
        (b"\x0b", b"\x0esigned", FAILURE),  # an answer to another question
        (b"\x0b", b"", FAILURE),
    ],
)
async def test_only_the_fitting_answer_comes_back(
    request_: bytes, answer: bytes, expected: bytes
) -> None:
    assert await filtered(Loose(answer), request_) == expected


@given(st.lists(st.binary(min_size=1, max_size=40)), st.integers(min_value=1, max_value=7))
def test_messages_are_found_wherever_the_stream_is_cut(messages: list[bytes], step: int) -> None:
    stream = b"".join(map(frame, messages))
    splitter = Splitter()
    pieces = [stream[i : i + step] for i in range(0, len(stream), step)]
    assert [message for piece in pieces for message in splitter.feed(piece)] == messages


@pytest.mark.parametrize("size", [0, MAX_MESSAGE_SIZE + 1, 2**32 - 1])
def test_messages_of_impossible_sizes(size: int) -> None:
    with pytest.raises(AgentProtocolError, match=f"a message of {size} bytes"):
        list(Splitter().feed(size.to_bytes(4, "big")))


def test_a_request_to_sign() -> None:
    message = b"\x0d" + pack_text(b"key") + pack_text(b"data") + b"\0\0\0\x04"
    assert SignRequest.parse(message) == (b"key", b"data", 4)


@given(st.binary(max_size=40))
def test_malformed_requests_to_sign(rest: bytes) -> None:
    found = SignRequest.parse(b"\x0d" + rest)
    if found is not None:
        again = pack_text(found.key) + pack_text(found.data) + found.flags.to_bytes(4, "big")
        assert again == rest


# ---------------------------------------------------------------- sockets


@asynccontextmanager
async def listening(path: Path, serve: Serve) -> AsyncIterator[SocketSource]:
    server = await asyncio.start_unix_server(serve, path)
    async with server:
        yield SocketSource(path)


def saying(answer: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        writer.write(answer)
        writer.close()

    return serve


async def test_an_agent_behind_a_socket(tmp_path: Path) -> None:
    serve = saying(frame(b"\x0canswer"))
    async with listening(tmp_path / "s", serve) as source, source.open() as agent:
        assert await agent.answer(b"\x0b") == b"\x0canswer"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "It closed the connection."),
        (b"\0\0", "It closed the connection."),
        (b"\0\0\0\x09half", "It closed the connection."),
        (b"\0\0\0\0", "It sent a message of 0 bytes."),
        (b"\xff\xff\xff\xff", "It sent a message of 4294967295 bytes."),
    ],
)
async def test_an_agent_that_fails(tmp_path: Path, answer: bytes, why: str) -> None:
    async with listening(tmp_path / "s", saying(answer)) as source, source.open() as agent:
        with pytest.raises(SessionError, match="did not answer") as caught:
            await agent.answer(b"\x0b")
        assert caught.value.detail == why


async def test_an_agent_that_left(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async def ask(agent: Agent) -> None:
        for _ in range(3):
            await agent.answer(b"\x0b")

    async with listening(tmp_path / "s", serve) as source, source.open() as agent:
        with pytest.raises(SessionError, match="did not answer"):
            await ask(agent)


async def test_no_agent(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="cannot reach the SSH agent") as caught:
        async with SocketSource(tmp_path / "none").open():
            pass
    assert caught.value.detail == "No such file or directory."
    assert "ssh-add -l" in caught.value.hint
