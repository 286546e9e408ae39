"""Which cell runs next, and on which node: the decisions of the executor, without its waiting.

* A cell is ready when all that it comes after are done; of the ready ones, the one with the highest
  priority goes first, then the one that is earlier in the plan.
* A cell goes to the node that the plan chose for it. A node that is at ease and has nothing ready
  of its own takes over what waits for another one, if it is as fast for that cell.
* So that there is something to take over, a node that is no longer at ease starts only what nobody
  else would: with as many cells as it has processors, one more makes it no quicker.
* What most likely is in the cache of its node (`Cell.patience_s`) is left there for a while: it may
  be done there sooner than it could be built anew.
* What a lost node should have run goes to the best of the nodes left: the fastest kind first, then
  the one with the least to do. A lost node that is back takes over like any other.
* Cells that build on results which never leave a node (`Cell.direct`) are a family: they stay
  together, and move together if their node is lost. Then results that are still needed are lost,
  too, and are made again.
* A cell that runs may get a second slot, on a node that would run it natively and has nothing else
  to do. One of the two attempts counts in the end; the other one's slot is taken until it is freed.
* Neither a node's slots nor the total are ever exceeded.

The same calls in the same order give the same answers.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from bakex.errors import InternalError
from bakex.model.node import Speed
from bakex.run.queues import Kind, Station, families, places

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bakex.model.node import NodeName
    from bakex.model.plan import Cell, CellId
    from bakex.run.queues import Key

_RANK = {Speed.NATIVE: 0, Speed.EMULATED: 1}


class Dispatch:
    """The state of a run; one call for each thing that happens."""

    def __init__(
        self,
        cells: Sequence[Cell],
        slots: Mapping[NodeName, int],
        *,
        total: int = 0,
        ease: Mapping[NodeName, int] | None = None,
        now: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Take the plan.

        Args:
            cells: Each after those that it comes after.
            slots: Cells at once on each node, at least one.
            total: Cells at once on all nodes; 0 for no limit but theirs.
            ease: Cells at once beyond which a node leaves to others what they can do as well; the
                slots of those that are not named.
            now: Gives the time, in seconds.
        """
        least = ease or {}
        self._nodes = {
            name: Station(count, least.get(name, count)) for name, count in slots.items()
        }
        self._total = total
        self._now = now
        self._cells = {cell.id: cell for cell in cells}
        self._keys = {cell.id: (-cell.priority, n) for n, cell in enumerate(cells)}
        self._ids = {key: cell for cell, key in self._keys.items()}
        self._missing = {cell.id: set(cell.after) for cell in cells}
        self._users: dict[CellId, list[CellId]] = {cell.id: [] for cell in cells}
        for cell in cells:
            for other in cell.after:
                self._users[other].append(cell.id)
        self._places: dict[CellId, NodeName] = {}  # of the cells that run
        self._seconds: dict[CellId, NodeName] = {}  # of those that run twice, the other place
        self._extra = 0  # slots beside those of `_places`
        # Where what is ready waits. Queues are heaps, and may hold keys that wait elsewhere by now.
        self._waits: dict[Key, NodeName] = {}
        self._done: set[CellId] = set()
        self._families = families(cells)
        self._kinds: dict[CellId, Kind] = {}
        self._helps: dict[NodeName, list[Kind]] = {name: [] for name in self._nodes}
        self._sort(cells)
        self._homeless: list[CellId] = []
        for cell in cells:
            self._queue(cell)

    def _sort(self, cells: Sequence[Cell]) -> None:
        kinds: dict[object, Kind] = {}
        for cell in cells:
            speeds = dict(places(cell))
            key = (frozenset(speeds.items()), cell.speed, cell.id in self._families)
            kind = kinds.get(key)
            if kind is None:
                kind = kinds[key] = Kind()
                for node, speed in speeds.items():
                    if cell.id not in self._families and _RANK[speed] <= _RANK[cell.speed]:
                        self._helps[node].append(kind)
                        kind.helpers += 1
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
            elsewhere: Prefer another node than the one where it was, if that is as fast.
        """
        former = self._release(cell)
        self._queue(self._cells[cell], avoid=former if elsewhere else None)

    def second(self, cell: CellId) -> NodeName | None:
        """Give a cell that runs emulated a second slot, if a native node has nothing else to do.

        Returns:
            The node; None if there is none, or if the cell is bound to the node where it is.
        """
        here = self._cells[cell].speed_on(self._places[cell])
        if cell in self._families or here is Speed.NATIVE:
            return None
        idle = [
            (name, speed)
            for name, speed in self._able(self._cells[cell])
            if speed is Speed.NATIVE and self._is_idle(name)
        ]
        found = self._best(idle)
        if found is not None:
            self._nodes[found].running += 1
            self._extra += 1
            self._seconds[cell] = found
        return found

    def dropped(self, cell: CellId, node: NodeName) -> None:
        """Take note which of two attempts does not count; `freed` is to follow when it has ended.

        Args:
            cell: It runs in two places.
            node: The one of them.
        """
        other = self._seconds.pop(cell)
        if other != node:
            self._places[cell] = other

    def freed(self, node: NodeName) -> None:
        """Take note that an attempt that did not count has ended."""
        self._nodes[node].running -= 1
        self._extra -= 1

    def lost(self, node: NodeName) -> list[CellId]:
        """Take note that a node can run nothing any more.

        What waited for it waits elsewhere; for what runs there, `again` or `failed` is to follow.

        Returns:
            Cells that were done, whose results were on that node and are still needed: they will
            be started once more.
        """
        self._nodes[node].is_lost = True
        for kind in self._helps[node]:
            kind.helpers -= 1
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

    def back(self, node: NodeName) -> None:
        """Take note that a lost node is there again, and that nothing runs there any more."""
        self._nodes[node].is_lost = False
        for kind in self._helps[node]:
            kind.helpers += 1

    def is_lost(self, node: NodeName) -> bool:
        """Return whether a node was lost."""
        return self._nodes[node].is_lost

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
        key, kind, node = self._keys[cell.id], self._kinds[cell.id], self._nodes[home]
        self._waits[key] = home
        node.waiting += 1
        heappush(node.queues.setdefault(kind, []), key)
        if cell.patience_s and home == cell.node:
            heappush(kind.later, (self._now() + cell.patience_s, key))
        else:
            heappush(kind.queue, key)

    def _leave(self, key: Key) -> None:
        self._nodes[self._waits.pop(key)].waiting -= 1

    def _home(self, cell: Cell, avoid: NodeName | None) -> NodeName | None:
        family = self._families.get(cell.id)
        if family is None:
            if avoid is None and not self._nodes[cell.node].is_lost:
                return cell.node
            return self._best(self._able(cell), avoid)
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
        return [place for place in places(cell) if not self._nodes[place[0]].is_lost]

    def _best(
        self, able: Sequence[tuple[NodeName, Speed]], avoid: NodeName | None = None
    ) -> NodeName | None:
        def cost(place: tuple[NodeName, Speed]) -> tuple[int, bool, float]:
            name, speed = place
            return _RANK[speed], name == avoid, self._nodes[name].load

        return min(able, key=cost)[0] if able else None

    def _own(self, name: NodeName) -> Key | None:
        """Return what waits for a node and goes first, as far as it may start it now."""
        first: Key | None = None
        node = self._nodes[name]
        for kind, queue in node.queues.items():
            if kind.helpers > 1 and not node.is_at_ease:
                continue
            while queue and self._waits.get(queue[0]) != name:
                heappop(queue)
            if queue and (first is None or queue[0] < first):
                first = queue[0]
        return first

    def _relief(self, name: NodeName) -> Key | None:
        """Return what goes first of what a node may take over; what waits, waits for its node."""
        first: Key | None = None
        if not self._nodes[name].is_at_ease:
            return first
        for kind in self._helps[name]:
            while kind.later and (
                kind.later[0][1] not in self._waits or kind.later[0][0] <= self._now()
            ):
                heappush(kind.queue, heappop(kind.later)[1])
            while kind.queue and kind.queue[0] not in self._waits:
                heappop(kind.queue)
            if kind.queue and (first is None or kind.queue[0] < first):
                first = kind.queue[0]
        return first

    def _take(self, key: Key, name: NodeName) -> tuple[Cell, NodeName]:
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

    def _is_idle(self, name: NodeName) -> bool:
        """Return whether a slot is free and nothing waits that the node might run."""
        node = self._nodes[name]
        free = node.is_free and node.is_at_ease and self._has_room()
        return free and self._own(name) is None and self._relief(name) is None

    def _has_room(self) -> bool:
        return not self._total or len(self._places) + self._extra < self._total
