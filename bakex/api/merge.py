"""The parts of a bake that jobs of their own have built, put together and published as one.

All of them have to be of the same definition and the same commit, and complete. Nothing is built,
and no node is needed; assembly, checks and publication are those of every bake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.api.course import Course
from bakex.api.publication import connection
from bakex.api.remote import as_built
from bakex.api.resume import check_definition
from bakex.api.shards import words_of
from bakex.errors import (
    ChangedDefinitionError,
    ConflictingResultsError,
    IncompleteResultError,
    RevisionMismatchError,
)
from bakex.events import RunFinished
from bakex.model.node import NodeName, Speed
from bakex.model.outcome import CellState
from bakex.model.plan import Cell, CellId, Plan
from bakex.model.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.bake.resolve import Resolution
    from bakex.config import Settings
    from bakex.events import EventSink
    from bakex.model.outcome import CellOutcome, Outcome
    from bakex.model.publication import PublishPolicy, Report

_SUCCEEDED = "succeeded"


def joined(records: Mapping[str, Outcome], resolution: Resolution) -> dict[CellId, CellOutcome]:
    """Return the results of all records, after making sure that they are parts of one whole.

    Pure.

    Args:
        records: By the names of their files; at least one.
        resolution: What the bake files say now.

    Raises:
        ChangedDefinitionError: Records, or a record and the bake files, are about different
            definitions.
        RevisionMismatchError: They are of different commits.
        IncompleteResultError: A run did not succeed, or a platform of a target is in no record.
        ConflictingResultsError: Two have different results for one platform of a target.
    """
    _check_definitions(records, resolution)
    _check_revisions(records)
    for name, outcome in records.items():
        if outcome.state != _SUCCEEDED:
            raise IncompleteResultError(
                f"{name} is of a run that has not succeeded: it is {outcome.state}",
                hint=f"bring it to an end with: bakex resume {name} --result {name}",
            )
    cells = _results(records)
    missing = [cell for cell in wanted(resolution) if cell not in cells]
    if missing:
        platforms = dict.fromkeys(str(cell.platform) for cell in missing)
        raise IncompleteResultError(
            f"{', '.join(platforms)} {'is' if len(platforms) == 1 else 'are'} in no record",
            detail="Not built: " + ", ".join(map(str, missing)) + ".",
            hint=f"bake with --shard platform={','.join(platforms)}, and merge that, too",
        )
    return {cell: cells[cell] for cell in wanted(resolution)}


def wanted(resolution: Resolution) -> tuple[CellId, ...]:
    """Return the cells whose results are published, in the order of targets and platforms.

    Raises:
        UsageError: A target does not name its platforms.
    """
    return tuple(
        dict.fromkeys(
            CellId(name, Platform.parse(word))
            for name in resolution.requested
            for word in words_of(resolution.targets[name])
        )
    )


def _check_definitions(records: Mapping[str, Outcome], resolution: Resolution) -> None:
    (first, outcome), *others = records.items()
    for name, other in others:
        if other.definition != outcome.definition:
            raise ChangedDefinitionError(
                f"{first} and {name} are about different definitions",
                detail="Their bake files, options or variables were not the same.",
                hint="bake all shards again with the same files, options and variables",
            )
    check_definition(outcome, resolution, first)


def _check_revisions(records: Mapping[str, Outcome]) -> None:
    (first, outcome), *others = records.items()
    for name, other in others:
        if other.revision != outcome.revision:
            raise RevisionMismatchError(
                f"{first} and {name} were built from different commits",
                detail=f"{first}: {outcome.revision or 'none'}\n{name}: {other.revision or 'none'}",
                hint="bake all shards again from one commit",
            )


def _results(records: Mapping[str, Outcome]) -> dict[CellId, CellOutcome]:
    found: dict[CellId, tuple[str, CellOutcome]] = {}
    for name, outcome in records.items():
        platforms = {Platform.parse(word) for word in outcome.shard}
        for cell in outcome.cells:
            # What is built for other platforms than the shard's is only there to be built on.
            if platforms and cell.id.platform not in platforms:
                continue
            if cell.state is not CellState.DONE or not cell.complete:
                continue
            other, known = found.setdefault(cell.id, (name, cell))
            if known.pushed != cell.pushed:
                raise ConflictingResultsError(
                    f"{other} and {name} have different results for {cell.id}",
                    hint="leave one of the files out",
                )
    return {cell: outcome for cell, (_, outcome) in found.items()}


def planned(
    settings: Settings, resolution: Resolution, cells: Mapping[CellId, CellOutcome]
) -> Plan:
    """Return the plan that the records have carried out, as far as it is published."""
    targets = as_built(settings, resolution).targets
    return Plan(
        cells=tuple(
            Cell(
                id=cell,
                target=targets[cell.target].for_platform(cell.platform),
                node=NodeName(outcome.node),
                speed=Speed(outcome.speed) if outcome.speed in set(Speed) else Speed.NATIVE,
            )
            for cell, outcome in cells.items()
        ),
        requested=resolution.requested,
    )


async def merge(
    settings: Settings,
    resolution: Resolution,
    records: Mapping[str, Outcome],
    *,
    policy: PublishPolicy,
    events: EventSink,
) -> Report:
    """Publish what several shards have built, all at once.

    Args:
        settings: For credentials, certificates and records of publications.
        resolution: What the bake files say now.
        records: Of the shards, by the names of their files; at least one.
        policy: How to publish.
        events: Gets what is published.

    Raises:
        IncompleteResultError: Something is in no record, or not in the registry any more.
        BakexError: As `joined`; and as `bakex.api.client.Client.bake` for the publication.

    Repeating it changes nothing more.
    """
    cells = joined(records, resolution)
    async with connection(settings) as (registry, clock):
        course = Course(
            settings=settings,
            nodes=(),
            registry=registry,
            loader=None,
            events=events,
            clock=clock,
            publishing=policy,
            recorded=tuple(cells.values()),
        )
        ok = False
        try:
            report = await course.run(planned(settings, resolution, cells))
            ok = True
        finally:
            events.emit(RunFinished(at=clock.now(), ok=ok))
    return report
