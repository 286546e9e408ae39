from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from bakex.diagnostics import Diagnostic, Span
from bakex.events import StepChanged, WarningRaised
from bakex.model.node import Speed
from bakex.progress.delivery import LogsDropped, Notice
from bakex.progress.rawjson import RawJson
from tests.unit.progress.conftest import AMD, ARM, Teller, cell_id, moment

if TYPE_CHECKING:
    from bakex.events import Event
    from bakex.progress.delivery import Delivery


def documents(*deliveries: Delivery) -> list[Any]:
    out = io.StringIO()
    display = RawJson(out)
    for delivery in deliveries:
        display.update([delivery])
    display.close()
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_vertex(tell: Teller) -> None:
    assert documents(tell.step(AMD, "sha256:d", "[2/3] RUN make", started=0.25, completed=3)) == [
        {
            "vertexes": [
                {
                    "digest": "sha256:d",
                    "name": "[app linux/amd64 2/3] RUN make",
                    "started": "2026-01-01T00:00:00.25Z",
                    "completed": "2026-01-01T00:00:03Z",
                }
            ]
        }
    ]


def test_a_vertex_that_runs_a_program_says_how(tell: Teller) -> None:
    event = tell.step(AMD, "d", "x", started=0, completed=1)
    assert isinstance(event, StepChanged)
    (found,) = documents(replace(event, speed=Speed.EMULATED))
    assert found["vertexes"][0]["bakex.speed"] == "emulated"


def test_cached_and_failed_vertexes(tell: Teller) -> None:
    (first,) = documents(tell.step(AMD, "d", "x", started=0, completed=0, cached=True))
    (second,) = documents(tell.step(AMD, "d", "x", error="exit 1"))
    assert first["vertexes"][0]["cached"] is True
    assert second["vertexes"][0]["error"] == "exit 1"


def test_statuses_have_current_even_if_it_is_zero(tell: Teller) -> None:
    assert documents(tell.move(AMD, "d", "ctx", 0, started=None)) == [
        {
            "statuses": [
                {"id": "ctx", "vertex": "d", "current": 0, "timestamp": "2026-01-01T00:00:00Z"}
            ]
        }
    ]
    (full,) = documents(tell.at(2).move(AMD, "d", "ctx", 3, 9, started=1, completed=2))
    assert full["statuses"][0] == {
        "id": "ctx",
        "vertex": "d",
        "total": 9,
        "current": 3,
        "timestamp": "2026-01-01T00:00:02Z",
        "started": "2026-01-01T00:00:01Z",
        "completed": "2026-01-01T00:00:02Z",
    }


def test_logs_are_bytes(tell: Teller) -> None:
    data = b"\x1b[31m\xff\x00"
    assert documents(tell.log(AMD, "d", data)) == [
        {
            "logs": [
                {
                    "vertex": "d",
                    "stream": 1,
                    "data": base64.b64encode(data).decode(),
                    "timestamp": "2026-01-01T00:00:00Z",
                }
            ]
        }
    ]


def test_warnings() -> None:
    diagnostic = Diagnostic(
        code="BX4090",
        summary="stage name",
        detail="It is odd.",
        hint="see https://example.org",
        span=Span("Dockerfile", 3, end_line=4),
        source="FROM x",
        severity="warning",
    )
    event = WarningRaised(at=moment(0), cell=cell_id(AMD), step="d", diagnostic=diagnostic)

    def encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    assert documents(event, event) == [
        {
            "warnings": [
                {
                    "vertex": "d",
                    "level": 1,
                    "short": encoded("stage name"),
                    "detail": [encoded("It is odd."), encoded("see https://example.org")],
                    "sourceInfo": {"filename": "Dockerfile", "data": encoded("FROM x")},
                    "range": [{"start": {"line": 3}, "end": {"line": 4}}],
                }
            ]
        }
    ]


def test_what_buildkit_has_no_word_for_is_left_out(tell: Teller) -> None:
    others: list[Delivery] = [
        tell.node(),
        tell.plan(AMD),
        tell.start(AMD),
        tell.finish(AMD),
        tell.published("app", "x"),
        tell.end(),
        Notice(text="stopping"),
        LogsDropped(cell=cell_id(AMD), step="d", count=1),
    ]
    assert documents(*others) == []


def test_what_cells_share_comes_once(story: list[Event], tell: Teller) -> None:
    found = documents(*story)
    assert all(len(document) == 1 for document in found)
    assert sum("warnings" in document for document in found) == 1
    assert sum("statuses" in document for document in found) == 2
    again = [tell.step(cell, "d", "x", started=0, completed=1) for cell in (AMD, AMD)]
    assert len(documents(*again)) == 1
    logs = [tell.log(AMD, "d", b"same"), tell.log(ARM, "d", b"same")]
    assert len(documents(*logs)) == 1


def test_times_are_utc_whatever_they_were(tell: Teller) -> None:
    zone = timezone(timedelta(hours=2))
    event = WarningRaised(
        at=datetime(2026, 1, 1, 2, tzinfo=zone),
        cell=None,
        diagnostic=Diagnostic(code="BX1", summary="s"),
    )
    assert documents(event) == [
        {"warnings": [{"level": 1, "short": base64.b64encode(b"s").decode()}]}
    ]
