"""A plan in words and as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.model.node import Speed

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bakex.model.node import NodeInfo
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell, CellId, Plan
    from bakex.model.target import Target

SCHEMA_VERSION = 1


def document(plan: Plan, nodes: Sequence[NodeInfo]) -> dict[str, object]:
    """Return the plan as JSON-ready data; the same plan gives the same document."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "nodes": {
            node.name: {
                "address": node.endpoint.address,
                "platforms": {str(p): str(s) for p, s in node.platforms.items()},
                "features": sorted(node.features),
            }
            for node in nodes
        },
        "requested": list(plan.requested),
        "cells": [_cell(cell, plan.requested) for cell in plan.cells],
    }


def _cell(cell: Cell, requested: Collection[str]) -> dict[str, object]:
    target = cell.target
    pushes = [output for output in target.output if output.pushes]
    places = [place for output in pushes for place in _places(target, output)]
    return {
        "target": cell.id.target,
        "platform": str(cell.platform),
        "node": cell.node,
        "speed": str(cell.speed),
        "why": cell.why,
        "alternatives": len(cell.alternatives),
        "seconds": round(cell.priority, 3),
        "after": [str(other) for other in cell.after],
        "direct": sorted(str(other) for other in cell.direct),
        "content": sorted(str(other) for other in _handed(cell)),
        "gates": [str(other) for other in cell.gates],
        "tags": list(target.tags),
        "outputs": [output.type for output in target.output],
        "pushes": list(dict.fromkeys(places)) if cell.id.target in requested else [],
        "secrets": [secret.id for secret in target.secret],
        "entitlements": list(target.entitlements),
        "labels": dict(sorted(target.node.items())),
        "timeoutSeconds": cell.timeout_s,
        "retries": cell.retries,
    }


def text(plan: Plan, nodes: Sequence[NodeInfo]) -> str:
    """Return the plan as a table for people: a row a cell, then where the results go."""
    rows = [("TARGET", "PLATFORM", "NODE", "HOW")]
    rows += [(c.id.target, str(c.platform), c.node, _how(c)) for c in plan.cells]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = ["  ".join([*(row[i].ljust(widths[i]) for i in range(3)), row[3]]) for row in rows]
    lines.append("")
    lines.extend(_destinations(plan))
    lines.append("")
    if needs := _needs(plan):
        lines.extend([*needs, ""])
    lines.extend(f"node {node.name}: {node.endpoint.address}" for node in nodes)
    return "\n".join(lines) + "\n"


def _how(cell: Cell) -> str:
    how = "native" if cell.speed is Speed.NATIVE else "emulated"
    parts = [f"{how}: {cell.why}" if cell.why else how]
    if count := len(cell.alternatives):
        parts.append(f"{count} {'other' if count == 1 else 'others'} could")
    if cell.after:
        parts.append("after " + ", ".join(_before(cell, other) for other in cell.after))
    return "; ".join(parts)


def _before(cell: Cell, other: CellId) -> str:
    """Return a cell that comes before another one, and how that one gets its result, if it does."""
    if other in cell.direct:
        return f"{other} (directly)"
    return f"{other} (by content)" if other in _handed(cell) else str(other)


def _handed(cell: Cell) -> set[CellId]:
    """Return the linked cells whose content goes through the client."""
    return {base for _, base in cell.links} - cell.direct


def _destinations(plan: Plan) -> list[str]:
    lines: list[str] = []
    for name in plan.requested:
        lines.extend(_gates(plan, name))
        target = plan.of(name)[0].target
        if not target.output:
            lines.append(f"{name}: no output, the result stays in the build cache")
        for output in target.output:
            if output.pushes:
                where = ", ".join(_places(target, output)) or "nowhere: no tags"
                lines.append(f"{name}: push to {where}")
            else:
                lines.append(f"{name}: {output.type} {output.dest}".rstrip())
    return lines


def _places(target: Target, output: Output) -> list[str]:
    named = output.attrs.get("name", "")
    return list(target.tags) or ([named] if named else [])


def _needs(plan: Plan) -> list[str]:
    """Return a line for each target that gets secrets or asks for privileges."""
    secrets: dict[str, list[str]] = {}
    privileges: dict[str, list[str]] = {}
    for cell in plan.cells:
        name = cell.id.target
        secrets.setdefault(name, []).extend(secret.id for secret in cell.target.secret)
        privileges.setdefault(name, []).extend(cell.target.entitlements)
    kinds = {"secrets": secrets, "entitlements": privileges}
    return [
        f"{name}: {kind} {', '.join(dict.fromkeys(found[name]))}"
        for name in secrets
        for kind, found in kinds.items()
        if found[name]
    ]


def _gates(plan: Plan, name: str) -> list[str]:
    """Return a line for each gate of a target; those that do not look at the result say so."""
    gates = plan.gates_of(name)
    lines: list[str] = []
    for gate in dict.fromkeys(cell.target for cell in gates):
        cells = [cell for cell in gates if cell.target == gate]
        platforms = ", ".join(str(cell.platform) for cell in cells)
        blind = "" if name in _used(plan, cells) else ", which does not use its result"
        lines.append(f"{name}: not published unless {gate} succeeds ({platforms}){blind}")
    return lines


def _used(plan: Plan, cells: Sequence[CellId]) -> set[str]:
    """Return the targets whose results some cells use, in one or several steps."""
    pending, seen = list(cells), set(cells)
    while pending:
        found = [other for other in plan.cell(pending.pop()).after if other not in seen]
        seen.update(found)
        pending.extend(found)
    return {cell.target for cell in seen - set(cells)}
