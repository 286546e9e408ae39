"""What `bakex.run.dispatch` keeps: of nodes, of what waits for them, of what belongs together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.model.node import NodeName, Speed
    from bakex.model.plan import Cell, CellId

Key = tuple[float, int]  # what waits with the lowest key goes first


@dataclass(slots=True)
class Station:
    """A node.

    Attributes:
        ease: With fewer cells than that it takes whatever there is.
        queues: What waits for it, by kind.
    """

    slots: int
    ease: int
    running: int = 0
    waiting: int = 0
    is_lost: bool = False
    queues: dict[Kind, list[Key]] = field(default_factory=dict["Kind", "list[Key]"])

    @property
    def is_free(self) -> bool:
        """Whether it can run another cell."""
        return not self.is_lost and self.running < self.slots

    @property
    def is_at_ease(self) -> bool:
        """Whether another cell makes those that run no slower, as far as is known."""
        return self.running < self.ease

    @property
    def load(self) -> float:
        """How many rounds it takes to get through what it has."""
        return (self.running + self.waiting) / self.slots


@dataclass(slots=True, eq=False)
class Kind:
    """Cells that the same nodes can build, at the same speeds, and were planned for one speed.

    Attributes:
        helpers: How many nodes are there that are as fast as planned, or faster.
        queue: What other nodes may take over.
        later: What they may take over after a while, and when.
    """

    helpers: int = 0
    queue: list[Key] = field(default_factory=list[Key])
    later: list[tuple[float, Key]] = field(default_factory=list[tuple[float, Key]])


@dataclass(slots=True)
class Family:
    """Cells that have to be on one node, and which one that is."""

    home: NodeName
    cells: list[CellId]


def families(cells: Sequence[Cell]) -> dict[CellId, Family]:
    """Return cell -> those that have to be on one node with it; no entry for single ones."""
    found: dict[CellId, Family] = {}
    for cell in cells:
        for base in sorted(cell.direct):
            one, other = (
                found.setdefault(member, Family(cell.node, [member])) for member in (base, cell.id)
            )
            if one is not other:
                small, large = sorted((other, one), key=lambda family: len(family.cells))
                large.cells.extend(small.cells)
                found.update(dict.fromkeys(small.cells, large))
    return found


def places(cell: Cell) -> tuple[tuple[NodeName, Speed], ...]:
    """Return all nodes that may build a cell, the planned one first, and how fast."""
    return ((cell.node, cell.speed), *cell.alternatives)
