"""The agent protocol, and what of it a build may say to an agent: list identities, and sign.

A message is its length in four bytes, its kind in one, and its body; an agent answers each request
with one message, in order. Adding and removing keys, locking, and extensions are answered with a
failure and never reach an agent: a build step has no business with them. Source:
draft-ietf-sshm-ssh-agent; buildkit session/sshforward/sshprovider (readOnlyAgent).
"""

from __future__ import annotations

import asyncio
import struct
from contextlib import asynccontextmanager, suppress
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from bakex.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

MAX_MESSAGE_SIZE = 256 << 10
"""Bytes of a message; OpenSSH's agent takes and sends no larger ones (AGENT_MAX_LEN)."""

_LENGTH = struct.Struct(">I")
_CLOSE_S = 1.0  # seconds that a socket gets to close
_CONNECT_S = 10.0  # seconds; a local socket accepts at once, or its agent hangs


class Kind(IntEnum):
    """The kinds of messages that matter here."""

    FAILURE = 5
    REQUEST_IDENTITIES = 11
    IDENTITIES_ANSWER = 12
    SIGN_REQUEST = 13
    SIGN_RESPONSE = 14


FAILURE = bytes([Kind.FAILURE])
# request -> the one answer that is passed on
_ALLOWED = {
    Kind.REQUEST_IDENTITIES: Kind.IDENTITIES_ANSWER,
    Kind.SIGN_REQUEST: Kind.SIGN_RESPONSE,
}


class AgentProtocolError(Exception):
    """The bytes are no messages of the agent protocol."""


class Agent(Protocol):
    """Answers requests, one at a time."""

    async def answer(self, request: bytes) -> bytes:
        """Return the answer to a request; both without the length.

        Raises:
            SessionError: The agent is gone.
        """
        ...


class AgentSource(Protocol):
    """Where an agent comes from; opened once for each connection of a build step."""

    def open(self) -> AbstractAsyncContextManager[Agent]:
        """Return a connection to the agent.

        Raises:
            SessionError: It cannot be reached.
        """
        ...


async def filtered(agent: Agent, request: bytes) -> bytes:
    """Return the answer to a request that may be anything.

    Raises:
        SessionError: The agent is gone.
    """
    expected = _ALLOWED.get(Kind(request[0])) if request[0] in _KINDS else None
    if expected is None:
        return FAILURE
    answer = await agent.answer(request)
    return answer if answer[:1] == bytes([expected]) else FAILURE


_KINDS = frozenset(Kind)


class Splitter:
    """Cuts a byte stream into messages."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes and yield the messages that are complete.

        Raises:
            AgentProtocolError: A message is empty or too large.
        """
        self._received += data
        while len(self._received) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._received)
            if not 0 < size <= MAX_MESSAGE_SIZE:
                raise AgentProtocolError(f"a message of {size} bytes")
            end = _LENGTH.size + size
            if len(self._received) < end:
                return
            message = bytes(self._received[_LENGTH.size : end])
            del self._received[:end]
            yield message


def frame(message: bytes) -> bytes:
    """Return a message as it goes over the wire."""
    return _LENGTH.pack(len(message)) + message


# ---------------------------------------------------------------- fields of messages


def pack_text(value: bytes) -> bytes:
    """Return a string field (RFC 4251 section 5)."""
    return _LENGTH.pack(len(value)) + value


class SignRequest(NamedTuple):
    """A request to sign."""

    key: bytes
    data: bytes
    flags: int

    @classmethod
    def parse(cls, message: bytes) -> SignRequest | None:
        """Return the request that a message is; None if it is malformed."""
        rest = memoryview(message)[1:]
        fields: list[bytes] = []
        for _ in range(2):
            if len(rest) < _LENGTH.size:
                return None
            (size,) = _LENGTH.unpack_from(rest)
            end = _LENGTH.size + size
            if len(rest) < end:
                return None
            fields.append(bytes(rest[_LENGTH.size : end]))
            rest = rest[end:]
        if len(rest) != _LENGTH.size:
            return None
        return cls(fields[0], fields[1], int.from_bytes(rest, "big"))


def identities(keys: Sequence[tuple[bytes, str]]) -> bytes:
    """Return the answer that lists public keys and their comments."""
    listed = (pack_text(blob) + pack_text(comment.encode()) for blob, comment in keys)
    return bytes([Kind.IDENTITIES_ANSWER]) + _LENGTH.pack(len(keys)) + b"".join(listed)


def signature(blob: bytes) -> bytes:
    """Return the answer that carries a signature."""
    return bytes([Kind.SIGN_RESPONSE]) + pack_text(blob)


# ---------------------------------------------------------------- an agent behind a socket


class SocketSource:
    """The agent that listens on a Unix socket."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Agent]:
        """Connect (`AgentSource.open`)."""
        try:
            async with asyncio.timeout(_CONNECT_S):
                reader, writer = await asyncio.open_unix_connection(self._path)
        except OSError as error:
            raise SessionError(
                f"cannot reach the SSH agent at {str(self._path)!r}",
                detail=f"{error.strerror or 'It does not accept connections'}.",
                hint="check that the agent still runs: ssh-add -l",
            ) from None
        try:
            yield _SocketAgent(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                async with asyncio.timeout(_CLOSE_S):
                    await writer.wait_closed()


class _SocketAgent:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def answer(self, request: bytes) -> bytes:
        # No timeout: the agent may be asking its user for permission (ssh-add -c).
        try:
            self._writer.write(frame(request))
            await self._writer.drain()
            size = int.from_bytes(await self._reader.readexactly(_LENGTH.size), "big")
            if not 0 < size <= MAX_MESSAGE_SIZE:
                raise _gone(f"It sent a message of {size} bytes.")
            return await self._reader.readexactly(size)
        except asyncio.IncompleteReadError:
            raise _gone("It closed the connection.") from None
        except OSError as error:
            raise _gone(f"{error.strerror}.") from None


def _gone(why: str) -> SessionError:
    return SessionError("the SSH agent did not answer", detail=why)
