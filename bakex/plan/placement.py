"""Which node each cell goes to: list scheduling over what is expected of cells and nodes. Pure.

* The longest chain of work goes first: a cell's priority is what it, and the longest chain of cells
  after it, are expected to take.
* A cell goes where it would be done first, given what was placed before it; among equal nodes, to
  the one with the least to do. A node gets done at once as many cells as it has processors: more of
  them would share these, and be done no sooner than one after the other.
* A node that built it last time has most of its steps in the cache; one where what it links to is
  built needs no copy of that. Both count as time saved, so that neither is worth a long queue.
  Whether the steps are in the cache in truth is not known: for so long as they might be, but no
  longer, others leave the cell to that node (`Place.patience_s`).
* Native nodes go before emulating ones, unless emulation is allowed beside them.

What is known of the past decides how long something takes; what never ran takes as long as the
average, and if nothing ever ran, everything takes the same.
"""

from __future__ import annotations

import heapq
from bisect import insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakex.model.node import Speed
from bakex.model.running import Emulation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bakex.model.node import NodeInfo, NodeName
    from bakex.model.plan import CellId

    Able = tuple[tuple[NodeName, Speed], ...]

_UNKNOWN_S = 1.0  # of everything, if nothing ever ran
_LEAST_S = 0.05  # what is quick because it was cached is not free of charge
_CACHED = 0.3  # of the time, where it was built last
_PATIENCE_S = 2.0  # the longest that others leave a cell to the node that built it last
_APART = 1.0  # of the time, on top, for each base that is built elsewhere
_GATE_APART = 4.0  # the same for gates, which should meet the result where it was made
_EMULATED = 10.0  # times slower, as a rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """How it went the last time: where, how, and how many seconds it takes uncached."""

    node: NodeName
    seconds: float
    speed: Speed = Speed.NATIVE

    @property
    def natively_s(self) -> float:
        """What it takes on a native node that is as fast, as a rule."""
        return self.seconds if self.speed is Speed.NATIVE else self.seconds / _EMULATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A cell that is looking for a node.

    Attributes:
        able: The nodes that may build it, in the builder's order, at least one. Wishes with the
            same nodes should share the tuple.
        after: The cells that it builds on.
        is_gate: It judges the results of those.
        labels: What its node must have, in words; empty for nothing.
        past: How it went the last time.
        cached: It may use what was built then.
    """

    id: CellId
    able: Able
    after: tuple[CellId, ...] = ()
    is_gate: bool = False
    labels: str = ""
    past: Past | None = None
    cached: bool = True

    @property
    def last(self) -> NodeName | None:
        """Where most of it is in the cache."""
        return self.past.node if self.past and self.cached else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a cell goes.

    Attributes:
        alternatives: Where else it may go: native nodes before emulating ones.
        priority: Seconds; see the module.
        why: In a few words.
        patience_s: For how long it is left to that node when others are idle.
    """

    node: NodeName
    speed: Speed
    alternatives: Able
    priority: float
    why: str
    patience_s: float = 0.0


@dataclass(slots=True)
class _Queue:
    """What a node has to do.

    Attributes:
        free: When each of its processors will be free, the first one first.
        work: The seconds of all that it got.
    """

    weight: int
    free: list[float]
    work: float = 0.0

    def end(self, ready: float, seconds: float) -> float:
        """Return when something would be done that could begin at `ready`."""
        return max(ready, self.free[0]) + seconds

    def add(self, end: float, seconds: float) -> None:
        self.free.pop(0)
        insort(self.free, end)
        self.work += seconds


class _Choice:
    """The nodes of one tuple of them, sorted out once for all cells that share it.

    Attributes:
        first: Those among which a cell's own node is chosen.
        natives: How many of all are native.
    """

    def __init__(self, able: Able, emulation: Emulation) -> None:
        native = tuple(place for place in able if place[1] is Speed.NATIVE)
        emulated = tuple(place for place in able if place[1] is not Speed.NATIVE)
        self.first = able if emulation is Emulation.ALLOW else native or emulated
        self.natives = len(native)
        self._ranked = (*native, *emulated)
        self._others: dict[NodeName, Able] = {}

    def besides(self, node: NodeName) -> Able:
        """Return all but one node: those that are native first."""
        if node not in self._others:
            self._others[node] = tuple(place for place in self._ranked if place[0] != node)
        return self._others[node]


@dataclass(slots=True)
class _Placement:
    """What was placed so far.

    Attributes:
        seconds: Of each cell on a native node of weight 1.
        usual: The same on the best kind of node that there is for it.
        choices: By the identity of the tuples that wishes share.
    """

    queues: Mapping[NodeName, _Queue]
    seconds: Mapping[CellId, float]
    usual: Mapping[CellId, float]
    priorities: Mapping[CellId, float]
    choices: Mapping[int, _Choice]
    places: dict[CellId, Place] = field(default_factory=dict["CellId", Place])
    ends: dict[CellId, float] = field(default_factory=dict["CellId", float])

    def put(self, wish: Wish) -> None:
        choice = self.choices[id(wish.able)]
        ready = max((self.ends[base] for base in wish.after), default=0.0)
        bases = [self.places[base].node for base in wish.after]
        apart = self.usual[wish.id] * (_GATE_APART if wish.is_gate else _APART)
        best: tuple[float, float] | None = None
        node, speed = choice.first[0]
        for name, how in choice.first:
            queue = self.queues[name]
            end = queue.end(ready, self._duration(wish, name, how))
            if bases:
                end += apart * (len(bases) - bases.count(name))
            if best is None or (end, queue.work) < best:
                best, node, speed = (end, queue.work), name, how
        why = self._why(wish, node, choice, bases)
        seconds, queue = self._duration(wish, node, speed), self.queues[node]
        self.places[wish.id] = Place(
            node=node,
            speed=speed,
            alternatives=choice.besides(node),
            priority=self.priorities[wish.id],
            why=why if speed is Speed.NATIVE else _emulated(choice, wish, why),
            patience_s=min(_PATIENCE_S, seconds / _CACHED - seconds) if wish.last == node else 0.0,
        )
        self.ends[wish.id] = end = queue.end(ready, seconds)
        queue.add(end, seconds)

    def _duration(self, wish: Wish, node: NodeName, speed: Speed) -> float:
        seconds = self.seconds[wish.id] / self.queues[node].weight
        if speed is not Speed.NATIVE:
            seconds *= _EMULATED
        return seconds * _CACHED if wish.last == node else seconds

    def _why(self, wish: Wish, node: NodeName, choice: _Choice, bases: Collection[NodeName]) -> str:
        if len(choice.first) == 1:
            kind = "node" if len(wish.able) == 1 else "native node"
            return f"the only {kind} with {wish.labels}" if wish.labels else f"the only {kind}"
        if wish.last == node:
            return "built here before"
        if node in bases:
            return "what it uses is here"
        return "done first here" if self.queues[node].work else "free"


def _emulated(choice: _Choice, wish: Wish, why: str) -> str:
    kind = f"native node with {wish.labels}" if wish.labels else "native node"
    reason = f"no {kind}" if not choice.natives else "native nodes are busy"
    return reason if len(choice.first) == 1 else f"{reason}; {why}"


def place(
    wishes: Sequence[Wish], nodes: Sequence[NodeInfo], emulation: Emulation = Emulation.FALLBACK
) -> dict[CellId, Place]:
    """Find a node for each cell; the same input gives the same places.

    Args:
        wishes: Each after those that it comes after.
        nodes: Those that `Wish.able` speaks of, with their terms.
        emulation: When nodes that emulate are taken; ``never`` is up to `Wish.able`.
    """
    weights = {node.name: node.terms.weight for node in nodes}
    seconds = _expected(wishes, weights)
    # The wishes keep the tuples, so none takes the place of another in memory.
    choices = {id(able): _Choice(able, emulation) for able in _distinct(wishes)}
    usual = {
        wish.id: seconds[wish.id] * (1 if choices[id(wish.able)].natives else _EMULATED)
        for wish in wishes
    }
    priorities = _priorities(wishes, usual)
    placement = _Placement(
        queues={node.name: _Queue(node.terms.weight, [0.0] * node.parallel) for node in nodes},
        seconds=seconds,
        usual=usual,
        priorities=priorities,
        choices=choices,
    )
    known = {wish.id: number for number, wish in enumerate(wishes)}
    missing = {wish.id: len(set(wish.after)) for wish in wishes}
    users: dict[CellId, list[CellId]] = {wish.id: [] for wish in wishes}
    for wish in wishes:
        for base in set(wish.after):
            users[base].append(wish.id)
    ready = [(-priorities[wish.id], known[wish.id]) for wish in wishes if not wish.after]
    heapq.heapify(ready)
    while ready:
        wish = wishes[heapq.heappop(ready)[1]]
        placement.put(wish)
        for user in users[wish.id]:
            missing[user] -= 1
            if not missing[user]:
                heapq.heappush(ready, (-priorities[user], known[user]))
    return placement.places


def _distinct(wishes: Sequence[Wish]) -> Collection[Able]:
    return {id(wish.able): wish.able for wish in wishes}.values()


def _expected(wishes: Sequence[Wish], weights: Mapping[NodeName, int]) -> dict[CellId, float]:
    """Return the seconds of each cell on a native node of weight 1."""
    known = {wish.id: _measured(wish.past, weights) for wish in wishes if wish.past}
    usual = sum(known.values()) / len(known) if known else _UNKNOWN_S
    return {wish.id: known.get(wish.id, usual) for wish in wishes}


def _measured(past: Past, weights: Mapping[NodeName, int]) -> float:
    return max(past.natively_s * weights.get(past.node, 1), _LEAST_S)


def _priorities(wishes: Sequence[Wish], seconds: Mapping[CellId, float]) -> dict[CellId, float]:
    chains = dict.fromkeys(seconds, 0.0)  # the longest one after each
    found: dict[CellId, float] = {}
    for wish in reversed(wishes):
        found[wish.id] = seconds[wish.id] + chains[wish.id]
        for base in wish.after:
            chains[base] = max(chains[base], found[wish.id])
    return found
