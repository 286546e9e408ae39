"""BuildKit's own status stream: one JSON object a line, field for field.

The objects are ``client.SolveStatus`` as Go encodes it (moby/buildkit client/graph.go), so tools
that read ``buildx --progress rawjson`` read this. Events that BuildKit does not have (plans, cells,
publications) are left out; ``bakex.speed`` of a vertex is bakex's own. Of a step that several
cells share, each change comes once.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC
from typing import TYPE_CHECKING, Any, TextIO

from bakex.events import LogWritten, StepChanged, TransferMoved, WarningRaised
from bakex.progress.delivery import Notice
from bakex.progress.state import RunState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bakex.diagnostics import Span
    from bakex.progress.delivery import Delivery
    from bakex.progress.state import Change

_SPEED = "bakex.speed"  # of steps that run programs: native or emulated
_LEVEL = 1  # the level that BuildKit's own checks have


class RawJson:
    """Implements `bakex.progress.display.Display`."""

    interval_s: float | None = None

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._state = RunState()
        self._written: dict[str, Mapping[str, Any]] = {}

    def update(self, batch: Sequence[Delivery]) -> None:
        """Write an object for each event that BuildKit has a word for."""
        found = [document for item in batch if (document := self._document(item))]
        if found:
            lines = (json.dumps(document, separators=(",", ":")) for document in found)
            self._out.write("".join(f"{line}\n" for line in lines))
            self._out.flush()

    def close(self) -> None:
        """Do nothing: every line was written when it happened."""

    def _document(self, item: Delivery) -> Mapping[str, Any] | None:
        if isinstance(item, Notice):
            return None
        change = self._state.apply(item)
        match item:
            case StepChanged():
                return self._vertex(item, change)
            case TransferMoved():
                return {"statuses": [_status(item)]} if change.is_new else None
            case LogWritten():
                return {"logs": [_log(item, change.log)]} if change.log else None
            case WarningRaised():
                return {"warnings": [_warning(item)]} if change.is_new else None
            case _:
                return None

    def _vertex(self, event: StepChanged, change: Change) -> Mapping[str, Any] | None:
        step = change.step
        vertex = _present(
            digest=event.step,
            inputs=list(event.inputs),
            name=self._state.label(step) if step else event.name,
            started=_time(event.started),
            completed=_time(event.completed),
            cached=event.cached,
            error=event.error,
            **{_SPEED: str(event.speed) if event.speed else ""},
        )
        if self._written.get(event.step) == vertex:
            return None
        self._written[event.step] = vertex
        return {"vertexes": [vertex]}


def _status(event: TransferMoved) -> Mapping[str, Any]:
    return {
        "id": event.id,
        **_present(vertex=event.step, total=event.total),
        "current": event.current,
        "timestamp": _time(event.at),
        **_present(started=_time(event.started), completed=_time(event.completed)),
    }


def _log(event: LogWritten, data: bytes) -> Mapping[str, Any]:
    return {
        **_present(vertex=event.step, stream=event.stream),
        "data": _base64(data),
        "timestamp": _time(event.at),
    }


def _warning(event: WarningRaised) -> Mapping[str, Any]:
    diagnostic = event.diagnostic
    detail = [diagnostic.detail, diagnostic.hint]
    span = diagnostic.span
    return _present(
        vertex=event.step,
        level=_LEVEL,
        short=_base64(diagnostic.summary.encode()),
        detail=[_base64(text.encode()) for text in detail if text],
        sourceInfo=_source(span, diagnostic.source) if span else None,
        range=[_range(span)] if span else None,
    )


def _source(span: Span, source: str) -> Mapping[str, Any]:
    return _present(filename=span.file, data=_base64(source.encode()))


def _range(span: Span) -> Mapping[str, Any]:
    # A line is enough for BuildKit's readers: its own ranges have no columns either.
    return {"start": {"line": span.line}, "end": {"line": span.end_line or span.line}}


def _present(**fields: object) -> dict[str, Any]:
    """Return the fields that are not empty, as Go's ``omitempty`` does."""
    return {name: value for name, value in fields.items() if value}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _time(moment: datetime | None) -> str:
    """Return RFC 3339 with as many decimals as there are, as Go's RFC3339Nano; empty for None."""
    if moment is None:
        return ""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    whole, dot, decimals = text.partition(".")
    decimals = decimals.rstrip("0")
    return f"{whole}{dot if decimals else ''}{decimals}Z"
