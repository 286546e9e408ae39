"""The Status stream of one build, as events of its cell.

Rules of the stream: a vertex is sent again whenever it changes and is the same while its digest is;
logs and transfers may come before their vertex; a log chunk may end anywhere. Source: buildkit
client/graph.go, solver/progress.go.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from bakex.diagnostics import Diagnostic, Span
from bakex.events import LogWritten, StepChanged, TransferMoved, WarningRaised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from google.protobuf.timestamp_pb2 import Timestamp

    from bakex._pb import bk_pb2 as pb
    from bakex.engines.buildkit.stages import Runs
    from bakex.events import EventSink
    from bakex.interfaces import Clock
    from bakex.model.node import Speed
    from bakex.model.plan import CellId
    from bakex.model.platform import Platform

_T = TypeVar("_T")

WARNING_CODE = "BX4090"
CANCELLED = "cancelled"
_TOLERATED = "importing cache manifest"  # a cache that is not there stops no build
TAIL_LINES = 20  # of a failed step's output are shown with its error
_TAIL = 8 << 10  # bytes of output that are kept of each step


class StatusFold:
    """Emits events, and remembers what an error message needs.

    Attributes:
        seen: Whether anything has come; nothing ever does when a build fails before it starts.
    """

    def __init__(
        self,
        cell: CellId,
        *,
        dockerfile: str,
        clock: Clock,
        events: EventSink,
        told: frozenset[str] = frozenset(),
        runs: Runs | None = None,
    ) -> None:
        """Take where events go.

        Args:
            cell: Whose events they are.
            dockerfile: What to call the Dockerfile.
            clock: Dates them.
            events: Gets them.
            told: Digests of steps that another build holds and has told of: the daemon tells all
                that happened in them to every build that shares them, from the beginning.
            runs: How the node runs the steps; None if it is not known.
        """
        self.seen = False
        self._told = told
        self._cell = cell
        self._dockerfile = dockerfile
        self._clock = clock
        self._events = events
        self._names: dict[str, str] = {}
        self._tails: dict[str, bytes] = {}
        self._runs = runs
        self._failed = ""

    def apply(self, response: pb.StatusResponse) -> None:
        """Take the next message of the stream."""
        self.seen = True
        at = self._clock.now()
        for vertex in self._news(response.vertexes, lambda vertex: vertex.digest):
            self._events.emit(self._step(at, vertex))
        for status in self._news(response.statuses, lambda status: status.vertex):
            self._events.emit(self._transfer(at, status))
        for log in self._news(response.logs, lambda log: log.vertex):
            self._tails[log.vertex] = (self._tails.get(log.vertex, b"") + log.msg)[-_TAIL:]
            self._events.emit(
                LogWritten(at=at, cell=self._cell, step=log.vertex, stream=log.stream, data=log.msg)
            )
        for warning in self._news(response.warnings, lambda warning: warning.vertex):
            diagnostic = self._diagnostic(warning)
            self._events.emit(
                WarningRaised(at=at, cell=self._cell, step=warning.vertex, diagnostic=diagnostic)
            )

    def _news(self, items: Iterable[_T], step: Callable[[_T], str]) -> Iterator[_T]:
        return (item for item in items if step(item) not in self._told)

    @property
    def steps(self) -> frozenset[str]:
        """The digests of all steps that were told, here or by those that hold them."""
        return self._told | self._names.keys()

    @property
    def failed(self) -> str:
        """The digest of the step that failed first; empty if none did."""
        return self._failed

    def name(self, step: str) -> str:
        """Return the name of a step; empty if it is not known."""
        return self._names.get(step, "")

    def runs(self, step: str) -> tuple[Platform, Speed] | None:
        """Return the platform of a step and how it is run; None if that is not known."""
        return self._runs.of(self.name(step)) if self._runs is not None else None

    def tail(self, step: str) -> list[str]:
        """Return the last lines that a step wrote."""
        text = self._tails.get(step, b"").decode("utf-8", "replace")
        return text.splitlines()[-TAIL_LINES:]

    def _step(self, at: datetime, vertex: pb.Vertex) -> StepChanged:
        error = vertex.error
        if "context canceled" in error:
            error = CANCELLED
        elif error and not self._failed and not vertex.name.startswith(_TOLERATED):
            self._failed = vertex.digest
        self._names[vertex.digest] = vertex.name
        return StepChanged(
            at=at,
            cell=self._cell,
            step=vertex.digest,
            name=vertex.name,
            inputs=tuple(vertex.inputs),
            started=moment(vertex.started) if vertex.HasField("started") else None,
            completed=moment(vertex.completed) if vertex.HasField("completed") else None,
            cached=vertex.cached,
            error=error,
            speed=found[1] if (found := self.runs(vertex.digest)) else None,
        )

    def _transfer(self, at: datetime, status: pb.VertexStatus) -> TransferMoved:
        return TransferMoved(
            at=at,
            cell=self._cell,
            step=status.vertex,
            id=status.id or status.name,
            current=status.current,
            total=status.total,
            started=moment(status.started) if status.HasField("started") else None,
            completed=moment(status.completed) if status.HasField("completed") else None,
        )

    def _diagnostic(self, warning: pb.VertexWarning) -> Diagnostic:
        detail = [line.decode("utf-8", "replace").strip() for line in warning.detail]
        span = None
        if warning.ranges:
            first = warning.ranges[0]
            span = Span(
                file=self._dockerfile or warning.info.filename,
                line=first.start.line,
                end_line=first.end.line,
            )
        return Diagnostic(
            code=WARNING_CODE,
            summary=warning.short.decode("utf-8", "replace").strip(),
            detail="\n".join(line for line in detail if line),
            hint=f"see {warning.url}" if warning.url else "",
            span=span,
            source=warning.info.data.decode("utf-8", "replace"),
            severity="warning",
        )


def moment(stamp: Timestamp) -> datetime | None:
    """Return a timestamp in UTC; None if no date can hold it."""
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
