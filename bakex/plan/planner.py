"""Targets and nodes in, cells on nodes out. Pure: the same input gives the same plan.

* Each target is split into its platforms, in declared order; duplicates collapse.
* A native node is preferred over an emulating one; among equals the one with the fewest cells so
  far, then the one listed first.
* A platform that no node builds is an error before anything runs (never a silent fallback).
* A cell holds its target as it is for that platform: ``platform`` blocks applied.
* A linked target is also built for every platform that its users need from it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bakex.errors import NoNodeError, PlanError
from bakex.model.node import Speed
from bakex.model.plan import Cell, CellId, Plan
from bakex.model.platform import Platform, split_platforms
from bakex.plan.matching import speed
from bakex.plan.order import links, ordered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.model.node import NodeInfo, NodeName
    from bakex.model.target import Target

_RANK = {Speed.NATIVE: 0, Speed.EMULATED: 1}


def plan(
    targets: Mapping[str, Target],
    requested: Sequence[str],
    nodes: Sequence[NodeInfo],
    local: Platform,
) -> Plan:
    """Place every target and platform on a node.

    Args:
        targets: All targets to build, linked ones included, by name.
        requested: Names that the user asked for; kept for the outputs.
        nodes: Candidates, in the builder's order; at least one.
        local: What the platform ``local`` stands for.

    Raises:
        NoNodeError: No node builds some platform; the message lists what there is.
        PlanError: A linked target lacks a platform that one of its users needs.
        CycleError: Targets link to one another in a circle.
    """
    if not nodes:
        raise NoNodeError("the builder has no node", hint="bakex engine start")
    default = next(iter(nodes[0].platforms))
    sequence = ordered(targets)
    platforms = {t.name: _platforms(t, local) or (default,) for t in sequence}
    load: Counter[NodeName] = Counter()
    cells: list[Cell] = []
    for target in sequence:
        for platform in platforms[target.name]:
            node, how = _place(target, platform, nodes, load)
            load[node] += 1
            form = target.for_platform(platform)
            linked = tuple(
                (context, CellId(base, _base_platform(target, base, platform, platforms[base])))
                for context, base in links(form).items()
            )
            cells.append(
                Cell(
                    id=CellId(target.name, platform),
                    target=form,
                    node=node,
                    speed=how,
                    after=tuple(dict.fromkeys(cell for _, cell in linked)),
                    links=linked,
                )
            )
    return Plan(cells=tuple(cells), requested=tuple(requested))


def _platforms(target: Target, local: Platform) -> tuple[Platform, ...]:
    words = split_platforms(target.platforms)
    parsed = [local if word == "local" else Platform.parse(word) for word in words]
    return tuple(dict.fromkeys(parsed))


def _place(
    target: Target, platform: Platform, nodes: Sequence[NodeInfo], load: Counter[NodeName]
) -> tuple[NodeName, Speed]:
    able = [(node, how) for node in nodes if (how := speed(node, platform)) is not None]
    if not able:
        have = "\n".join(f"{n.name}: {', '.join(map(str, n.platforms))}" for n in nodes)
        raise NoNodeError(
            f"no node can build {platform}, which target {target.name!r} asks for",
            detail=have,
            hint=_remedy(platform),
        )
    node, how = min(able, key=lambda pair: (_RANK[pair[1]], load[pair[0].name]))
    return node.name, how


def _remedy(platform: Platform) -> str:
    if platform.os == "linux":
        return (
            f"install an emulator for {platform.architecture} on a node (on Debian: apt-get"
            " install qemu-user-static binfmt-support), or add a node that has this platform"
        )
    return "add a node that has this platform"


def _base_platform(
    user: Target, base: str, platform: Platform, available: Sequence[Platform]
) -> Platform:
    if platform in available:
        return platform
    if len(available) == 1:
        # A base built for one platform serves all of its users (data, or cross-built binaries).
        return available[0]
    raise PlanError(
        f"target {user.name!r} needs target {base!r} for {platform}",
        detail=f"{base} is built for {', '.join(map(str, available))}.",
        hint=f"add {platform} to the platforms of target {base!r}",
    )
