"""The record of a run: written while it goes on, and on every way out.

A `Recorder` folds the events of a run into an `Outcome` and keeps that in files: one of the last
few in the state directory, and the one that the user has asked for. A reader sees a complete
document at any time, also after a crash. See docs/results.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Self, cast

from bakex._util.atomic import write_file
from bakex._util.redact import redact_text
from bakex.errors import ConfigError, OutputError
from bakex.events import CellFinished, CellRetried, CellStarted, PlanReady, Published, RaceEnded
from bakex.model.attributes import evolve
from bakex.model.digest import Digest
from bakex.model.outcome import Attempt, CellOutcome, CellState, Outcome, Pushed
from bakex.model.result import PushImage
from bakex.model.target import Target
from bakex.progress.report import publication_document
from bakex.sources.checkout import revision

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from bakex.bake.resolve import Resolution
    from bakex.config import Settings
    from bakex.events import Event, EventSink
    from bakex.interfaces import Clock
    from bakex.model.plan import Cell, CellId, Plan
    from bakex.model.platform import Platform
    from bakex.model.result import CellResult, ExportRequest

KEPT = 20  # records in the state directory
_EVERY_S = 0.5  # between two writes; what is decisive is written at once
_WORDS = frozenset({"description"})  # fields of targets that change no result
# So do these; they count as what they are where nothing is said, as in records that are older.
_CARE = frozenset({"node", "timeout", "retries"})
_RUNNING, _SUCCEEDED, _FAILED, _CANCELLED = "running", "succeeded", "failed", "cancelled"


def definition_digest(resolution: Resolution) -> Digest:
    """Return a digest of all that is to be built, and of nothing of the machine where it is.

    Two resolutions with the same digest ask for the same results. What the files that they name
    contain does not count, nor where a target is built and how long or how often that is tried.
    """
    document = {
        "targets": {name: _canonical(_result(item)) for name, item in resolution.targets.items()},
        "requested": list(resolution.requested),
        "origin": redact_text(resolution.origin.url) if resolution.origin else "",
    }
    raw = json.dumps(document, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return Digest.of(raw.encode())


def _result(target: Target) -> Target:
    """Return a target as if nothing were said of where and how it is built."""
    bare = Target(name=target.name)
    variants = {
        platform: {name: value for name, value in changes.items() if name not in _CARE}
        for platform, changes in target.variants.items()
    }
    usual = {name: getattr(bare, name) for name in _CARE}
    kept = {platform: changes for platform, changes in variants.items() if changes}
    return evolve(target, {**usual, "variants": kept})


def _canonical(value: object) -> object:
    if is_dataclass(value):
        names = (item.name for item in fields(value) if item.name not in _WORDS)
        return {name: _canonical(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value)
        return {str(key): _canonical(item) for key, item in pairs.items()}
    if isinstance(value, tuple | list):
        return [_canonical(item) for item in cast("Sequence[object]", value)]
    return value if value is None or isinstance(value, bool | int) else str(value)


def begin(
    settings: Settings,
    resolution: Resolution,
    *,
    options: Mapping[str, Any],
    created: datetime,
    shard: Sequence[Platform] = (),
) -> Outcome:
    """Return what is known of a run before anything of it has happened.

    Args:
        settings: Where it runs.
        resolution: What is asked for, in all shards.
        options: What it takes to resolve the same again; goes into the record as it is.
        created: The time.
        shard: The platforms of this part; none for the whole.
    """
    return Outcome(
        created=created.isoformat(timespec="seconds"),
        state=_RUNNING,
        definition=str(definition_digest(resolution)),
        revision=revision(settings.cwd, settings.environ),
        directory=str(settings.cwd),
        options=options,
        requested=resolution.requested,
        shard=tuple(map(str, shard)),
    )


class Recorder:
    """Keeps the record of one run; a context manager around all of it.

    Leaving the block writes the last state: succeeded, cancelled (by a cancellation, Ctrl-C or a
    signal) or failed.

    Attributes:
        path: The record in the state directory; None if it cannot be kept there.
    """

    def __init__(
        self,
        head: Outcome,
        *,
        clock: Clock,
        state: Path,
        result: Path | None = None,
        stops: tuple[type[BaseException], ...] = (),
    ) -> None:
        """Take note of where to write.

        Args:
            head: See `begin`.
            clock: For the name of the record, and to write not too often.
            state: bakex's state directory; made if missing.
            result: Another file to write.
            stops: Exceptions that mean a cancellation, besides the usual ones.
        """
        self._stops: tuple[type[BaseException], ...] = (
            *(asyncio.CancelledError, KeyboardInterrupt),
            *stops,
        )
        self._head = head
        self._clock = clock
        self._runs = state / "runs"
        self._result = result
        self._cells: dict[CellId, CellOutcome] = {}
        self._starts: dict[CellId, datetime] = {}
        self._plan: dict[CellId, Cell] = {}
        self._exports: Mapping[CellId, Sequence[ExportRequest]] = {}
        self._published: list[Mapping[str, object]] = []
        self._is_dirty = False
        self._written = float("-inf")
        self._failure: OSError | None = None
        self.path: Path | None = None

    @property
    def outcome(self) -> Outcome:
        """What the record says now."""
        return replace(
            self._head, cells=tuple(self._cells.values()), publications=tuple(self._published)
        )

    @property
    def is_worth_resuming(self) -> bool:
        """Whether something of the run need not be built again, and something is left to do."""
        return self._head.state in {_FAILED, _CANCELLED} and any(
            cell.state is CellState.DONE and cell.complete for cell in self._cells.values()
        )

    def __enter__(self) -> Self:
        """Write the first state, and remove the oldest records.

        Raises:
            OutputError: The file that the user wants cannot be written.
        """
        name = f"{self._clock.now():%Y%m%dT%H%M%S}-{secrets.token_hex(4)}.json"
        with contextlib.suppress(OSError):
            self._runs.mkdir(parents=True, exist_ok=True, mode=0o700)
            for old in sorted(self._runs.glob("*.json"))[: 1 - KEPT]:
                old.unlink(missing_ok=True)
            self.path = self._runs / name
        self._write()
        self._tell_failure()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the last state.

        Raises:
            OutputError: The run went well, and its record cannot be written.
        """
        state = _CANCELLED if isinstance(error, self._stops) else _FAILED
        self._head = replace(self._head, state=_SUCCEEDED if error is None else state)
        self._write()
        if error is None:
            self._tell_failure()

    def following(self, events: EventSink) -> EventSink:
        """Return a sink that passes events on, and lets the record follow them."""
        return _Following(events, self)

    def expect(
        self,
        plan: Plan,
        exports: Mapping[CellId, Sequence[ExportRequest]],
        known: Sequence[CellOutcome] = (),
    ) -> None:
        """Take note of what is going to happen.

        Args:
            plan: All cells.
            exports: What each hands over for outputs, in order.
            known: What became of cells in a former run, where that still holds.
        """
        self._plan = {cell.id: cell for cell in plan.cells}
        self._exports = exports
        former = {item.id: item for item in known}
        self._cells = {
            cell.id: former.get(cell.id)
            or CellOutcome(
                id=cell.id, state=CellState.WAITING, node=cell.node, speed=str(cell.speed)
            )
            for cell in plan.cells
        }
        self._write()

    def take(self, event: Event) -> None:
        """Take an event in; raises nothing."""
        match event:
            case PlanReady():
                self.expect(event.plan, {})
            case CellStarted():
                self._start(event)
            case CellRetried():
                self._change(event.cell, attempts=self._attempts(event.cell, event.reason))
            case RaceEnded():
                self._settle(event)
            case CellFinished():
                self._finish(event)
            case Published():
                self._published.append(publication_document(event.publication))
                self._is_dirty = True
            case _:
                pass
        if self._is_dirty and self._clock.monotonic() - self._written >= _EVERY_S:
            self._write()

    def _start(self, event: CellStarted) -> None:
        self._starts[event.cell] = event.at
        attempts = self._cells[event.cell].attempts
        self._change(
            event.cell,
            state=CellState.RUNNING,
            node=event.node,
            speed=str(self._plan[event.cell].speed_on(event.node)),
            attempts=(*attempts, Attempt(node=event.node)),
        )

    def _settle(self, event: RaceEnded) -> None:
        """Put the one of the last two attempts that counts last."""
        *before, first, second = self._cells[event.cell].attempts
        over, left = (first, second) if second.node == event.left else (second, first)
        self._starts[event.cell] = event.since
        self._change(
            event.cell,
            node=event.left,
            speed=str(self._plan[event.cell].speed_on(event.left)),
            attempts=(*before, replace(over, reason=event.reason), left),
        )

    def _finish(self, event: CellFinished) -> None:
        id_, result = event.cell, event.result
        if id_ not in self._starts and result is not None:
            return  # what is known of it says more
        started = self._starts.get(id_)
        seconds = (event.at - started).total_seconds() if started else 0.0
        if result is not None:
            pushed, complete = _pushed(self._exports.get(id_), result)
            self._change(
                id_,
                state=CellState.DONE,
                seconds=seconds,
                pushed=pushed,
                complete=complete,
                metadata=result.metadata,
                ref=result.ref,
            )
        elif event.error:
            attempts = self._attempts(id_, event.error)
            state = CellState.FAILED
            self._change(id_, state=state, seconds=seconds, error=event.error, attempts=attempts)
        else:
            state = CellState.SKIPPED if event.skipped else CellState.CANCELLED
            self._change(id_, state=state, seconds=seconds)

    def _attempts(self, cell: CellId, reason: str) -> tuple[Attempt, ...]:
        """Return the attempts of a cell, of which the last one came to nothing.

        A cell that is given up afterwards, because no node is left, has known why before.
        """
        *before, last = self._cells[cell].attempts or (None,)
        if last is None:
            return ()
        return (*filter(None, before), replace(last, reason=last.reason or reason))

    def _change(self, cell: CellId, **changes: object) -> None:
        self._cells[cell] = replace(self._cells[cell], **cast("Any", changes))
        self._is_dirty = True

    def _write(self) -> None:
        raw = self.outcome.to_bytes()
        self._written, self._is_dirty = self._clock.monotonic(), False
        if self.path is not None:
            try:
                write_file(self.path, raw, mode=0o600)
            except OSError:
                self.path = None
        if self._result is not None:
            try:
                write_file(self._result, raw, mode=0o600)
                self._failure = None
            except OSError as error:
                self._failure = error

    def _tell_failure(self) -> None:
        if self._failure is not None:
            raise OutputError(
                f"cannot write the result to {self._result}",
                detail=self._failure.strerror or "",
                hint="name a file in a directory that is there and writable",
            )


class _Following:
    """An `EventSink`: another one, and a record behind it."""

    def __init__(self, events: EventSink, recorder: Recorder) -> None:
        self._events = events
        self._recorder = recorder

    def emit(self, event: Event) -> None:
        self._events.emit(event)
        self._recorder.take(event)


def _pushed(
    requests: Sequence[ExportRequest] | None, result: CellResult
) -> tuple[tuple[Pushed, ...], bool]:
    """Return what a cell has pushed, and whether its outputs need nothing else of it."""
    if requests is None:
        return (), False
    images = list(zip(requests, result.exports, strict=False))
    pushed = tuple(
        Pushed(repositories=request.repositories, root=root, insecure=request.insecure)
        for request, root in images
        if isinstance(request, PushImage) and root is not None
    )
    return pushed, len(pushed) == len(requests)


def read(path: Path) -> Outcome:
    """Read a record.

    Raises:
        ConfigError: It is missing, cannot be read, or is none.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}",
            hint="give a file that bakex bake --result has written",
        ) from None
    return Outcome.parse(raw, str(path))
