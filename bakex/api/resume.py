"""What a former run has left to do: which of its results still hold, and the plan without them.

A result holds if all that its outputs need was pushed by digest, to where the plan wants it now,
and is still there, complete. The content of a target that others link to was gone with the run:
the target is built again if one of them is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.api.outcome import definition_digest
from bakex.diagnostics import Diagnostic
from bakex.errors import (
    ChangedDefinitionError,
    ContentError,
    IncompleteResultError,
    NameUnknownError,
)
from bakex.events import CellFinished, WarningRaised
from bakex.model.node import NodeName, Speed
from bakex.model.outcome import CellState
from bakex.model.plan import Built
from bakex.model.reference import Reference
from bakex.model.result import CellResult, PushImage
from bakex.oci.validate import validate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.bake.resolve import Resolution
    from bakex.events import EventSink
    from bakex.interfaces import Clock, Registry
    from bakex.model.outcome import CellOutcome, Outcome, Pushed
    from bakex.model.plan import CellId, Plan
    from bakex.model.result import ExportRequest

_AT_ONCE = 8  # images that are looked at


def check_definition(outcome: Outcome, resolution: Resolution, name: str) -> None:
    """Make sure that a record is about what the bake files say now.

    Args:
        outcome: The record.
        resolution: Made again, of what the record says.
        name: What to call the record.

    Raises:
        ChangedDefinitionError: It is not.
    """
    if outcome.definition == str(definition_digest(resolution)):
        return
    raise ChangedDefinitionError(
        f"{name} is about another definition than the bake files give now",
        detail="A bake file has changed, or a variable of the environment that it reads.",
        hint="restore what has changed, or bake everything again",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What need not be built.

    Attributes:
        results: Of the cells that were built before.
        outcomes: What the record says about those.
    """

    results: Mapping[CellId, CellResult] = field(default_factory=dict["CellId", CellResult])
    outcomes: Mapping[CellId, CellOutcome] = field(default_factory=dict["CellId", "CellOutcome"])

    @property
    def built(self) -> Mapping[CellId, Built]:
        """Where and how those cells were built."""
        return {
            cell: Built(
                node=NodeName(outcome.node),
                speed=Speed(outcome.speed),
                attempts=len(outcome.attempts),
                seconds=outcome.seconds,
            )
            for cell, outcome in self.outcomes.items()
        }

    def remaining(self, plan: Plan) -> Plan:
        """Return the plan without what is known."""
        cells = (
            replace(cell, after=tuple(base for base in cell.after if base not in self.results))
            for cell in plan.cells
            if cell.id not in self.results
        )
        return replace(plan, cells=tuple(cells))


async def known(
    plan: Plan,
    exports: Mapping[CellId, Sequence[ExportRequest]],
    recorded: Sequence[CellOutcome],
    registry: Registry,
    events: EventSink,
    clock: Clock,
) -> Known:
    """Find out what of a record still holds.

    Args:
        plan: The whole plan, made anew.
        exports: What each cell hands over for its outputs now, in order.
        recorded: Cells of the former run.
        registry: Where images are looked for.
        events: Gets the results that hold, and a warning for each image that has gone.
        clock: Dates the events.

    Raises:
        RegistryError: A registry refused or failed.
    """
    former = {item.id: item for item in recorded}
    found: dict[CellId, CellResult] = {}
    for cell in plan.cells:
        outcome = former.get(cell.id)
        result = None if outcome is None else _result(outcome, exports[cell.id])
        if result is not None:
            found[cell.id] = result
    gone = await _gone([former[cell] for cell in found], registry)
    for lacking, image in gone.items():
        _warn(lacking, image, events, clock)
    needed = _to_build(plan, {cell.id for cell in plan.cells} - found.keys() | gone.keys())
    results = {one: result for one, result in found.items() if one not in needed}
    for one, result in results.items():
        events.emit(CellFinished(at=clock.now(), cell=one, result=result))
    return Known(results=results, outcomes={one: former[one] for one in results})


def _to_build(plan: Plan, lacking: set[CellId]) -> set[CellId]:
    """Return what is to be built, with what it takes to build that."""
    found = set(lacking)
    for cell in reversed(plan.cells):
        if cell.id in found:
            found.update(base for _, base in cell.links)
    return found


def _result(outcome: CellOutcome, exports: Sequence[ExportRequest]) -> CellResult | None:
    """Return a recorded result as the plan wants it; None if it is another or was not one."""
    if outcome.state is not CellState.DONE or not outcome.complete:
        return None
    if outcome.speed not in set(Speed):
        return None
    wanted = [item.repositories for item in exports if isinstance(item, PushImage)]
    if len(wanted) < len(exports) or wanted != [image.repositories for image in outcome.pushed]:
        return None
    return CellResult(
        cell=outcome.id,
        exports=tuple(image.root for image in outcome.pushed),
        metadata=outcome.metadata,
        ref=outcome.ref,
    )


async def _gone(outcomes: Sequence[CellOutcome], registry: Registry) -> dict[CellId, Pushed]:
    images = [(item.id, image) for item in outcomes for image in item.pushed]
    there = await concurrently(
        [partial(_is_there, image, registry) for _, image in images], limit=_AT_ONCE
    )
    return {cell: image for (cell, image), found in zip(images, there, strict=True) if not found}


async def _is_there(image: Pushed, registry: Registry) -> bool:
    for name in image.repositories:
        store = registry.repository(Reference.parse(name), insecure=image.insecure)
        try:
            await validate(store, image.root)
        except (ContentError, NameUnknownError):
            return False
    return True


def _warn(cell: CellId, image: Pushed, events: EventSink, clock: Clock) -> None:
    warning = Diagnostic(
        code="BX3102",
        severity="warning",
        summary=f"{cell} is built again: {image.root.digest} is not complete any more",
        detail=f"It was pushed to {', '.join(image.repositories)} by the recorded run.",
    )
    events.emit(WarningRaised(at=clock.now(), cell=None, diagnostic=warning))


def lost(plan: Plan) -> IncompleteResultError:
    """Return the error for recorded results that do not hold where nothing can be built."""
    return IncompleteResultError(
        "results are recorded that are not in the registry any more, or not all of it",
        detail="\n".join(str(cell.id) for cell in plan.cells),
        hint="bake these platforms again, and merge the new records",
    )
