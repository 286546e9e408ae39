"""A plan and engines in, results out.

* A cell starts when the cells it comes after are done and its node has a free slot.
* The first failure cancels what runs and what waits; the cancelled cells say so. Every failure that
  happened by itself is reported, not only the first.
* Cancelling `execute` cancels every running build and waits for the engines to confirm.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakex.errors import BakexError, RunFailedError
from bakex.events import CellFinished, CellStarted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bakex.events import EventSink
    from bakex.interfaces import Clock, Engine, LinkedContent
    from bakex.model.node import NodeName
    from bakex.model.plan import Cell, CellId, Plan
    from bakex.model.result import CellResult, ExportRequest

DEFAULT_SLOTS = 8  # cells at once on one node; BuildKit schedules their steps itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the executor is told about the cells beside the plan.

    Attributes:
        exports: Cell -> what its node must hand over.
        link: Makes the content of a finished cell usable by another one.
        slots: Cells at once on one node.
    """

    exports: Callable[[Cell], Sequence[ExportRequest]]
    link: Callable[[CellResult], LinkedContent]
    slots: int = DEFAULT_SLOTS


@dataclass(slots=True)
class _Progress:
    done: dict[CellId, asyncio.Event]
    results: dict[CellId, CellResult] = field(default_factory=dict["CellId", "CellResult"])
    failures: list[BakexError] = field(default_factory=list[BakexError])


class _StopError(Exception):
    """Ends the task group after a failure was recorded."""


async def execute(
    plan: Plan,
    engines: Mapping[NodeName, Engine],
    work: Work,
    events: EventSink,
    clock: Clock,
) -> dict[CellId, CellResult]:
    """Run every cell.

    Returns:
        The result of every cell, in plan order.

    Raises:
        RunFailedError: One or more cells failed; the others were cancelled.
    """
    progress = _Progress(done={cell.id: asyncio.Event() for cell in plan.cells})
    limits = {name: asyncio.Semaphore(work.slots) for name in engines}

    async def run(cell: Cell) -> None:
        try:
            for other in cell.after:
                await progress.done[other].wait()
            async with limits[cell.node]:
                await build(cell)
        except asyncio.CancelledError:
            events.emit(CellFinished(at=clock.now(), cell=cell.id, cancelled=True))
            raise

    async def build(cell: Cell) -> None:
        events.emit(CellStarted(at=clock.now(), cell=cell.id, node=cell.node))
        inputs = {context: work.link(progress.results[base]) for context, base in cell.links}
        try:
            result = await engines[cell.node].build(cell, work.exports(cell), inputs, events)
        except BakexError as error:
            progress.failures.append(error)
            events.emit(CellFinished(at=clock.now(), cell=cell.id, error=error.summary))
            raise _StopError from error
        progress.results[cell.id] = result
        progress.done[cell.id].set()
        events.emit(CellFinished(at=clock.now(), cell=cell.id, result=result))

    try:
        async with asyncio.TaskGroup() as group:
            for cell in plan.cells:
                group.create_task(run(cell), name=str(cell.id))
    except* _StopError:
        count, total = len(progress.failures), len(plan.cells)
        raise RunFailedError(f"{count} of {total} cells failed", progress.failures) from None
    return {cell.id: progress.results[cell.id] for cell in plan.cells}
