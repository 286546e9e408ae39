"""Cells and plans: the whole of a run, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
        links: Named context -> the cell whose content it is.
    """

    id: CellId
    target: Target
    node: NodeName
    speed: Speed
    after: tuple[CellId, ...] = ()
    links: tuple[tuple[str, CellId], ...] = ()

    @property
    def platform(self) -> Platform:
        """The platform that is built."""
        return self.id.platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Cells in an order in which each comes after what it waits for.

    Attributes:
        requested: Targets that the user asked for; the rest is there to be linked to.
    """

    cells: tuple[Cell, ...]
    requested: tuple[str, ...]

    def of(self, target: str) -> tuple[Cell, ...]:
        """Return a target's cells, in the order in which it declares its platforms."""
        return tuple(cell for cell in self.cells if cell.id.target == target)
