"""Where cells may go instead that build on results which never leave their node. Pure.

Such cells move together, if at all: only to a node that may build each of them, and that can build
on results of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from bakex.model.node import NodeName
    from bakex.model.plan import Cell, CellId


def homes(cells: Iterable[Cell], linking: Collection[NodeName]) -> dict[CellId, set[NodeName]]:
    """Return, for each cell of such a family, the other nodes that the whole of it may go to.

    Args:
        cells: Each after those that it builds on.
        linking: The nodes that can build on results of their own.
    """
    parents: dict[CellId, CellId] = {}
    shared: dict[CellId, set[NodeName]] = {}
    members: set[CellId] = set()

    def head(cell: CellId) -> CellId:
        while parents[cell] != cell:
            parents[cell] = parents[parents[cell]]
            cell = parents[cell]
        return cell

    for cell in cells:
        parents[cell.id] = cell.id
        shared[cell.id] = {name for name, _ in cell.alternatives}
        for base in sorted(cell.direct):
            members.update((cell.id, base))
            shared[cell.id] &= shared[head(base)].intersection(linking)
            parents[head(base)] = cell.id
    return {cell: shared[head(cell)] for cell in members}
