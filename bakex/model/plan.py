"""Cells and plans: the whole of a run, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bakex.model.node import NodeName, Speed
    from bakex.model.platform import Platform
    from bakex.model.target import Target


@dataclass(frozen=True, slots=True, order=True)
class CellId:
    """``target@os/arch``; stable across runs, so it can be a key in reports and caches."""

    target: str
    platform: Platform

    def __str__(self) -> str:
        return f"{self.target}@{self.platform}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One target for one platform on one node: the unit of scheduling, retry and report.

    Attributes:
        speed: Native or emulated on that node.
        after: Cells whose content this one uses (linked targets).
        links: Named context -> the cell whose content it is; for other platforms than the cell's
            own, ``NAME::PLATFORM``.
        direct: Those of the linked cells whose results never leave the node: it builds on them
            itself. The others' go through the client, as content.
        gates: Cells that must be done well before the result of this one's target is published.
        alternatives: Other nodes that may build it, the preferred ones first, and how fast.
        priority: What has more of it starts first: the seconds that it and the longest chain of
            cells after it are expected to take.
        why: Why it is to be built on that node, in a few words.
        timeout_s: The longest that an attempt may take; 0 for no limit.
        retries: How often it is tried again when one of its own steps fails.
        patience_s: For how long it waits for its node, which has most of it in its cache, before
            another one takes it over.
    """

    id: CellId
    target: Target
    node: NodeName
    speed: Speed
    after: tuple[CellId, ...] = ()
    links: tuple[tuple[str, CellId], ...] = ()
    direct: frozenset[CellId] = frozenset()
    gates: tuple[CellId, ...] = ()
    alternatives: tuple[tuple[NodeName, Speed], ...] = ()
    priority: float = 0.0
    why: str = ""
    timeout_s: float = 0.0
    retries: int = 0
    patience_s: float = 0.0

    @property
    def platform(self) -> Platform:
        """The platform that is built."""
        return self.id.platform

    def speed_on(self, node: NodeName) -> Speed:
        """Return how a node builds it: its own, or one of the others that may."""
        return dict(self.alternatives).get(node, self.speed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """An attempt to build a cell that came to nothing.

    Attributes:
        reason: Why, in a line.
    """

    node: NodeName
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """Where and how a cell was built in the end.

    Attributes:
        seconds: What the attempt took that succeeded.
        broken: The attempts before it, in order, as far as they are known.
    """

    node: NodeName
    speed: Speed
    attempts: int
    seconds: float
    broken: tuple[Broken, ...] = ()


class _Index:
    """Cells by their id, by their target, and by those that they are built on."""

    __slots__ = ("cells", "of", "users")

    def __init__(self, cells: Iterable[Cell]) -> None:
        self.cells: dict[CellId, Cell] = {}
        self.of: dict[str, list[Cell]] = {}
        self.users: dict[CellId, list[CellId]] = {}
        for cell in cells:
            self.cells[cell.id] = cell
            self.of.setdefault(cell.id.target, []).append(cell)
            for base in cell.direct:
                self.users.setdefault(base, []).append(cell.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Cells in an order in which each comes after what it waits for.

    Attributes:
        requested: Targets that the user asked for; the rest is there to be linked to.
    """

    cells: tuple[Cell, ...]
    requested: tuple[str, ...]
    _index: _Index = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Sort the cells by what they are asked for by."""
        object.__setattr__(self, "_index", _Index(self.cells))

    def built(self, places: Mapping[CellId, Built]) -> Plan:
        """Return the plan as it was carried out: cells where they were built."""
        cells = (
            replace(cell, node=places[cell.id].node, speed=places[cell.id].speed)
            if cell.id in places
            else cell
            for cell in self.cells
        )
        return replace(self, cells=tuple(cells))

    def of(self, target: str) -> tuple[Cell, ...]:
        """Return a target's cells, in the order in which it declares its platforms."""
        return tuple(self._index.of.get(target, ()))

    def cell(self, cell: CellId) -> Cell:
        """Return one of the cells.

        Raises:
            KeyError: It is not in the plan.
        """
        return self._index.cells[cell]

    def users(self, base: CellId) -> tuple[CellId, ...]:
        """Return the cells that are built on another one where it was built."""
        return tuple(self._index.users.get(base, ()))

    @property
    def handed_over(self) -> frozenset[CellId]:
        """The cells that others use and whose content has to leave its node for that."""
        return frozenset(
            base for cell in self.cells for _, base in cell.links if base not in cell.direct
        )

    def gates_of(self, target: str) -> tuple[CellId, ...]:
        """Return the cells on which the publication of a target depends besides its own."""
        return tuple(dict.fromkeys(gate for cell in self.of(target) for gate in cell.gates))
