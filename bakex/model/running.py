"""How a plan is run, and what came of its cells."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.errors import BakexError
    from bakex.model.plan import Built, CellId
    from bakex.model.result import CellResult


class Emulation(StrEnum):
    """When a platform is built on a node that emulates it."""

    ALLOW = "allow"  # also where there are native nodes, if they have too much to do
    FALLBACK = "fallback"  # where there is no native node
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPolicy:
    """How a plan is run.

    Attributes:
        jobs: Cells at once on all nodes; 0 for no limit but theirs.
        keep_going: After a failure, build what does not need what has failed.
        timeout_s: The longest that all of it may take; 0 for no limit.
        stall_s: The longest that a cell may give no sign of life; 0 for no limit.
        attempts: How often a cell is tried at most when its nodes fail.
        emulation: When nodes that emulate are taken.
        speculate: Begin a cell that is emulated and takes long on a native node as well, when one
            has nothing else to do; the first to finish counts.
    """

    jobs: int = 0
    keep_going: bool = False
    timeout_s: float = 0.0
    stall_s: float = 0.0
    attempts: int = 3
    emulation: Emulation = Emulation.FALLBACK
    speculate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What came of a plan.

    Attributes:
        results: Of the cells that have one, in the order of the plan.
        built: Where and how each of those was built.
        failures: What failed although the run went on.
    """

    results: Mapping[CellId, CellResult]
    built: Mapping[CellId, Built]
    failures: Mapping[CellId, BakexError] = field(default_factory=dict["CellId", "BakexError"])
