from __future__ import annotations

import asyncio
import inspect
from contextlib import aclosing
from typing import TYPE_CHECKING

import grpclib.exceptions
import h2.exceptions
import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit.transport import Connection, RpcError, decode, translated
from bakex.errors import BakexError, DialError, NodeError, NodeLostError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.testing.buildkitd import failure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from bakex.testing.buildkitd import Build, FakeBuildkitd
    from tests.unit.engines.buildkit.conftest import UnixDialer

ENDPOINT = Endpoint(name=NodeName("n"), address="unix:///s", wire=Wire.BUILDKIT)
CONTROL = "/moby.buildkit.v1.Control/"


@pytest.fixture
async def connection(dialer: UnixDialer) -> AsyncIterator[Connection]:
    found = Connection(dialer)
    yield found
    found.close()


def solve(**fields: object) -> pb.SolveRequest:
    return pb.SolveRequest(ref="r", frontend="f", cache=pb.CacheOptions(), **fields)  # type: ignore[arg-type]


async def test_one_connection_carries_all_calls(
    daemon: FakeBuildkitd, connection: Connection, dialer: UnixDialer
) -> None:
    for _ in range(3):
        reply = await connection.unary(
            CONTROL + "ListWorkers", pb.ListWorkersRequest(), pb.ListWorkersResponse
        )
        assert reply.record == daemon.workers
    assert dialer.dialled == 1


async def test_dockerd_is_upgraded(dockerd: FakeBuildkitd, docker_dialer: UnixDialer) -> None:
    connection = Connection(docker_dialer)
    reply = await connection.unary(
        CONTROL + "ListWorkers", pb.ListWorkersRequest(), pb.ListWorkersResponse
    )
    assert reply.record == dockerd.workers
    connection.close()
    connection.close()


async def test_a_failed_call_keeps_text_and_details(
    daemon: FakeBuildkitd, connection: Connection
) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        raise failure("nein: ü", details={"errdefs.Vertex": b'{"digest":"sha256:1"}'})

    daemon.script = script
    with pytest.raises(RpcError) as caught:
        await connection.unary(CONTROL + "Solve", solve(), pb.SolveResponse)
    assert caught.value.status is Status.UNKNOWN
    assert caught.value.message == "nein: ü"
    assert pb.Status.FromString(caught.value.details).details[0].value == b'{"digest":"sha256:1"}'
    assert str(caught.value) == "UNKNOWN: nein: ü"


async def test_replies_stream_and_can_be_closed_early(
    daemon: FakeBuildkitd, connection: Connection
) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        for name in ("a", "b"):
            build.emit(pb.StatusResponse(vertexes=[pb.Vertex(name=name)]))
        await asyncio.Event().wait()
        return {}

    daemon.script = script
    async with asyncio.TaskGroup() as group:
        task = group.create_task(connection.unary(CONTROL + "Solve", solve(), pb.SolveResponse))
        replies = connection.replies(
            CONTROL + "Status", pb.StatusRequest(ref="r"), pb.StatusResponse
        )
        async with aclosing(replies) as stream:
            names = [(await anext(stream)).vertexes[0].name for _ in range(2)]
        task.cancel()
    assert names == ["a", "b"]


async def test_a_refused_connection_stays_a_dial_error(connection: Connection) -> None:
    with pytest.raises(DialError):
        await connection.unary(CONTROL + "Info", pb.InfoRequest(), pb.InfoResponse)


async def test_a_lost_daemon_is_named_at_once(
    daemon: FakeBuildkitd, connection: Connection
) -> None:
    begun = asyncio.Event()

    async def script(build: Build) -> Mapping[str, str]:
        begun.set()
        await asyncio.Event().wait()
        return {}

    daemon.script = script

    async def call() -> None:
        with pytest.raises(NodeLostError, match=r"node .unix://") as caught:
            await connection.unary(CONTROL + "Solve", solve(), pb.SolveResponse)
        assert caught.value.transient

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(call())
        await begun.wait()
        await daemon.kill()


async def test_a_task_can_go_on_after_a_loss(daemon: FakeBuildkitd, connection: Connection) -> None:
    """grpclib leaves the task marked as being cancelled, which would break task groups."""

    async def script(build: Build) -> Mapping[str, str]:
        await daemon.kill()
        await asyncio.Event().wait()
        return {}

    daemon.script = script
    with pytest.raises(NodeLostError):
        await connection.unary(CONTROL + "Solve", solve(), pb.SolveResponse)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    with pytest.raises(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(_raise())


async def _raise() -> None:
    raise ValueError


async def test_a_silent_daemon_does_not_hold_us(
    daemon: FakeBuildkitd, connection: Connection
) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        await asyncio.Event().wait()
        return {}

    daemon.script = script
    with pytest.raises(NodeError, match="does not answer") as caught:
        await connection.unary(CONTROL + "Solve", solve(), pb.SolveResponse, timeout_s=0.05)
    assert not isinstance(caught.value, NodeLostError)


async def test_another_wire_is_an_error_of_the_node(
    dockerd: FakeBuildkitd, docker_dialer: UnixDialer, tmp_path: object
) -> None:
    docker_dialer.endpoint = Endpoint(name=NodeName("n"), address="unix:///x", wire=Wire.BUILDKIT)
    connection = Connection(docker_dialer)
    with pytest.raises(NodeError):
        await connection.unary(CONTROL + "Info", pb.InfoRequest(), pb.InfoResponse, timeout_s=0.05)
    connection.close()


def test_malformed_messages_are_errors_of_the_node() -> None:
    with pytest.raises(NodeError, match="malformed StatusResponse"):
        decode(pb.StatusResponse, b"\xff\xff\xff", ENDPOINT)


# ---------------------------------------------------------------- the map of exceptions

ANSWERS = [
    (GRPCError(Status.UNKNOWN, "no"), RpcError),
    (GRPCError(Status.NOT_FOUND), RpcError),
    (GRPCError(Status.UNAVAILABLE, "shutting down"), NodeLostError),
    (GRPCError(Status.UNKNOWN, "Received :status = '400'"), NodeError),
    (GRPCError(Status.UNKNOWN, "Invalid content-type: 'text/html'"), NodeError),
    (GRPCError(Status.UNKNOWN, "Missing grpc-status header"), NodeError),
    (GRPCError(Status.UNKNOWN, "malformed header: missing HTTP content-type"), RpcError),
]
LOSSES: list[Exception] = [
    StreamTerminatedError("Connection lost"),
    ProtocolError("bug"),
    h2.exceptions.StreamClosedError(1),
    h2.exceptions.NoAvailableStreamIDError(),
    ConnectionResetError(104, "reset"),
    BrokenPipeError(32, "pipe"),
    AssertionError("Received less data than expected"),
    AttributeError("_transport"),
    NotImplementedError("Compression not implemented"),
]


@pytest.mark.parametrize(("error", "expected"), ANSWERS)
async def test_answers(error: GRPCError, expected: type[Exception]) -> None:
    with pytest.raises(expected) as caught, translated(ENDPOINT):
        raise error
    assert type(caught.value) is expected


@pytest.mark.parametrize("error", LOSSES, ids=lambda error: type(error).__name__)
async def test_losses(error: Exception) -> None:
    with pytest.raises(NodeLostError, match="unix:///s"), translated(ENDPOINT):
        raise error


async def test_time_that_has_run_out() -> None:
    with pytest.raises(NodeError, match="does not answer"), translated(ENDPOINT):
        raise TimeoutError


async def test_what_is_ours_passes() -> None:
    for error in (DialError("x"), asyncio.CancelledError(), KeyError("bug")):
        with pytest.raises(type(error)), translated(ENDPOINT):
            raise error


async def test_two_cancellations_at_once_are_one_cancellation() -> None:
    async def both() -> None:
        task = asyncio.current_task()
        assert task is not None
        with translated(ENDPOINT):
            task.cancel()
            task.cancel()
            raise StreamTerminatedError("lost")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(both())
    assert task.cancelled()


def test_every_exception_of_the_libraries_is_known() -> None:
    ours = {type(error) for error in [*LOSSES, *(error for error, _ in ANSWERS)]}
    for module in (grpclib.exceptions, h2.exceptions):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception) and kind.__module__ == module.__name__:
                covered = issubclass(kind, (*ours, h2.exceptions.H2Error))
                assert covered, f"{kind} is not translated"


async def test_the_details_of_an_unknown_status_do_not_matter() -> None:
    with pytest.raises(RpcError) as caught, translated(ENDPOINT):
        raise GRPCError(Status.ABORTED, None, None)
    assert (caught.value.message, caught.value.details) == ("", b"")
    assert not isinstance(caught.value, BakexError)
