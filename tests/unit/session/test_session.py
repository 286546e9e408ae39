from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
from grpclib.const import Status as GrpcStatus
from grpclib.exceptions import GRPCError, StreamTerminatedError

from bakex.errors import ConfigError, SessionError
from bakex.session.attachable import CallError, Status
from bakex.session.session import Session
from bakex.testing.buildkit_peer import Peer, peer_protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from bakex.session.attachable import Call, Handler, Metadata

ECHO, FAIL, HANG, BATCH = "/t.T/Echo", "/t.T/Fail", "/t.T/Hang", "/t.T/Batch"


class Service:
    """Echoes, fails and hangs."""

    def __init__(self) -> None:
        self.metadata: Metadata | None = None
        self.error: Exception = CallError(Status.NOT_FOUND, "no such thing")
        self.hanging = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.stubborn = False
        self.batches: list[int] = []

    def services(self) -> Mapping[str, Handler]:
        return {ECHO: self._echo, FAIL: self._fail, HANG: self._hang, BATCH: self._batch}

    async def _echo(self, call: Call) -> None:
        self.metadata = call.metadata
        while (message := await call.receive()) is not None:
            await call.send(message)

    async def _batch(self, call: Call) -> None:
        while messages := await call.receive_some():
            self.batches.append(len(messages))
            await call.send_all(messages)

    async def _fail(self, call: Call) -> None:
        await call.receive()
        raise self.error

    async def _hang(self, call: Call) -> None:
        self.hanging.set()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                if not self.stubborn:
                    raise self.error from None
                self.stubborn = False


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def session(service: Service) -> AsyncIterator[Session]:
    found = Session([service], shared_key="ctx:user")
    yield found
    await found.aclose()


@pytest.fixture
async def peer(session: Session) -> AsyncIterator[Peer]:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    lost = asyncio.Event()
    _, _ = await loop.create_connection(session.protocol, sock=ours)
    transport, protocol = await loop.create_connection(lambda: peer_protocol(lost.set), sock=theirs)
    methods = tuple(value for name, value in session.headers() if name.endswith("Method"))
    yield Peer(session.id, "", methods, protocol)
    transport.close()
    async with asyncio.timeout(5):
        await lost.wait()


def test_the_headers_say_who_it_is_and_what_it_offers(session: Session) -> None:
    assert session.headers() == [
        ("X-Docker-Expose-Session-Uuid", session.id),
        ("X-Docker-Expose-Session-Sharedkey", "ctx:user"),
        *[("X-Docker-Expose-Session-Grpc-Method", name) for name in (ECHO, FAIL, HANG, BATCH)],
    ]


def test_ids_are_long_and_never_the_same() -> None:
    ids = {Session([], shared_key="").id for _ in range(50)}
    assert len(ids) == 50
    assert all(len(name) == 32 for name in ids)


def test_an_empty_key_is_left_out_and_others_are_made_printable() -> None:
    assert [name for name, _ in Session([], shared_key="").headers()] == [
        "X-Docker-Expose-Session-Uuid"
    ]
    key = dict(Session([], shared_key="b\r\nX: ü").headers())["X-Docker-Expose-Session-Sharedkey"]
    assert key == "b__X: _"


async def test_messages_and_metadata_go_both_ways(peer: Peer, service: Service) -> None:
    metadata = [("exclude-patterns", "a"), ("exclude-patterns", "b"), ("exclude-patterns", "a")]
    big = b"x" * 300_000
    assert await peer.call(ECHO, [b"one", b"", big], metadata) == [b"one", b"", big]
    assert service.metadata is not None
    assert service.metadata.values("exclude-patterns") == ["a", "b", "a"]


async def test_a_status_of_a_service_reaches_the_daemon(peer: Peer, session: Session) -> None:
    with pytest.raises(GRPCError) as caught:
        await peer.call(FAIL, [b""])
    assert (caught.value.status, caught.value.message) == (GrpcStatus.NOT_FOUND, "no such thing")
    assert session.failure is None


async def test_the_cause_of_a_status_is_remembered(
    peer: Peer, session: Session, service: Service
) -> None:
    cause = SessionError("the disk is on fire")
    service.error = CallError(Status.INTERNAL, cause.summary)
    service.error.__cause__ = cause
    with pytest.raises(GRPCError, match="the disk is on fire"):
        await peer.call(FAIL, [b""])
    assert session.failure is cause


async def test_an_error_of_ours_is_remembered_and_told(
    peer: Peer, session: Session, service: Service
) -> None:
    first = service.error = ConfigError("config.json is malformed")
    with pytest.raises(GRPCError) as caught:
        await peer.call(FAIL, [b""])
    assert caught.value.status is GrpcStatus.INTERNAL
    service.error = ConfigError("another one")
    with pytest.raises(GRPCError, match="another one"):
        await peer.call(FAIL, [b""])
    assert session.failure is first


async def test_a_bug_in_a_service_ends_one_call_and_no_more(peer: Peer, service: Service) -> None:
    service.error = KeyError("s3cret")
    with pytest.raises(GRPCError) as caught:
        await peer.call(FAIL, [b""])
    assert caught.value.message == "KeyError in the client"
    assert await peer.call(ECHO, [b"still there"]) == [b"still there"]


async def test_an_unknown_method_is_unimplemented(peer: Peer) -> None:
    with pytest.raises(GRPCError) as caught:
        await peer.call_anyway("/t.T/Nope", [b""])
    assert caught.value.status is GrpcStatus.UNIMPLEMENTED


async def test_messages_are_taken_together(peer: Peer, service: Service) -> None:
    sent = [bytes((n % 251,)) * (n * 7 % 300) for n in range(2000)]
    sent[1000:1000] = [b"x" * 3_000_000, b""]
    assert await peer.call(BATCH, sent) == sent
    assert sum(service.batches) == len(sent)
    assert len(service.batches) < 500


@pytest.mark.parametrize("method", [ECHO, BATCH])
@pytest.mark.parametrize(
    "data",
    [
        b"\x01\x00\x00\x00\x01x",  # compressed
        b"\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01x",  # compressed, after one that is not
        b"\x00\x00\x00\x00\x02x",  # longer than the stream
        b"\x00\x00\x00\x00\x00\x00\x00",  # ends within a prefix
    ],
)
async def test_a_malformed_message_is_refused(peer: Peer, method: str, data: bytes) -> None:
    with pytest.raises(GRPCError, match="malformed message"):
        await _send_raw(peer, method, data)


async def _send_raw(peer: Peer, method: str, data: bytes) -> None:
    async with peer.open(method) as stream:
        await stream.send_request()
        await stream._stream.send_data(data, end_stream=True)
        stream._end_done = True
        while await stream.recv_message() is not None:
            pass


async def test_a_call_that_was_given_up_is_not_logged(
    peer: Peer, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.error = CallError(Status.INTERNAL, "too late")
    async with peer.open(HANG) as stream:
        await stream.send_request()
        await service.hanging.wait()
        await stream.cancel()
    await service.cancelled.wait()
    assert await peer.call(ECHO, [b"x"]) == [b"x"]
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_closing_cancels_what_runs(peer: Peer, session: Session, service: Service) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_terminated(peer))
        await service.hanging.wait()
        await session.aclose()
    assert service.cancelled.is_set()
    assert not session.is_open
    await session.aclose()


async def test_closing_does_not_wait_for_ever(
    peer: Peer, session: Session, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bakex.session.session.CLOSE_S", 0.01)
    service.stubborn = True
    async with asyncio.TaskGroup() as group:
        group.create_task(_terminated(peer))
        await service.hanging.wait()
        await session.aclose()
        assert service.cancelled.is_set()
        monkeypatch.setattr("bakex.session.session.CLOSE_S", 5)
        for task in session._handler._cancelled if session._handler else ():
            task.cancel()
        await session.aclose()


async def _terminated(peer: Peer) -> None:
    with pytest.raises((StreamTerminatedError, GRPCError)):
        await peer.call(HANG, [b""])


async def test_closing_before_opening_does_nothing() -> None:
    session = Session([], shared_key="")
    assert not session.is_open
    await session.aclose()
    session.protocol()
    assert not session.is_open
    await session.aclose()
