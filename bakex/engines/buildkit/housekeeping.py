"""A daemon's build cache and build history: looked at, and cut back.

Source: buildkit api/services/control (DiskUsage, Prune, ListenBuildHistory, UpdateBuildHistory);
containerd api/services/content (Read), which the daemon serves for what its history refers to.
"""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from grpclib.const import Status

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit.status import StatusFold
from bakex.engines.buildkit.transport import RpcError
from bakex.errors import CapabilityError, NodeError, UsageError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.oci.verified import Verifier

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    from google.protobuf.timestamp_pb2 import Timestamp

    from bakex.engines.buildkit.transport import Connection
    from bakex.events import EventSink
    from bakex.interfaces import Clock
    from bakex.model.node import NodeName
    from bakex.model.plan import CellId
    from bakex.model.upkeep import HistoryBlob, HistoryRecord, Pruning, UsageRecord

_CONTROL: Final = "/moby.buildkit.v1.Control/"
_READ: Final = "/containerd.services.content.v1.Content/Read"
_QUICK_S: Final = 60.0  # adding up the sizes of a large cache takes a while
_NANO: Final = 10**9
_DELETED: Final = 2


class Housekeeping:
    """The cache and the history of one daemon."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._node = connection.endpoint.name

    @property
    def node(self) -> NodeName:
        """The daemon's name."""
        return self._node

    async def usage(self, filters: Sequence[str] = ()) -> list[UsageRecord]:
        """Return what is in the cache, as the daemon orders it.

        Raises:
            NodeError: The daemon refused, cannot be reached or was lost.
        """
        try:
            reply = await self._connection.unary(
                _CONTROL + "DiskUsage",
                pb.DiskUsageRequest(filter=filters),
                pb.DiskUsageResponse,
                timeout_s=_QUICK_S,
            )
        except RpcError as error:
            raise self._refused(error, "tell its disk usage") from None
        return [self._usage(record) for record in reply.record]

    async def prune(self, pruning: Pruning) -> AsyncGenerator[UsageRecord, None]:
        """Remove results from the cache, and yield each one that is gone.

        Raises:
            NodeError: The daemon refused, cannot be reached or was lost.

        Closing the iterator stops it; what was removed by then stays removed.
        """
        request = pb.PruneRequest(
            filter=pruning.filters,
            all=pruning.all,
            keep_duration=int(pruning.unused_for_s * _NANO),
            reserved_space=pruning.reserved,
            max_used_space=pruning.max_used,
            min_free_space=pruning.min_free,
        )
        replies = self._connection.replies(_CONTROL + "Prune", request, pb.UsageRecord)
        try:
            async with aclosing(replies) as stream:
                async for record in stream:
                    yield self._usage(record)
        except RpcError as error:
            raise self._refused(error, "prune its cache") from None

    async def history(self, ref: str = "") -> list[HistoryRecord]:
        """Return the builds that the daemon remembers, oldest first.

        Args:
            ref: Only that build.

        Raises:
            CapabilityError: It keeps no history.
            NodeError: The daemon refused, cannot be reached or was lost.
        """
        request = pb.BuildHistoryRequest(ref=ref, early_exit=True)
        replies = self._connection.replies(
            _CONTROL + "ListenBuildHistory", request, pb.BuildHistoryEvent
        )
        found: dict[str, HistoryRecord] = {}
        try:
            async with aclosing(replies) as stream:
                async for event in stream:
                    found.pop(event.record.ref, None)
                    if event.type != _DELETED:
                        found[event.record.ref] = self._record(event.record)
        except RpcError as error:
            if error.status is Status.NOT_FOUND:
                return []
            raise self._refused(error, "tell its build history") from None
        first = datetime.min.replace(tzinfo=UTC)
        return sorted(found.values(), key=lambda record: record.created or first)

    async def forget(self, ref: str) -> None:
        """Remove a build from the history, with its logs and attestations.

        Raises:
            UsageError: There is no such build, or it still runs.
            NodeError: The daemon refused, cannot be reached or was lost.
        """
        request = pb.UpdateBuildHistoryRequest(ref=ref, delete=True)
        try:
            await self._connection.unary(
                _CONTROL + "UpdateBuildHistory", request, pb.Empty, timeout_s=_QUICK_S
            )
        except RpcError as error:
            if error.status is Status.NOT_FOUND:
                raise UsageError(f"{self._node} has no build {ref}") from None
            raise self._refused(error, f"remove the build {ref}") from None

    async def replay(self, ref: str, cell: CellId, events: EventSink) -> None:
        """Emit once more what happened in a build; follows one that still runs to its end.

        Raises:
            NodeError: The daemon refused, cannot be reached or was lost.
        """
        fold = StatusFold(cell, dockerfile="Dockerfile", clock=self._clock, events=events)
        replies = self._connection.replies(
            _CONTROL + "Status", pb.StatusRequest(ref=ref), pb.StatusResponse
        )
        try:
            async with aclosing(replies) as stream:
                async for reply in stream:
                    fold.apply(reply)
        except RpcError as error:
            raise self._refused(error, f"show the logs of {ref}") from None

    async def content(self, blob: HistoryBlob) -> AsyncGenerator[bytes, None]:
        """Yield content that belongs to a build's record, verified.

        Raises:
            ContentError: It is not what the record says.
            NodeError: The daemon refused, cannot be reached or was lost.
        """
        digest = Digest.parse(blob.digest)
        verifier = Verifier(Descriptor(media_type=blob.media_type, digest=digest, size=blob.size))
        replies = self._connection.replies(
            _READ, pb.ContentReadRequest(digest=blob.digest), pb.ContentReadResponse
        )
        try:
            async with aclosing(replies) as stream:
                async for reply in stream:
                    verifier.update(reply.data)
                    yield reply.data
        except RpcError as error:
            raise self._refused(error, f"hand over {blob.digest}") from None
        verifier.finish()

    def _refused(self, error: RpcError, what: str) -> NodeError:
        if error.status is Status.UNIMPLEMENTED:
            return CapabilityError(
                f"{self._node} cannot {what}",
                detail="Its BuildKit does not have this call.",
                hint="use a newer daemon",
            )
        return NodeError(f"{self._node} did not {what}", detail=f"{error.message}.")

    def _usage(self, record: pb.UsageRecord) -> UsageRecord:
        from bakex.model.upkeep import UsageRecord  # noqa: PLC0415 - start-up budget

        return UsageRecord(
            node=self._node,
            id=record.id,
            size=record.size,
            kind=record.record_type,
            description=record.description,
            in_use=record.in_use,
            mutable=record.mutable,
            shared=record.shared,
            created=_time(record.created_at) if record.HasField("created_at") else None,
            last_used=_time(record.last_used_at) if record.HasField("last_used_at") else None,
            used=record.usage_count,
            parents=tuple(record.parents),
        )

    def _record(self, record: pb.BuildHistoryRecord) -> HistoryRecord:
        from bakex.model.upkeep import HistoryRecord  # noqa: PLC0415 - start-up budget

        return HistoryRecord(
            node=self._node,
            ref=record.ref,
            frontend=record.frontend,
            frontend_attrs=dict(sorted(record.frontend_attrs.items())),
            exporters=tuple(exporter.type for exporter in record.exporters),
            response=dict(sorted(record.exporter_response.items())),
            error=record.error.message if record.HasField("error") else "",
            created=_time(record.created_at) if record.HasField("created_at") else None,
            completed=_time(record.completed_at) if record.HasField("completed_at") else None,
            steps=record.num_total_steps,
            steps_completed=record.num_completed_steps,
            steps_cached=record.num_cached_steps,
            warnings=record.num_warnings,
            pinned=record.pinned,
            blobs=tuple(_blobs(record)),
        )


def _blobs(record: pb.BuildHistoryRecord) -> Generator[HistoryBlob, None, None]:
    for role, name in (("logs", "logs"), ("trace", "trace"), ("error", "external_error")):
        if record.HasField(name):
            yield _blob(role, getattr(record, name))
    for result in (record.result, *(record.results[key] for key in sorted(record.results))):
        for attestation in result.attestations:
            yield _blob("attestation", attestation)


def _blob(role: str, blob: pb.HistoryBlob) -> HistoryBlob:
    from bakex.model.upkeep import HistoryBlob  # noqa: PLC0415 - start-up budget

    return HistoryBlob(
        role=role,
        media_type=blob.media_type,
        digest=blob.digest,
        size=blob.size,
        annotations=dict(blob.annotations),
    )


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
