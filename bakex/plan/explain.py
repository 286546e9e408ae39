"""A plan in words and as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.model.node import Speed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.model.node import NodeInfo
    from bakex.model.plan import Cell, Plan

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
        "cells": [_cell(cell) for cell in plan.cells],
    }


def _cell(cell: Cell) -> dict[str, object]:
    target = cell.target
    return {
        "target": cell.id.target,
        "platform": str(cell.platform),
        "node": cell.node,
        "speed": str(cell.speed),
        "after": [str(other) for other in cell.after],
        "tags": list(target.tags),
        "outputs": [output.type for output in target.output],
        "secrets": [secret.id for secret in target.secret],
        "entitlements": list(target.entitlements),
    }


def text(plan: Plan, nodes: Sequence[NodeInfo]) -> str:
    """Return the plan as a table for people: a row a cell, then where the results go."""
    rows = [("TARGET", "PLATFORM", "NODE", "HOW")]
    for cell in plan.cells:
        how = "native" if cell.speed is Speed.NATIVE else "emulated"
        if cell.after:
            how += ", after " + ", ".join(str(other) for other in cell.after)
        rows.append((cell.id.target, str(cell.platform), cell.node, how))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = ["  ".join([*(row[i].ljust(widths[i]) for i in range(3)), row[3]]) for row in rows]
    lines.append("")
    lines.extend(_destinations(plan))
    lines.append("")
    lines.extend(f"node {node.name}: {node.endpoint.address}" for node in nodes)
    return "\n".join(lines) + "\n"


def _destinations(plan: Plan) -> list[str]:
    lines: list[str] = []
    for name in plan.requested:
        target = plan.of(name)[0].target
        if not target.output:
            lines.append(f"{name}: no output, the result stays in the build cache")
        for output in target.output:
            if output.pushes:
                where = ", ".join(target.tags) or output.attrs.get("name", "") or "nowhere: no tags"
                lines.append(f"{name}: push to {where}")
            else:
                lines.append(f"{name}: {output.type} {output.dest}".rstrip())
    return lines
