"""Which cell runs next, and on which node: the decisions of the executor, without its waiting.

* A cell is ready when all that it comes after are done; of the ready ones, the one with the highest
  priority goes first, then the one that is earlier in the plan.
* A cell goes to the node that the plan chose for it. A node that has a free slot and nothing ready
  of its own takes over what waits for a node without one, if it is as fast for that cell.
* What a lost node should have run goes to the best of the nodes left: the fastest kind first, then
  the one with the least to do.
* Cells that build on results which never leave a node (`Cell.direct`) are a family: they stay
  together, and move together if their node is lost. Then results that are still needed are lost,
  too, and are made again.
* Neither a node's slots nor the total are ever exceeded.

The same calls in the same order give the same answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from bakex.errors import InternalError
from bakex.model.node import Speed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.model.node import NodeName
    from bakex.model.plan import Cell, CellId

_RANK = {Speed.NATIVE: 0, Speed.EMULATED: 1}
_Key = tuple[float, int]  # what waits with the lowest key goes first


@dataclass(slots=True)
class _Node:
    slots: int
    running: int = 0
    waiting: int = 0
    is_lost: bool = False
    queue: list[_Key] = field(default_factory=list[_Key])

    @property
    def is_free(self) -> bool:
        return not self.is_lost and self.running < self.slots

    @property
    def load(self) -> float:
        """How many rounds it takes to get through what it has."""
        return (self.running + self.waiting) / self.slots


@dataclass(slots=True)
class _Kind:
    """Cells that the same nodes can build, at the same speeds, and were planned for one speed.

    Attributes:
        queue: What other nodes may take over.
    """

    speeds: Mapping[NodeName, Speed]
    queue: list[_Key] = field(default_factory=list[_Key])


@dataclass(slots=True)
class _Family:
    home: NodeName
    cells: list[CellId]


class Dispatch:
    """The state of a run; one call for each thing that happens."""

    def __init__(
        self, cells: Sequence[Cell], slots: Mapping[NodeName, int], *, total: int = 0
    ) -> None:
        """Take the plan.

        Args:
            cells: Each after those that it comes after.
            slots: Cells at once on each node, at least one.
            total: Cells at once on all nodes; 0 for no limit but theirs.
        """
        self._nodes = {name: _Node(count) for name, count in slots.items()}
        self._total = total
        self._cells = {cell.id: cell for cell in cells}
        self._keys = {cell.id: (-cell.priority, n) for n, cell in enumerate(cells)}
        self._ids = {key: cell for cell, key in self._keys.items()}
        self._missing = {cell.id: set(cell.after) for cell in cells}
        self._users: dict[CellId, list[CellId]] = {cell.id: [] for cell in cells}
        for cell in cells:
            for other in cell.after:
                self._users[other].append(cell.id)
        self._places: dict[CellId, NodeName] = {}  # of the cells that run
        # Where what is ready waits. Queues are heaps, and may hold keys that wait elsewhere by now.
        self._waits: dict[_Key, NodeName] = {}
        self._done: set[CellId] = set()
        self._families = _families(cells)
        self._kinds: dict[CellId, _Kind] = {}
        self._helps: dict[NodeName, list[_Kind]] = {name: [] for name in self._nodes}
        self._sort(cells)
        self._homeless: list[CellId] = []
        for cell in cells:
            self._queue(cell)

    def _sort(self, cells: Sequence[Cell]) -> None:
        kinds: dict[object, _Kind] = {}
        for cell in cells:
            speeds = dict(_places(cell))
            key = (frozenset(speeds.items()), cell.speed, cell.id in self._families)
            kind = kinds.get(key)
            if kind is None:
                kind = kinds[key] = _Kind(speeds)
                for node, speed in speeds.items():
                    if cell.id not in self._families and _RANK[speed] <= _RANK[cell.speed]:
                        self._helps[node].append(kind)
            self._kinds[cell.id] = kind

    @property
    def running(self) -> Mapping[CellId, NodeName]:
        """The cells that have a slot, and where."""
        return self._places

    def start(self) -> list[tuple[Cell, NodeName]]:
        """Give slots to as many cells as can start now; the caller runs them."""
        started: list[tuple[Cell, NodeName]] = []
        for find in (self._own, self._relief):
            for name, node in self._nodes.items():
                while self._waits and node.is_free and self._has_room():
                    key = find(name)
                    if key is None:
                        break
                    started.append(self._take(key, name))
        return started

    def stranded(self) -> list[Cell]:
        """Return the cells that no node is left for; each is returned once, and never runs."""
        found, self._homeless = self._homeless, []
        return [self._cells[cell] for cell in found]

    def done(self, cell: CellId) -> None:
        """Take note of a result: the slot is free, and what came after the cell may be ready."""
        self._release(cell)
        self._done.add(cell)
        for user in self._users[cell]:
            # It is not there if something else that it comes after has failed.
            if user in self._missing and cell in self._missing[user]:
                self._missing[user].remove(cell)
                self._queue(self._cells[user])

    def failed(self, cell: CellId) -> list[CellId]:
        """Take note that a cell will have no result; return those that therefore never run.

        They come in the order of the plan, each once in a run.
        """
        if cell in self._places:
            self._release(cell)
        skipped: set[CellId] = set()
        front = [cell]
        while front:
            base = front.pop()
            self._missing.pop(base, None)
            for user in self._users[base]:
                if base in self._missing.get(user, ()) and user not in self._done:
                    skipped.add(user)
                    front.append(user)
        return sorted(skipped, key=self._keys.__getitem__)

    def again(self, cell: CellId, *, elsewhere: bool = False) -> None:
        """Take note that an attempt came to nothing, and have the cell wait for its next one.

        Args:
            cell: It was running.
            elsewhere: Prefer another node than the one where it was.
        """
        former = self._release(cell)
        self._queue(self._cells[cell], avoid=former if elsewhere else None)

    def lost(self, node: NodeName) -> list[CellId]:
        """Take note that a node can run nothing any more.

        What waited for it waits elsewhere; for what runs there, `again` or `failed` is to follow.

        Returns:
            Cells that were done, whose results were on that node and are still needed: they will
            be started once more.
        """
        self._nodes[node].is_lost = True
        waiting = sorted(key for key, place in self._waits.items() if place == node)
        for key in waiting:
            self._leave(key)
        again = self._undone(node)
        for cell in again:
            self._done.discard(cell)
            self._missing[cell] = set(self._cells[cell].direct).intersection(again)
            for user in self._users[cell]:
                if user in self._missing and cell in self._cells[user].direct:
                    self._missing[user].add(cell)
        for cell in (*again, *(self._ids[key] for key in waiting)):
            self._queue(self._cells[cell])
        return again

    def _undone(self, node: NodeName) -> list[CellId]:
        """Return the results that a node takes with it although they are needed."""
        found: set[CellId] = set()
        for cell in reversed(self._cells.values()):
            family = self._families.get(cell.id)
            if cell.id in self._done and family and family.home == node:
                users = [u for u in self._users[cell.id] if cell.id in self._cells[u].direct]
                if any(u in found or (u in self._missing and u not in self._done) for u in users):
                    found.add(cell.id)
        return sorted(found, key=self._keys.__getitem__)

    def is_lost(self, node: NodeName) -> bool:
        """Return whether a node was lost."""
        return self._nodes[node].is_lost

    def speed(self, cell: Cell, node: NodeName) -> Speed:
        """Return how a node runs a cell that may run there."""
        return self._kinds[cell.id].speeds[node]

    def _queue(self, cell: Cell, avoid: NodeName | None = None) -> None:
        """Have a cell wait for a slot, unless it waits for something else still.

        One that runs on a node that was lost waits when it has ended there.
        """
        if self._missing[cell.id] or cell.id in self._places or cell.id in self._done:
            return
        home = self._home(cell, avoid)
        if home is None:
            self._homeless.append(cell.id)
            return
        key = self._keys[cell.id]
        self._waits[key] = home
        self._nodes[home].waiting += 1
        heappush(self._nodes[home].queue, key)
        heappush(self._kinds[cell.id].queue, key)

    def _leave(self, key: _Key) -> None:
        self._nodes[self._waits.pop(key)].waiting -= 1

    def _home(self, cell: Cell, avoid: NodeName | None) -> NodeName | None:
        family = self._families.get(cell.id)
        if family is None:
            if cell.node != avoid and not self._nodes[cell.node].is_lost:
                return cell.node
            able = self._able(cell)
            return self._best([place for place in able if place[0] != avoid] or able)
        if self._nodes[family.home].is_lost:
            left = [c for c in family.cells if c in self._missing and c not in self._done]
            fits = self._able(cell)
            for member in left:
                reach = {name for name, _ in self._able(self._cells[member])}
                fits = [place for place in fits if place[0] in reach]
            best = self._best(fits)
            if best is None:
                return None
            family.home = best
        return family.home

    def _able(self, cell: Cell) -> list[tuple[NodeName, Speed]]:
        return [place for place in _places(cell) if not self._nodes[place[0]].is_lost]

    def _best(self, places: Sequence[tuple[NodeName, Speed]]) -> NodeName | None:
        def cost(place: tuple[NodeName, Speed]) -> tuple[int, float]:
            return _RANK[place[1]], self._nodes[place[0]].load

        return min(places, key=cost)[0] if places else None

    def _own(self, name: NodeName) -> _Key | None:
        """Return what waits for a node and goes first."""
        queue = self._nodes[name].queue
        while queue and self._waits.get(queue[0]) != name:
            heappop(queue)
        return queue[0] if queue else None

    def _relief(self, name: NodeName) -> _Key | None:
        """Return what goes first of what a node may take over: all that waits, waits for slots."""
        first: _Key | None = None
        for kind in self._helps[name]:
            while kind.queue and kind.queue[0] not in self._waits:
                heappop(kind.queue)
            if kind.queue and (first is None or kind.queue[0] < first):
                first = kind.queue[0]
        return first

    def _take(self, key: _Key, name: NodeName) -> tuple[Cell, NodeName]:
        self._leave(key)
        cell = self._cells[self._ids[key]]
        self._nodes[name].running += 1
        self._places[cell.id] = name
        return cell, name

    def _release(self, cell: CellId) -> NodeName:
        try:
            name = self._places.pop(cell)
        except KeyError:
            raise InternalError(f"{cell} does not run") from None
        self._nodes[name].running -= 1
        return name

    def _has_room(self) -> bool:
        return not self._total or len(self._places) < self._total


def _families(cells: Sequence[Cell]) -> dict[CellId, _Family]:
    """Return cell -> those that have to be on one node with it; no entry for single ones."""
    found: dict[CellId, _Family] = {}
    for cell in cells:
        for base in sorted(cell.direct):
            one, other = (
                found.setdefault(member, _Family(cell.node, [member])) for member in (base, cell.id)
            )
            if one is not other:
                small, large = sorted((other, one), key=lambda family: len(family.cells))
                large.cells.extend(small.cells)
                found.update(dict.fromkeys(small.cells, large))
    return found


def _places(cell: Cell) -> tuple[tuple[NodeName, Speed], ...]:
    return ((cell.node, cell.speed), *cell.alternatives)
