"""What is said of cells that are given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.errors import NodeError, NodeLostError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.errors import BakexError
    from bakex.model.node import NodeName
    from bakex.model.plan import Broken, Cell


def given_up(cell: Cell, broken: Sequence[Broken], error: BakexError) -> BakexError:
    """Return the error of a cell whose last attempt failed.

    Args:
        cell: On the node of that attempt.
        broken: The attempts before.
        error: What ended the last one.
    """
    if not broken:
        return error
    tries = [f"attempt {n}, {one.node}: {one.reason}" for n, one in enumerate(broken, 1)]
    if not isinstance(error, NodeError):
        error.detail = "\n".join(filter(None, [error.detail, *tries]))
        return error
    count = len(tries) + 1
    return NodeLostError(
        f"{cell.id}: given up after {count} attempts",
        detail="\n".join([*tries, f"attempt {count}, {cell.node}: {error.summary}"]),
        hint=error.hint,
    )


def no_node(cell: Cell, lost: Mapping[NodeName, str]) -> BakexError:
    """Return the error of a cell that no node is left for.

    Args:
        cell: As it was planned.
        lost: Nodes, and why they are.
    """
    able = {cell.node, *(name for name, _ in cell.alternatives)}
    reasons = [f"{name} was lost: {why}" for name, why in lost.items() if name in able]
    return NodeLostError(
        f"{cell.id}: no node is left that builds {cell.platform}",
        detail="\n".join(reasons),
        hint="bring a node back and bake again: finished steps are cached",
    )
