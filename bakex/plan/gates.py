"""Gates: cells without which the result of a target is not published.

``publish { requires = ["app-test"] }`` makes each cell of ``app-test`` a gate of the cell of
``app`` for the same platform. The other way round nothing follows: gates and what they are for may
be built at the same time, unless a gate uses the result (as tests do).

What is not published, because nobody asked for it, has no gates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.errors import PlanError
from bakex.model.plan import CellId
from bakex.plan.order import links

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from bakex.model.plan import Plan
    from bakex.model.platform import Platform
    from bakex.model.target import Target


def fitted(
    targets: Iterable[Target],
    requested: Collection[str],
    declared: Mapping[str, tuple[Platform, ...]],
    default: Platform,
) -> dict[str, tuple[Platform, ...]]:
    """Return the platforms for which each target is built.

    A gate that names none has those of the targets that require it. One that nobody asked for, and
    nobody links to, is built for no others.

    Args:
        targets: All of them.
        requested: The names of those that are published.
        declared: Name -> platforms; empty for "that of the node".
        default: The platform of the node.

    Raises:
        PlanError: A gate is not built for a platform of its target.
    """
    found = {name: platforms or (default,) for name, platforms in declared.items()}
    users: dict[str, list[str]] = {}
    kept = set(requested)
    for target in targets:
        for form in target.effective():
            kept.update(links(form).values())
        for gate in target.publish_requires if target.name in requested else ():
            users.setdefault(gate, []).append(target.name)
    for gate, names in users.items():
        needed = {platform: name for name in names for platform in found[name]}
        if not declared[gate]:
            found[gate] = tuple(needed)
        for platform, name in needed.items():
            if platform not in found[gate]:
                raise _lacking(name, gate, platform, found[gate])
        if gate not in kept:
            found[gate] = tuple(platform for platform in found[gate] if platform in needed)
    return found


def gates(target: Target, platform: Platform, requested: Collection[str]) -> tuple[CellId, ...]:
    """Return the gates of one cell."""
    if target.name not in requested:
        return ()
    return tuple(CellId(gate, platform) for gate in target.publish_requires)


def dispensable(plan: Plan) -> frozenset[CellId]:
    """Return the cells whose failure keeps some results from being published, but not all.

    Those are the gates, and what is built for gates alone.
    """
    found = {gate for cell in plan.cells for gate in cell.gates}
    pending = [c.id for name in plan.requested for c in plan.of(name) if c.id not in found]
    essential: set[CellId] = set()
    while pending:
        one = pending.pop()
        if one not in essential and one not in found:
            essential.add(one)
            pending.extend(plan.cell(one).after)
    return frozenset(cell.id for cell in plan.cells if cell.id not in essential)


def blocking(
    plan: Plan, target: str, done: Collection[CellId], failed: Collection[CellId]
) -> tuple[CellId, ...]:
    """Return the cells because of which a target is not published, in plan order; empty if it is.

    Args:
        plan: The whole plan.
        target: The name of a requested target.
        done: The cells that have a result.
        failed: The cells that failed by themselves.
    """
    found = {gate for gate in plan.gates_of(target) if gate not in done}
    pending = [cell.id for cell in plan.of(target)]
    while pending:
        one = pending.pop()
        if one in failed:
            found.add(one)
        elif one not in done:
            pending.extend(plan.cell(one).after)
    return tuple(cell.id for cell in plan.cells if cell.id in found) if found else ()


def _lacking(user: str, gate: str, platform: Platform, offered: Iterable[Platform]) -> PlanError:
    return PlanError(
        f"target {user!r} is built for {platform}, and its gate {gate!r} is not",
        detail=f"{gate} is built for {', '.join(map(str, offered))}.",
        hint=f"add {platform} to the platforms of {gate!r}; if it names none, it gets its target's",
    )
