"""A plan and engines in, results out.

* What starts when and where is decided by `bakex.run.dispatch`.
* A failure that happened by itself cancels what runs and what waits; the cancelled cells say so.
  With `RunPolicy.keep_going` it ends only what comes after the cell, and so does a failure that
  `Work.tolerates`. Every failure is reported, not only the first.
* A loss is no failure: the cells of a node that is lost are built on others, and a cell whose
  attempt broke off is tried again, `RunPolicy.attempts` times in all. A step that fails is tried
  again only if its target asks for it (`Cell.retries`).
* A node that builds is asked for signs of life; one that hangs is lost as if it had died. A lost
  node that answers again takes part again, unless that has happened to it too often.
* With `RunPolicy.speculate`, a cell that is emulated and takes long is tried on a free native node
  as well (`bakex.run.race`); the attempt that ends first counts, and the other one is stopped.
* A result that others build on is kept by its node until they have ended.
* Cancelling `execute` cancels every running build and waits for the engines to confirm.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from bakex.errors import (
    BakexError,
    BuildTimeoutError,
    NodeError,
    NodeLostError,
    RunFailedError,
    StalledError,
    StepFailedError,
)
from bakex.events import CellFinished, CellRetried, CellStarted, NodeLost, NodeReturned
from bakex.model.plan import Broken, Built
from bakex.model.running import Execution, RunPolicy
from bakex.run.attempt import Attempt, pause_s
from bakex.run.dispatch import Dispatch
from bakex.run.race import Races
from bakex.run.verdict import given_up, no_node
from bakex.run.watch import TICK_S, Limits, Vigil, silence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.building import Engine, KeptResult
    from bakex.events import EventSink
    from bakex.interfaces import Clock
    from bakex.model.node import NodeName
    from bakex.model.plan import Cell, CellId, Plan
    from bakex.model.result import CellResult
    from bakex.run.work import Work

_MOST_LOSSES = 3  # of one node; then it is left alone


async def execute(
    plan: Plan,
    engines: Mapping[NodeName, Engine],
    work: Work,
    events: EventSink,
    clock: Clock,
    policy: RunPolicy | None = None,
) -> Execution:
    """Run every cell.

    Returns:
        The results of the cells: of all but those that failed tolerably and those that come after
        them.

    Raises:
        RunFailedError: One or more cells failed; the others were cancelled, or went on as far as
            they could (`RunPolicy.keep_going`).
    """
    return await _Run(plan, engines, work, events, clock, policy or RunPolicy()).go()


class _StopError(Exception):
    """Ends the task group after a failure was recorded."""


class _Run:
    def __init__(
        self,
        plan: Plan,
        engines: Mapping[NodeName, Engine],
        work: Work,
        events: EventSink,
        clock: Clock,
        policy: RunPolicy,
    ) -> None:
        self._plan = plan
        self._engines = engines
        self._work = work
        self._events = events
        self._clock = clock
        self._policy = policy
        slots = {name: work.limits.get(name, work.slots) for name in engines}
        self._dispatch = Dispatch(
            plan.cells, slots, total=policy.jobs, ease=work.ease, now=clock.monotonic
        )
        self._limits = Limits(policy, clock)
        self._races = Races(work.exports, work.natively, clock)
        self._changed = asyncio.Event()
        self._cells = {cell.id: cell for cell in plan.cells}
        self._waiting = dict(self._cells)  # those without a verdict
        self._users = {cell.id: plan.users(cell.id) for cell in plan.cells}
        self._attempts: dict[NodeName, set[Attempt]] = {name: set() for name in engines}
        self._broken: dict[CellId, list[Broken]] = {}
        self._faults: Counter[CellId] = Counter()  # failures that were the cell's own
        self._results: dict[CellId, CellResult] = {}
        self._built: dict[CellId, Built] = {}
        self._kept: dict[CellId, KeptResult] = {}
        self._released: dict[CellId, asyncio.Event] = {}
        self._lost: dict[NodeName, str] = {}
        self._losses: Counter[NodeName] = Counter()
        self._failures: dict[CellId, BakexError] = {}
        self._has_failed = False
        self._stop = False

    async def go(self) -> Execution:
        try:
            async with asyncio.TaskGroup() as group:
                watchers = [group.create_task(self._watch(name)) for name in self._engines]
                watchers.append(group.create_task(self._keep_time()))
                watchers.append(group.create_task(self._speculate(group)))
                await self._schedule(group)
                for watcher in watchers:
                    watcher.cancel()
        except* _StopError:
            pass
        finally:
            for cell in self._waiting:
                self._events.emit(CellFinished(at=self._clock.now(), cell=cell, cancelled=True))
        if self._has_failed:
            failures = list(self._failures.values())
            raise RunFailedError(
                f"{len(failures)} of {len(self._plan.cells)} cells failed", failures
            )
        ids = [cell.id for cell in self._plan.cells if cell.id in self._built]
        return Execution(
            results={cell: self._results[cell] for cell in ids},
            built={cell: self._built[cell] for cell in ids},
            failures=self._failures,
        )

    async def _schedule(self, group: asyncio.TaskGroup) -> None:
        while self._waiting:
            self._changed.clear()
            for cell, node in self._dispatch.start():
                self._begin(group, cell, node)
            for cell in self._dispatch.stranded():
                if not self._stop:
                    self._fail(cell, no_node(cell, self._lost))
            if self._stop:
                raise _StopError
            if self._waiting:
                await self._changed.wait()

    # ---------------------------------------------------------------- one attempt

    def _begin(
        self, group: asyncio.TaskGroup, cell: Cell, node: NodeName, first: Attempt | None = None
    ) -> None:
        """Begin an attempt that has its slot; beside a first one, if there is one."""
        here = replace(cell, node=node, speed=cell.speed_on(node))
        number = self._count(cell) + (0 if first is None else 1)
        own = Attempt(here, number, self._events, self._clock)
        if first is not None:
            self._races.begin(first, own)
        self._attempts[node].add(own)
        self._events.emit(
            CellStarted(
                at=self._clock.now(),
                cell=cell.id,
                node=node,
                attempt=number,
                beside=None if first is None else first.cell.node,
            )
        )
        group.create_task(self._attempt(own), name=str(cell.id))

    def _count(self, cell: Cell) -> int:
        """Return how many attempts there will have been if the one that runs is the last."""
        return len(self._broken.get(cell.id, ())) + 1

    async def _attempt(self, own: Attempt) -> None:
        cell = own.cell
        try:
            try:
                own.begin()
                await self._build(own)
            except (asyncio.CancelledError, BakexError) as caught:
                error = own.close(caught)
                if not isinstance(error, BakexError):
                    raise error from None
                if not own.is_settled:
                    await self._broke_off(own, error)
        finally:
            own.is_open = False
            self._attempts[cell.node].discard(own)
            if own.is_dropped:
                self._dispatch.freed(cell.node)
            self._changed.set()

    async def _build(self, own: Attempt) -> None:
        async with AsyncExitStack() as keeping:
            result = await self._result(own, keeping)
            if own.is_dropped:
                return
            own.is_open = False
            if own.rival is not None:
                self._drop(own.rival, f"{own.cell.node} was done first")
            try:
                await self._work.finished(own.cell, result)
            except BakexError as error:
                # Only a build may fail: what follows from it concerns everybody.
                own.is_settled = True
                self._fail(own.cell, error, is_fatal=True)
                return
            released = self._released.get(own.cell.id)
            if released is not None and not released.is_set() and own.cell.node in self._lost:
                raise NodeLostError(self._lost[own.cell.node])
            self._done(own, result)
            if released is not None:
                own.is_open = True
                await released.wait()

    async def _result(self, own: Attempt, keeping: AsyncExitStack) -> CellResult:
        cell = own.cell
        engine, exports = self._engines[cell.node], self._work.exports(cell)
        inputs = {
            context: self._kept[base]
            if base in cell.direct
            else self._work.link(self._results[base])
            for context, base in cell.links
        }
        self._released.pop(cell.id, None)
        if self._waiting.keys().isdisjoint(self._users[cell.id]):
            return await engine.build(cell, exports, inputs, own)
        self._released[cell.id] = asyncio.Event()
        kept = await keeping.enter_async_context(engine.keep(cell, exports, inputs, own))
        self._kept[cell.id] = kept
        return kept.result

    async def _broke_off(self, own: Attempt, error: BakexError) -> None:
        """Try a cell again whose attempt came to nothing, or give it up."""
        cell = own.cell
        is_loss = await self._is_loss(cell.node, error)
        if own.is_settled:  # meanwhile its rival was done
            return
        losses = own.number - self._faults[cell.id]
        if is_loss:
            is_last = losses >= self._policy.attempts
        else:
            self._faults[cell.id] += 1
            may_repeat = isinstance(error, StepFailedError)
            is_last = not may_repeat or self._faults[cell.id] > cell.retries
        lost = f"lost: {self._lost[cell.node]}" if cell.node in self._lost else ""
        reason = lost if is_loss and lost else error.summary
        if own.rival is not None:
            self._drop(own, reason)
            return
        if is_loss and not is_last and not lost:
            await self._clock.sleep(pause_s(losses))
        if cell.id not in self._waiting:  # meanwhile it was found out that it cannot be built
            self._dispatch.failed(cell.id)
        elif is_last:
            self._fail(cell, given_up(cell, self._broken.get(cell.id, ()), error))
        else:
            self._broken.setdefault(cell.id, []).append(Broken(node=cell.node, reason=reason))
            at, count = self._clock.now(), own.number
            self._events.emit(
                CellRetried(at=at, cell=cell.id, node=cell.node, attempt=count, reason=reason)
            )
            self._dispatch.again(cell.id, elsewhere=is_loss)

    async def _is_loss(self, node: NodeName, error: BakexError) -> bool:
        """Return whether an attempt broke off because of its node; find out if that is lost."""
        if isinstance(error, BuildTimeoutError):
            return False
        is_loss = isinstance(error, NodeError) and error.transient
        if node not in self._lost:
            gone = await silence(self._engines[node])
            # A daemon that is stopped in good order ends its builds as if they had failed.
            if gone is not None and (is_loss or not isinstance(gone, StalledError)):
                self._lose(node, gone)
        return is_loss or node in self._lost

    def _drop(self, own: Attempt, reason: str) -> None:
        """Have the rival of an attempt decide alone what becomes of the cell."""
        cell, other = own.cell, own.drop()
        self._broken.setdefault(cell.id, []).append(Broken(node=cell.node, reason=reason))
        self._dispatch.dropped(cell.id, cell.node)
        self._events.emit(self._races.end(own, other, reason))
        own.evict(StalledError(reason))
        other.release()

    # ---------------------------------------------------------------- verdicts

    def _done(self, own: Attempt, result: CellResult) -> None:
        cell = own.cell
        own.is_settled = True
        self._results[cell.id] = result
        self._built[cell.id] = Built(
            node=cell.node,
            speed=cell.speed,
            seconds=self._clock.monotonic() - own.started,
            attempts=self._count(cell),
            broken=tuple(self._broken.get(cell.id, ())),
        )
        self._judged(cell)
        self._dispatch.done(cell.id)
        self._events.emit(CellFinished(at=self._clock.now(), cell=cell.id, result=result))

    def _fail(self, cell: Cell, error: BakexError, *, is_fatal: bool = False) -> None:
        self._failures[cell.id] = error
        self._judged(cell)
        self._events.emit(CellFinished(at=self._clock.now(), cell=cell.id, error=error.summary))
        if is_fatal or not self._work.tolerates(cell, error):
            self._has_failed = True
            self._stop |= is_fatal or not self._policy.keep_going or self._limits.is_over
        for user in self._dispatch.failed(cell.id):
            self._judged(self._cells[user])
            at = self._clock.now()
            self._events.emit(
                CellFinished(at=at, cell=user, cancelled=self._stop, skipped=not self._stop)
            )

    def _judged(self, cell: Cell) -> None:
        """Take note of a verdict; what was kept for that cell alone need not be any longer."""
        del self._waiting[cell.id]
        for base in cell.direct:
            if base in self._released and self._waiting.keys().isdisjoint(self._users[base]):
                self._released[base].set()
        self._changed.set()

    # ---------------------------------------------------------------- losses and limits

    def _lose(self, node: NodeName, error: BakexError) -> None:
        if node in self._lost:
            return
        self._lost[node] = error.summary
        self._losses[node] += 1
        self._events.emit(NodeLost(at=self._clock.now(), node=node, reason=error.summary))
        for cell in self._dispatch.lost(node):
            # Its content stays in `_results`, for those who use that and nothing of the node.
            self._waiting[cell] = self._cells[cell]
            del self._built[cell]
        for attempt in self._attempts[node]:
            attempt.evict(NodeLostError(f"{node} was lost", detail=error.summary))
        self._changed.set()

    async def _watch(self, name: NodeName) -> None:
        vigil = Vigil(self._engines[name], self._attempts[name], self._clock)
        while self._losses[name] < _MOST_LOSSES:
            if name not in self._lost:
                gone = await vigil.gone()
                if gone is not None:
                    self._lose(name, gone)
            elif await vigil.is_back():
                del self._lost[name]
                self._dispatch.back(name)
                self._events.emit(NodeReturned(at=self._clock.now(), node=name))
                self._changed.set()

    async def _speculate(self, group: asyncio.TaskGroup) -> None:
        while self._policy.speculate:
            await self._clock.sleep(TICK_S)
            for first in self._races.due(self._running()):
                node = self._dispatch.second(first.cell.id)
                if node is not None:
                    self._begin(group, first.cell, node, first)

    async def _keep_time(self) -> None:
        patient = any(cell.patience_s for cell in self._plan.cells)
        while patient or self._limits.are_set(self._plan.cells):
            await self._clock.sleep(TICK_S)
            if patient:
                self._changed.set()
            for attempt in self._running():
                over = None if attempt.is_settled else self._limits.passed(attempt)
                if over is not None:
                    attempt.evict(over)

    def _running(self) -> list[Attempt]:
        return [one for there in self._attempts.values() for one in there]
