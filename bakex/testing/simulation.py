"""Virtual time, and machines that live in it: days of building in seconds, the same every time.

`simulate` runs a coroutine on an event loop whose time does not pass but jumps to the next timer
as soon as there is nothing to do. What runs on it is the real thing, timeouts and task groups
included; only its clock must be a `LoopClock`, and its engines `Machine`s. There are no threads and
no sockets in such a world.

    nodes = [fake_node(f"n{n}") for n in range(100)]
    machines = {node.name: Machine(info=node, seconds=lambda cell: 60.0) for node in nodes}
    machines[nodes[0].name].dies_s = 90.0
    done = simulate(execute(plan, machines, work, events, LoopClock()))
"""

from __future__ import annotations

import asyncio
import math
import selectors
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from bakex.errors import DialError, InternalError, NodeLostError, StepFailedError
from bakex.model.node import Speed
from bakex.model.result import CellResult
from bakex.testing.fakes import KeepingEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from bakex.building import KeptResult, LinkedContent
    from bakex.events import EventSink
    from bakex.model.node import NodeInfo
    from bakex.model.plan import Cell, CellId
    from bakex.model.result import ExportRequest

    _Ready = list[tuple[selectors.SelectorKey, int]]

_T = TypeVar("_T")
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_NEVER = math.inf
_FAR_S = 1e12  # for who cannot wait for ever
_TINY_S = 1e-6


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing: what it is asked to wait for has passed when it returns."""

    elapsed_s = 0.0

    def select(self, timeout: float | None = None) -> _Ready:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise InternalError("the simulation stands still: everything waits for something else")
        self.elapsed_s += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual, and begins at 0.

    Raises (from where the loop runs):
        InternalError: No task can go on, and there is no timer: a deadlock.
    """

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)
        # Timers within this have come. After a year floats are too coarse for the usual nanosecond.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._jumping.elapsed_s


def simulate(main: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine in virtual time, and return what it returns."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class LoopClock:
    """Implements `bakex.interfaces.Clock` with the time of the running loop."""

    def now(self) -> datetime:
        """Return the start of 2026 plus the loop's time."""
        return _EPOCH + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the loop's time."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait on the loop."""
        await asyncio.sleep(seconds)


@dataclass(slots=True, kw_only=True, eq=False)
class Machine(KeepingEngine):
    """A node that works for as long as it is told (`bakex.building.Engine`).

    Times are those of the loop, in seconds. If it is known how many processors the node has
    (`NodeInfo.processors`), its cells share them: each computes all the time, with one at most.

    Attributes:
        seconds: How long a cell takes on a usual machine, natively.
        pace: How often as long it takes here.
        emulation: How often as long it takes when it is emulated.
        dies_s: When the machine goes away; its builds break off, and nobody answers.
        hangs_s: When it falls silent; nothing ends or answers any more.
        wakes_s: When a machine that hangs goes on, as if nothing had been.
        breaks: Whether an attempt breaks off half-way although the machine is well.
        fails: Whether the step of a cell fails.
        began: The cells that it was given, in order, each time.
        done: Those that it has built.
        most: How many it had at once.
        busy_s: How long its cells took, added up.
    """

    info: NodeInfo
    seconds: Callable[[Cell], float] = lambda _: 1.0
    pace: float = 1.0
    emulation: float = 10.0
    dies_s: float = _NEVER
    hangs_s: float = _NEVER
    wakes_s: float = _NEVER
    breaks: Callable[[Cell], bool] = lambda _: False
    fails: Callable[[Cell], bool] = lambda _: False
    began: list[CellId] = field(default_factory=list["CellId"])
    done: list[CellId] = field(default_factory=list["CellId"])
    running: int = 0
    most: int = 0
    busy_s: float = 0.0
    _changed: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)

    async def probe(self) -> NodeInfo:
        """Answer, if the machine is there and well.

        Raises:
            NodeError: It is gone.
        """
        await self._live(0.0)
        return self.info

    async def build(
        self,
        cell: Cell,
        exports: Sequence[ExportRequest],
        inputs: Mapping[str, LinkedContent | KeptResult],
        events: EventSink,
    ) -> CellResult:
        """Take the time that a cell takes, and do as the attributes say.

        Raises:
            BuildError: Its step fails.
            NodeError: The machine went away, or the attempt breaks off.
        """
        del inputs, events
        start = asyncio.get_running_loop().time()
        self.began.append(cell.id)
        self._count(1)
        self.most = max(self.most, self.running)
        factor = self.emulation if cell.speed is Speed.EMULATED else 1.0
        seconds = self.seconds(cell) * self.pace * factor
        try:
            if self.breaks(cell):
                await self._compute(seconds / 2)
                raise NodeLostError(f"lost the connection to {self.info.name}")
            await self._compute(seconds)
            if self.fails(cell):
                raise StepFailedError(f"{cell.id}: a step failed")
        finally:
            self._count(-1)
            self.busy_s += asyncio.get_running_loop().time() - start
        self.done.append(cell.id)
        return CellResult(cell=cell.id, exports=(None,) * len(exports))

    def _count(self, change: int) -> None:
        """Take note of how many cells share the processors from now on."""
        self.running += change
        self._changed.set()
        self._changed = asyncio.Event()

    async def _compute(self, seconds: float) -> None:
        """Let so many seconds of computing pass."""
        if not self.info.processors:
            await self._live(seconds)
            return
        time = asyncio.get_running_loop().time
        left = seconds
        while left > _TINY_S:
            await self._live(0.0)
            begun = time()
            pace = min(1.0, self.info.processors / self.running)
            events = (at for at in (self.dies_s, self.hangs_s) if at > begun)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(begun + left / pace, *events, _FAR_S)):
                    await self._changed.wait()
            left -= (time() - begun) * pace

    async def _live(self, seconds: float) -> None:
        """Let time pass, as far as there is any for this machine."""
        now = asyncio.get_running_loop().time()
        end = now + seconds
        if now < self.wakes_s and end >= self.hangs_s:
            end += self.wakes_s - max(now, self.hangs_s)
        if self.dies_s <= end and self.dies_s < _NEVER:
            await asyncio.sleep(self.dies_s - now)
            raise DialError(f"{self.info.name}: connection refused")
        await (asyncio.sleep(end - now) if end < _NEVER else asyncio.Event().wait())
