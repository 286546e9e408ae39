from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bakex._pb import bk_pb2 as pb
from bakex.errors import SessionError
from bakex.model.ssh import Ssh
from bakex.session.attachable import CallError, Status
from bakex.session.ssh import SshForward, agent_source
from bakex.session.ssh_agent import FAILURE, SocketSource, frame
from bakex.session.ssh_keys import KeySource
from bakex.testing.calls import exchange, unary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from bakex.session.ssh_agent import Agent

CHECK = "/moby.sshforward.v1.SSH/CheckAgent"
FORWARD = "/moby.sshforward.v1.SSH/ForwardAgent"


class Echo:
    """An agent whose list is the request; its connections are counted."""

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Agent]:
        self.opened += 1
        yield self
        self.closed += 1

    async def answer(self, request: bytes) -> bytes:
        return b"\x0c" + request


class Gone(Echo):
    async def answer(self, request: bytes) -> bytes:
        raise SessionError("the agent is gone")


async def forward(
    service: SshForward, messages: Sequence[bytes], *metadata: tuple[str, str]
) -> bytes:
    requests = [pb.BytesMessage(data=message).SerializeToString() for message in messages]
    answers = await exchange(service.services()[FORWARD], requests, *metadata)
    return b"".join(pb.BytesMessage.FromString(answer).data for answer in answers)


@pytest.mark.parametrize("name", ["", "default"])
async def test_an_agent_is_there(name: str) -> None:
    check = SshForward({"default": Echo()}).services()[CHECK]
    assert await unary(check, pb.CheckAgentRequest(id=name).SerializeToString()) == b""


async def test_an_agent_that_is_not_there() -> None:
    service = SshForward({"default": Echo()})
    with pytest.raises(CallError, match="unset ssh forward key other") as caught:
        await unary(service.services()[CHECK], pb.CheckAgentRequest(id="other").SerializeToString())
    assert caught.value.status is Status.NOT_FOUND
    with pytest.raises(CallError, match="unset ssh forward key other"):
        await forward(service, [], ("buildkit.ssh.id", "other"))


async def test_requests_are_answered_in_order_and_the_rest_refused() -> None:
    agent = Echo()
    stream = frame(b"\x0b") + frame(b"\x13") + frame(b"\x0b")
    answers = frame(b"\x0c\x0b") + frame(FAILURE) + frame(b"\x0c\x0b")
    service = SshForward({"git": agent})
    assert await forward(service, [stream[:7], stream[7:]], ("buildkit.ssh.id", "git")) == answers
    assert (agent.opened, agent.closed) == (1, 1)


async def test_what_is_no_agent_protocol_ends_the_call() -> None:
    with pytest.raises(CallError, match="no agent protocol") as caught:
        await forward(SshForward({"default": Echo()}), [b"GET / HTTP/1.1\r\n\r\n"])
    assert caught.value.status is Status.INVALID_ARGUMENT


async def test_an_agent_that_is_gone_is_the_reason() -> None:
    with pytest.raises(CallError, match="the agent is gone") as caught:
        await forward(SshForward({"default": Gone()}), [frame(b"\x0b")])
    assert caught.value.status is Status.UNAVAILABLE
    assert isinstance(caught.value.__cause__, SessionError)


# ---------------------------------------------------------------- sources


@pytest.fixture
async def socket(tmp_path: Path) -> AsyncIterator[Path]:
    server = await asyncio.start_unix_server(lambda _, writer: writer.close(), tmp_path / "agent")
    async with server:
        yield tmp_path / "agent"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    private = Ed25519PrivateKey.generate()
    content = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    (tmp_path / "key").write_bytes(content)
    return tmp_path / "key"


def test_the_users_agent(tmp_path: Path, socket: Path) -> None:
    environ = {"SSH_AUTH_SOCK": str(socket)}
    for ssh in (Ssh(), Ssh(paths=("",)), Ssh(paths=("agent",))):
        assert isinstance(agent_source(ssh, environ=environ, cwd=tmp_path), SocketSource)


def test_key_files(tmp_path: Path, key: Path) -> None:
    found = agent_source(Ssh(paths=("key", str(key))), environ={}, cwd=tmp_path)
    assert isinstance(found, KeySource)


def test_no_agent(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="ssh 'default': there is no SSH agent") as caught:
        agent_source(Ssh(), environ={}, cwd=tmp_path)
    assert caught.value.detail == "SSH_AUTH_SOCK is not set."


def test_a_socket_stands_alone(tmp_path: Path, socket: Path, key: Path) -> None:
    for other in (key, socket):
        with pytest.raises(SessionError, match="cannot be combined"):
            agent_source(Ssh(paths=(str(other), str(socket))), environ={}, cwd=tmp_path)


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=r"ssh 'x': cannot use .*/none': no such file"):
        agent_source(Ssh(id="x", paths=("none",)), environ={}, cwd=tmp_path)
