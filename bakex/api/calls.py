"""Calls of frontend methods: the targets that are asked something instead of being built.

Source: spec of bake files, "--call"; buildx commands/bake.go.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.building import Asker
from bakex.errors import UnsupportedAttributeError
from bakex.model.attributes import evolve
from bakex.model.call import Call
from bakex.plan.order import links
from bakex.plan.planner import plan as make_plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.api.connect import Connected
    from bakex.bake.resolve import Resolution
    from bakex.events import EventSink
    from bakex.model.call import Answer
    from bakex.model.platform import Platform
    from bakex.model.target import Target

_AT_ONCE = 8  # calls on the one node that is asked


def calls(targets: Mapping[str, Target]) -> dict[str, Call]:
    """Return what each target is asked, of those that are not built.

    Raises:
        DefinitionError: A call is malformed.
    """
    parsed = {name: Call.parse(target.call or "") for name, target in sorted(targets.items())}
    return {name: call for name, call in parsed.items() if call.name}


def to_build(resolution: Resolution) -> Resolution:
    """Return what remains to be built: the requested targets without a call, and what they need."""
    asked = calls(resolution.targets)
    if not asked:
        return resolution
    requested = tuple(name for name in resolution.requested if name not in asked)
    needed, found = list(requested), set[str]()
    while needed:
        name = needed.pop()
        if name not in found:
            found.add(name)
            target = resolution.targets[name]
            needed.extend((*links(target).values(), *target.publish_requires))
    targets = {
        name: evolve(target, {"call": None})
        for name, target in resolution.targets.items()
        if name in found
    }
    return replace(resolution, targets=targets, requested=requested)


async def ask(
    node: Connected, targets: Mapping[str, Target], local: Platform, events: EventSink
) -> dict[str, Answer]:
    """Ask the frontends of the targets that have a call; return the answers by target.

    One node answers for all platforms: frontends look at the Dockerfile, not at the platform.

    Raises:
        BuildError: A frontend failed, or has no such method.
        NodeError: The node was lost.
        UnsupportedAttributeError: The node cannot ask, or not about such a target.
    """
    asked = calls(targets)
    if not asked:
        return {}
    engine = node.engine
    if not isinstance(engine, Asker):
        raise UnsupportedAttributeError(f"{node.info.name} cannot call frontends")
    plain = {name: evolve(t, {"platforms": (), "call": None}) for name, t in targets.items()}
    cells = {cell.id: cell for cell in make_plan(plain, tuple(plain), [node.info], local).cells}
    by_name = {cell.id.target: cell for cell in cells.values()}
    jobs = [
        partial(engine.call, by_name[name], call, cells, events) for name, call in asked.items()
    ]
    answers = await concurrently(jobs, limit=_AT_ONCE)
    return dict(zip(asked, answers, strict=True))
