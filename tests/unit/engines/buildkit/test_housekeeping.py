from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpclib.const import Status

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit.housekeeping import Housekeeping
from bakex.engines.buildkit.transport import Connection, RpcError
from bakex.errors import CapabilityError, DigestMismatchError, NodeError, UsageError
from bakex.events import LogWritten
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.model.upkeep import HistoryBlob, Pruning
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import EventRecorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Calls:
    """A connection with prepared answers; keeps what was asked."""

    def __init__(self, *answers: Any, error: RpcError | None = None) -> None:
        self.endpoint = Endpoint(name=NodeName("n"), address="unix:///s", wire=Wire.BUILDKIT)
        self.answers = answers
        self.error = error
        self.asked: list[tuple[str, Any]] = []

    async def unary(self, method: str, request: Any, reply: Any, **_: Any) -> Any:
        self.asked.append((method.rpartition("/")[2], request))
        if self.error:
            raise self.error
        return self.answers[0]

    async def replies(self, method: str, request: Any, reply: Any, **_: Any) -> AsyncIterator[Any]:
        self.asked.append((method.rpartition("/")[2], request))
        for answer in self.answers:
            yield answer
        if self.error:
            raise self.error


def keeper(calls: Calls) -> Housekeeping:
    return Housekeeping(cast("Connection", calls), ManualClock())


def at(second: int) -> Timestamp:
    return Timestamp(seconds=second)


async def test_usage() -> None:
    record = pb.UsageRecord(
        id="x", size=7, record_type="regular", description="d", in_use=True, mutable=True,
        shared=True, usage_count=3, created_at=at(5), parents=["p"],
    )  # fmt: skip
    calls = Calls(pb.DiskUsageResponse(record=[record]))
    (found,) = await keeper(calls).usage(["type==regular"])
    assert calls.asked == [("DiskUsage", pb.DiskUsageRequest(filter=["type==regular"]))]
    assert (found.id, found.node, found.size, found.kind, found.used) == ("x", "n", 7, "regular", 3)
    assert found.in_use
    assert found.mutable
    assert found.shared
    assert found.created == datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
    assert found.last_used is None
    assert found.parents == ("p",)


async def test_pruning() -> None:
    calls = Calls(pb.UsageRecord(id="a"), pb.UsageRecord(id="b"))
    pruning = Pruning(
        filters=("id~=a",), all=True, unused_for_s=1.5, reserved=1, max_used=2, min_free=3
    )
    assert [record.id async for record in keeper(calls).prune(pruning)] == ["a", "b"]
    ((_, request),) = calls.asked
    assert request == pb.PruneRequest(
        filter=["id~=a"], all=True, keep_duration=1_500_000_000, reserved_space=1,
        max_used_space=2, min_free_space=3,
    )  # fmt: skip


async def test_history() -> None:
    blob = pb.HistoryBlob(media_type="m", digest="sha256:1", size=2, annotations={"k": "v"})
    done = pb.BuildHistoryRecord(
        ref="b", frontend="f", frontend_attrs={"target": "t"}, created_at=at(10),
        completed_at=at(15), exporters=[pb.Exporter(type="image")], num_total_steps=3,
        num_completed_steps=2, num_cached_steps=1, num_warnings=4, pinned=True, logs=blob,
        external_error=blob, result=pb.BuildResultInfo(attestations=[blob]),
        results={"linux/amd64": pb.BuildResultInfo(attestations=[blob])},
        error=pb.Status(message="it broke"),
    )  # fmt: skip
    calls = Calls(
        pb.BuildHistoryEvent(type=1, record=done),
        pb.BuildHistoryEvent(type=0, record=pb.BuildHistoryRecord(ref="a", created_at=at(1))),
        pb.BuildHistoryEvent(type=0, record=pb.BuildHistoryRecord(ref="gone")),
        pb.BuildHistoryEvent(type=2, record=pb.BuildHistoryRecord(ref="gone")),
    )
    running, found = await keeper(calls).history("r")
    assert calls.asked == [("ListenBuildHistory", pb.BuildHistoryRequest(ref="r", early_exit=True))]
    assert (running.ref, running.status, running.duration) == ("a", "running", None)
    assert (found.status, found.error, found.exporters) == ("failed", "it broke", ("image",))
    assert found.duration is not None
    assert found.duration.total_seconds() == 5
    assert (found.steps, found.steps_completed, found.steps_cached, found.warnings) == (3, 2, 1, 4)
    assert [b.role for b in found.blobs] == ["logs", "error", "attestation", "attestation"]
    assert found.blobs[0].annotations == {"k": "v"}
    assert found.pinned


async def test_a_build_that_is_not_there() -> None:
    missing = RpcError(Status.NOT_FOUND, "no such")
    assert await keeper(Calls(error=missing)).history("x") == []
    with pytest.raises(UsageError, match="has no build x"):
        await keeper(Calls(error=missing)).forget("x")


async def test_forgetting() -> None:
    calls = Calls(pb.Empty())
    await keeper(calls).forget("x")
    assert calls.asked == [
        ("UpdateBuildHistory", pb.UpdateBuildHistoryRequest(ref="x", delete=True))
    ]


async def test_replaying() -> None:
    events = EventRecorder()
    log = pb.VertexLog(vertex="v", stream=1, msg=b"hello")
    cell = CellId("app", Platform.parse("linux/amd64"))
    await keeper(Calls(pb.StatusResponse(logs=[log]))).replay("x", cell, events)
    (event,) = events.events
    assert isinstance(event, LogWritten)
    assert event.data == b"hello"


async def test_content_is_verified() -> None:
    digest = f"sha256:{hashlib.sha256(b'hello').hexdigest()}"
    blob = HistoryBlob(role="logs", media_type="m", digest=digest, size=5)
    calls = Calls(pb.ContentReadResponse(data=b"hel"), pb.ContentReadResponse(data=b"lo"))
    assert b"".join([chunk async for chunk in keeper(calls).content(blob)]) == b"hello"
    with pytest.raises(DigestMismatchError):
        async for _ in keeper(Calls(pb.ContentReadResponse(data=b"olleh"))).content(blob):
            pass


async def test_what_a_daemon_refuses() -> None:
    old, refused = RpcError(Status.UNIMPLEMENTED, "?"), RpcError(Status.UNKNOWN, "no")
    cell = CellId("app", Platform.parse("linux/amd64"))
    blob = HistoryBlob(role="logs", media_type="m", digest=f"sha256:{'0' * 64}", size=5)
    for error, kind in ((old, CapabilityError), (refused, NodeError)):
        housekeeper = keeper(Calls(error=error))
        assert housekeeper.node == "n"
        with pytest.raises(kind, match="tell its disk usage"):
            await housekeeper.usage()
        with pytest.raises(kind, match="prune"):
            [record async for record in housekeeper.prune(Pruning())]
        with pytest.raises(kind, match="history"):
            await housekeeper.history()
        with pytest.raises(kind, match="remove the build"):
            await housekeeper.forget("x")
        with pytest.raises(kind, match="show the logs"):
            await housekeeper.replay("x", cell, EventRecorder())
        with pytest.raises(kind, match="hand over"):
            [chunk async for chunk in housekeeper.content(blob)]
