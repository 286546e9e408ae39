from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from bakex._pb import bk_pb2 as pb
from bakex.diagnostics import Diagnostic, Span
from bakex.engines.buildkit.status import TAIL_LINES, WARNING_CODE, StatusFold, moment
from bakex.events import LogWritten, StepChanged, TransferMoved, WarningRaised
from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import EventRecorder

CELL = CellId("app", Platform.parse("linux/amd64"))
CLOCK = ManualClock()


@pytest.fixture
def recorder() -> EventRecorder:
    return EventRecorder()


@pytest.fixture
def fold(recorder: EventRecorder) -> StatusFold:
    return StatusFold(CELL, dockerfile="sub/Dockerfile", clock=CLOCK, events=recorder)


def at(seconds: int) -> Timestamp:
    return Timestamp(seconds=seconds)


def test_steps_as_they_go_on(fold: StatusFold, recorder: EventRecorder) -> None:
    for vertex in (
        pb.Vertex(digest="d", name="RUN x", inputs=["i"]),
        pb.Vertex(digest="d", name="RUN x", started=at(1)),
        pb.Vertex(digest="d", name="RUN x", started=at(1), completed=at(2), cached=True),
    ):
        fold.apply(pb.StatusResponse(vertexes=[vertex]))
    one, two = (datetime.fromtimestamp(n, UTC) for n in (1, 2))
    common: dict[str, Any] = {"at": CLOCK.now(), "cell": CELL, "step": "d", "name": "RUN x"}
    assert recorder.events == [
        StepChanged(**common, inputs=("i",)),
        StepChanged(**common, started=one),
        StepChanged(**common, started=one, completed=two, cached=True),
    ]
    assert fold.seen
    assert fold.name("d") == "RUN x"
    assert fold.failed == ""


def test_silence_is_noticed(fold: StatusFold) -> None:
    assert not fold.seen


def test_the_first_failure_counts_and_a_stop_is_none(
    fold: StatusFold, recorder: EventRecorder
) -> None:
    errors = ["process did not complete: exit code: 137: context canceled", "boom", "later"]
    vertexes = [pb.Vertex(digest=str(n), error=error) for n, error in enumerate(errors)]
    fold.apply(pb.StatusResponse(vertexes=vertexes))
    shown = [event.error for event in recorder.events if isinstance(event, StepChanged)]
    assert shown == ["cancelled", "boom", "later"]
    assert fold.failed == "1"


def test_transfers(fold: StatusFold, recorder: EventRecorder) -> None:
    statuses = [
        pb.VertexStatus(id="sha256:1", vertex="d", current=1, total=9, started=at(1)),
        pb.VertexStatus(name="extracting", vertex="d", current=9, total=9, completed=at(2)),
    ]
    fold.apply(pb.StatusResponse(statuses=statuses))
    first, second = recorder.of(TransferMoved)
    assert isinstance(first, TransferMoved)
    assert isinstance(second, TransferMoved)
    assert (first.id, first.step, first.current, first.total) == ("sha256:1", "d", 1, 9)
    assert (first.started, first.completed) == (datetime.fromtimestamp(1, UTC), None)
    assert (second.id, second.completed) == ("extracting", datetime.fromtimestamp(2, UTC))


def test_logs_are_passed_on_and_their_end_is_kept(
    fold: StatusFold, recorder: EventRecorder
) -> None:
    for n in range(100):
        text = f"line {n}\nhalf".encode()
        fold.apply(pb.StatusResponse(logs=[pb.VertexLog(vertex="d", stream=2, msg=text)]))
    logs = recorder.of(LogWritten)
    assert logs[0] == LogWritten(
        at=CLOCK.now(), cell=CELL, step="d", stream=2, data=b"line 0\nhalf"
    )
    tail = fold.tail("d")
    assert len(tail) == TAIL_LINES
    assert tail[-2:] == ["halfline 99", "half"]
    assert fold.tail("other") == []


def test_the_kept_output_is_bounded(fold: StatusFold) -> None:
    for _ in range(50):
        log = pb.VertexLog(vertex="d", msg=b"\xff" * 10_000)
        fold.apply(pb.StatusResponse(logs=[log]))
    assert len("".join(fold.tail("d"))) <= 8 << 10


def test_warnings(fold: StatusFold, recorder: EventRecorder) -> None:
    warning = pb.VertexWarning(
        vertex="d",
        short=b"FromAsCasing: 'as' and 'FROM' keywords' casing do not match",
        detail=[b"one", b"", b"two"],
        url="https://docs/x",
        info=pb.SourceInfo(filename="Dockerfile", data=b"FROM a as b\n"),
        ranges=[pb.Range(start=pb.Position(line=1), end=pb.Position(line=1))],
    )
    fold.apply(pb.StatusResponse(warnings=[warning, pb.VertexWarning(short=b"bare")]))
    raised = [event for event in recorder.events if isinstance(event, WarningRaised)]
    assert [event.step for event in raised] == ["d", ""]
    first, second = (event.diagnostic for event in raised)
    assert first == Diagnostic(
        code=WARNING_CODE,
        summary="FromAsCasing: 'as' and 'FROM' keywords' casing do not match",
        detail="one\ntwo",
        hint="see https://docs/x",
        span=Span(file="sub/Dockerfile", line=1, end_line=1),
        source="FROM a as b\n",
        severity="warning",
    )
    assert second == Diagnostic(code=WARNING_CODE, summary="bare", severity="warning")


def test_steps_of_others_were_told_by_them(recorder: EventRecorder) -> None:
    told = frozenset({"base"})
    fold = StatusFold(CELL, dockerfile="D", clock=CLOCK, events=recorder, told=told)
    for step in ("base", "own"):
        response = pb.StatusResponse(
            vertexes=[pb.Vertex(digest=step, name=step)],
            statuses=[pb.VertexStatus(vertex=step, id="x")],
            logs=[pb.VertexLog(vertex=step, msg=b"hi")],
            warnings=[pb.VertexWarning(vertex=step)],
        )
        fold.apply(response)
    assert [type(event) for event in recorder.events] == [
        StepChanged, TransferMoved, LogWritten, WarningRaised,
    ]  # fmt: skip
    assert {event.step for event in recorder.events} == {"own"}  # type: ignore[union-attr]
    assert fold.steps == {"base", "own"}
    assert fold.seen


def test_impossible_times_are_no_times() -> None:
    assert moment(Timestamp(seconds=1 << 60)) is None
