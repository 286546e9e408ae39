from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bakex.engines.buildkit.transport import WireChannel
from bakex.errors import NodeError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.session.session import Session
from bakex.session.tunnel import Tunnel, attach, serve
from bakex.testing.buildkitd import FakeBuildkitd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bakex.session.attachable import Call, Handler

ECHO = "/t.T/Echo"


class UnixDialer:
    def __init__(self, path: Path, wire: Wire) -> None:
        self.endpoint = Endpoint(name=NodeName("n"), address=f"unix://{path}", wire=wire)
        self._path = path

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_unix_connection(factory, str(self._path))
        return transport


class Echo:
    def services(self) -> Mapping[str, Handler]:
        return {ECHO: self._echo}

    async def _echo(self, call: Call) -> None:
        while (message := await call.receive()) is not None:
            await call.send(message)


class Recorder(asyncio.Protocol):
    def __init__(self) -> None:
        self.calls: list[str] = []
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.calls.append("made")

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("lost")

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")


# ---------------------------------------------------------------- the transport


async def test_writes_are_joined_up_to_a_message() -> None:
    tunnel = Tunnel(Recorder())
    tunnel.write(b"a")
    tunnel.write(bytearray(b"b"))
    assert await tunnel.outgoing() == b"ab"
    tunnel.write(b"x" * (1 << 20))
    tunnel.write(b"y")
    assert await tunnel.outgoing() == b"x" * (1 << 20)
    assert await tunnel.outgoing() == b"y"


async def test_a_slow_peer_pauses_the_protocol() -> None:
    protocol = Recorder()
    tunnel = Tunnel(protocol)
    for _ in range(3):
        tunnel.write(b"x" * (1 << 20))
    assert protocol.calls == ["made", "pause"]
    await tunnel.outgoing()
    await tunnel.outgoing()
    assert protocol.calls == ["made", "pause"]
    await tunnel.outgoing()
    assert protocol.calls == ["made", "pause", "resume"]


async def test_closing_sends_what_is_queued() -> None:
    tunnel = Tunnel(Recorder())
    tunnel.write(b"last")
    tunnel.close()
    tunnel.write(b"too late")
    assert tunnel.is_closing()
    assert await tunnel.outgoing() == b"last"
    assert await tunnel.outgoing() is None


async def test_waiting_ends_with_the_close() -> None:
    tunnel = Tunnel(Recorder())
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(tunnel.outgoing())
        await asyncio.sleep(0)
        tunnel.abort()
    assert waiting.result() is None


async def test_aborting_drops_what_is_queued() -> None:
    tunnel = Tunnel(Recorder())
    tunnel.write(b"never")
    tunnel.abort()
    assert await tunnel.outgoing() is None


async def test_loss_is_told_once_and_then_nothing_comes() -> None:
    protocol = Recorder()
    tunnel = Tunnel(protocol)
    tunnel.incoming(b"before")
    tunnel.lose()
    tunnel.lose()
    tunnel.incoming(b"after")
    assert (protocol.calls, protocol.received) == (["made", "lost"], b"before")
    assert tunnel.get_extra_info("socket") is None


# ---------------------------------------------------------------- through a daemon


async def test_buildkitd_carries_a_session_in_a_call(tmp_path: Path) -> None:
    session = Session([Echo()], shared_key="key")
    channel = WireChannel(UnixDialer(tmp_path / "s", Wire.BUILDKIT))
    opened = asyncio.Event()
    async with FakeBuildkitd(tmp_path / "s") as daemon, asyncio.TaskGroup() as group:
        carrying = group.create_task(serve(session, channel, opened))
        await opened.wait()
        assert session.is_open
        peer = await daemon.session(session.id)
        assert peer.shared_key == "key"
        assert peer.methods == (ECHO,)
        big = [b"x" * (3 << 20), b"y"]
        assert await peer.call(ECHO, big) == big
        await session.aclose()
        async with asyncio.timeout(5):
            await carrying
        channel.close()
        assert not session.is_open


async def test_a_daemon_that_goes_away_ends_the_tunnel(tmp_path: Path) -> None:
    session = Session([Echo()], shared_key="")
    channel = WireChannel(UnixDialer(tmp_path / "s", Wire.BUILDKIT))
    async with FakeBuildkitd(tmp_path / "s") as daemon, asyncio.TaskGroup() as group:
        carrying = group.create_task(serve(session, channel, opened := asyncio.Event()))
        await opened.wait()
        await daemon.session(session.id)
        await daemon.kill()
        async with asyncio.timeout(5):
            await carrying
        channel.close()
    assert not session.is_open


async def test_a_tunnel_that_cannot_open_says_so_by_ending(tmp_path: Path) -> None:
    session = Session([Echo()], shared_key="")
    channel = WireChannel(UnixDialer(tmp_path / "nowhere", Wire.BUILDKIT))
    await serve(session, channel, opened := asyncio.Event())
    assert opened.is_set()
    assert not session.is_open


async def test_dockerd_upgrades_a_connection_for_a_session(tmp_path: Path) -> None:
    session = Session([Echo()], shared_key="key")
    async with FakeBuildkitd(tmp_path / "s", wire=Wire.DOCKER) as daemon:
        transport = await attach(session, UnixDialer(tmp_path / "s", Wire.DOCKER))
        peer = await daemon.session(session.id)
        assert await peer.call(ECHO, [b"hello"]) == [b"hello"]
        await session.aclose()
        assert transport.is_closing()


async def test_a_daemon_without_sessions_is_an_error(tmp_path: Path) -> None:
    session = Session([Echo()], shared_key="")
    async with FakeBuildkitd(tmp_path / "s", wire=Wire.BUILDKIT):
        with pytest.raises(NodeError):
            await attach(session, UnixDialer(tmp_path / "s", Wire.DOCKER))
