"""What the executor is told beside the plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from bakex.building import LinkedContent
    from bakex.errors import BakexError
    from bakex.model.node import NodeName
    from bakex.model.plan import Cell
    from bakex.model.result import CellResult, ExportRequest

DEFAULT_SLOTS = 8  # cells at once on one node; BuildKit schedules their steps itself


async def _nothing(_cell: Cell, _result: CellResult) -> None:
    """Follow from a cell in most runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the executor is told about the cells beside the plan.

    Attributes:
        exports: Cell -> what its node must hand over.
        link: Makes the content of a finished cell usable by another one.
        tolerates: Whether the others go on although a cell failed with that error.
        finished: What follows from the result of a cell; the cell is not done before, and fails
            with it.
        slots: Cells at once on one node.
        limits: The same for nodes that have a number of their own.
        ease: Cells at once beyond which nodes leave to others what they can do as well.
        natively: How many seconds a cell is expected to take on a native node; 0 if unknown.
    """

    exports: Callable[[Cell], Sequence[ExportRequest]]
    link: Callable[[CellResult], LinkedContent]
    tolerates: Callable[[Cell, BakexError], bool] = lambda _cell, _error: False
    finished: Callable[[Cell, CellResult], Awaitable[None]] = _nothing
    slots: int = DEFAULT_SLOTS
    limits: Mapping[NodeName, int] = field(default_factory=dict["NodeName", int])
    ease: Mapping[NodeName, int] = field(default_factory=dict["NodeName", int])
    natively: Callable[[Cell], float] = lambda _cell: 0.0
