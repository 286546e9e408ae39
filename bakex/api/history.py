"""Where cells were built last and how long that took: what the planner goes by the next time.

There is a file for each project directory in the state directory. It is an aid and no more: one
that is missing, damaged or not writable is as good as none, and never an error.

What counts is how long a cell takes when it has to be built, and most runs find most of it in the
cache. So a run that was quicker shortens what is known by a tenth only; one that took longer, or
the first one on a node of the other speed, counts as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

from bakex._util.atomic import locked, write_file
from bakex.errors import BakexError
from bakex.events import CellFinished, CellStarted, PlanReady, RaceEnded
from bakex.model.node import NodeName, Speed
from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.plan.placement import Past

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bakex.config import Settings
    from bakex.events import Event, EventSink
    from bakex.model.plan import Cell

MOST_CELLS = 5000  # of one directory; those that were built longest ago are forgotten
MOST_DIRECTORIES = 200
_MOST_BYTES = 4 << 20
_VERSION = 1
_KEPT = 0.9  # of a duration, after a run that was quicker
_PATIENCE_S = 2.0  # for another run that writes at this moment


class History:
    """What is known of the cells of one project directory."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is read yet."""
        self._cwd = str(settings.cwd)
        self._directory = settings.state / "history"
        name = hashlib.sha256(self._cwd.encode(errors="surrogateescape")).hexdigest()[:32]
        self._path = self._directory / f"{name}.json"
        self._cells: dict[CellId, Cell] = {}
        self._starts: dict[CellId, tuple[NodeName, datetime]] = {}
        self._new: dict[CellId, Past] = {}

    def read(self) -> dict[CellId, Past]:
        """Return what is known, beginning with the cell that was built longest ago. Blocking."""
        try:
            if self._path.stat().st_size > _MOST_BYTES:
                return {}
            document: Any = json.loads(self._path.read_bytes())
            if document["schemaVersion"] != _VERSION:
                return {}
            return dict(_cell(entry) for entry in document["cells"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError, BakexError):
            return {}

    def following(self, events: EventSink) -> EventSink:
        """Return a sink that passes events on and takes note of what is built."""
        return _Following(events, self)

    def take(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case PlanReady():
                self._cells = {cell.id: cell for cell in event.plan.cells}
            case CellStarted() if event.cell in self._cells:
                self._starts[event.cell] = event.node, event.at
            case RaceEnded() if event.cell in self._cells:
                self._starts[event.cell] = event.left, event.since
            case CellFinished() if event.result is not None and event.cell in self._starts:
                node, started = self._starts[event.cell]
                seconds = max((event.at - started).total_seconds(), 0.0)
                # What was built once more counts as it was built last.
                self._new.pop(event.cell, None)
                speed = self._cells[event.cell].speed_on(node)
                self._new[event.cell] = Past(node=node, seconds=seconds, speed=speed)
            case _:
                pass

    async def keep(self) -> None:
        """Add what was built to what is known; runs at the same time lose nothing to each other."""
        if not self._new:
            return
        with contextlib.suppress(OSError, TimeoutError):
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            async with locked(self._path.with_suffix(".lock"), timeout_s=_PATIENCE_S):
                await asyncio.to_thread(self._write)

    def _write(self) -> None:
        known = self.read()
        for cell, past in self._new.items():
            known[cell] = _joined(known.pop(cell, None), past)
        cells = [
            {
                "target": cell.target,
                "platform": str(cell.platform),
                "node": past.node,
                "speed": str(past.speed),
                "seconds": round(past.seconds, 3),
            }
            for cell, past in list(known.items())[-MOST_CELLS:]
        ]
        document = {"schemaVersion": _VERSION, "directory": self._cwd, "cells": cells}
        write_file(self._path, json.dumps(document).encode(), mode=0o600)
        files = sorted(self._directory.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        for old in files[:-MOST_DIRECTORIES]:
            old.unlink(missing_ok=True)


class _Following:
    """An `EventSink`: another one, and a history behind it."""

    def __init__(self, events: EventSink, history: History) -> None:
        self._events = events
        self._history = history

    def emit(self, event: Event) -> None:
        self._events.emit(event)
        self._history.take(event)


def _joined(before: Past | None, now: Past) -> Past:
    if before is None or before.speed is not now.speed:
        return now
    seconds = max(now.seconds, before.seconds * _KEPT)
    return Past(node=now.node, seconds=seconds, speed=now.speed)


def _cell(entry: Mapping[str, Any]) -> tuple[CellId, Past]:
    seconds = float(entry["seconds"])
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(entry["seconds"])
    cell = CellId(str(entry["target"]), Platform.parse(str(entry["platform"])))
    node, speed = NodeName(str(entry["node"])), Speed(entry["speed"])
    return cell, Past(node=node, seconds=seconds, speed=speed)
