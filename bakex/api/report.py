"""The report of a run, composed from what its stages returned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.model.publication import Report, TargetReport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.interfaces import Finished
    from bakex.model.descriptor import Descriptor
    from bakex.model.plan import Built, Cell, CellId, Plan
    from bakex.model.publication import Publication
    from bakex.model.result import CellResult


def compose(
    plan: Plan,
    results: Mapping[CellId, CellResult],
    finished: Sequence[tuple[str, Finished]],
    publications: Sequence[Publication],
    blocked: Mapping[str, tuple[CellId, ...]],
    built: Mapping[CellId, Built],
) -> Report:
    """Return one entry for each requested target, in the order in which they were asked for.

    Args:
        plan: What was to be done.
        results: Of the cells that have one.
        finished: The outputs that were assembled, with the names of their targets.
        publications: What is where now.
        blocked: What gates keep back; see `TargetReport.blocked`.
        built: Where and how cells were built.
    """
    targets: dict[str, TargetReport] = {}
    for name in plan.requested:
        roots = [output.root for owner, output in finished if owner == name and output.root]
        root = roots[0] if roots else None
        places = tuple(p for p in publications if p.target == name)
        cells = [cell for cell in plan.of(name) if cell.id in results]
        by = blocked.get(name, ())
        targets[name] = TargetReport(
            name=name,
            root=root,
            publications=places,
            blocked=by,
            metadata={**_metadata(cells, results, root, places, built), **_blocked(by)},
        )
    return Report(targets=targets, cells=tuple(results), built=built)


def _metadata(
    cells: Sequence[Cell],
    results: Mapping[CellId, CellResult],
    root: Descriptor | None,
    places: Sequence[Publication],
    built: Mapping[CellId, Built],
) -> dict[str, object]:
    """Return what the metadata file says of a target: the reference's keys, then our own.

    Source: buildx commands/build.go decodeExporterResponse; extra keys only under ``bakex.``.
    """
    document: dict[str, object] = {}
    if len(cells) == 1:
        document.update(results[cells[0].id].metadata)
    if cells:
        document["buildx.build.ref"] = results[cells[0].id].ref
    if root is not None:
        document["containerimage.digest"] = str(root.digest)
        document["containerimage.descriptor"] = root.to_json()
    held = [place for place in places if place.state.holds_result]
    names = [place.place for place in held if place.kind == "registry"]
    # In docker's store, what has no name is called by its digest or its node.
    names = names or [p.place for p in held if p.kind == "docker" and "/" in p.place]
    if names:
        document["image.name"] = ",".join(names)
    document["bakex.platforms"] = [
        {
            "platform": str(cell.platform),
            "node": cell.node,
            "speed": str(cell.speed),
            "ref": results[cell.id].ref,
            "digest": _image_digest(results[cell.id]),
            "attempts": _attempts(built.get(cell.id)),
        }
        for cell in cells
    ]
    return document


def _attempts(built: Built | None) -> list[dict[str, str]]:
    """Return where a cell was tried, in order, and for what reason it was given up there."""
    if built is None:
        return []
    broken = [{"node": str(one.node), "reason": one.reason} for one in built.broken]
    return [*broken, {"node": str(built.node)}]


def _blocked(by: Sequence[CellId]) -> dict[str, object]:
    found = [{"target": cell.target, "platform": str(cell.platform)} for cell in by]
    return {"bakex.blocked": found} if found else {}


def _image_digest(result: CellResult) -> str | None:
    return next((str(d.digest) for d in result.exports if d is not None), None)
