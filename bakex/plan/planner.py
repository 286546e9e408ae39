"""Targets and nodes in, cells on nodes out. Pure: the same input gives the same plan.

* Each target is split into its platforms, in declared order; duplicates collapse.
* Which nodes may build a cell is said by `bakex.plan.candidates`, which of them does by
  `bakex.plan.placement`. A platform that no node builds is an error before anything runs (never a
  silent fallback).
* A cell holds its target as it is for that platform: ``platform`` blocks applied.
* A linked target is also built for every platform that its users need from it. On the node of its
  user its result stays there, if the node can do that. Who may use it for all platforms waits for
  all of them.
* Gates are built for the platforms of their targets, if possible where what they use was built.
* A cell may be built elsewhere if its node is lost or has too much to do, unless its result stays
  with that node. Cells that use results on their node go elsewhere together only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bakex._util.units import parse_duration
from bakex.errors import NoNodeError, PlanError
from bakex.model.node import Feature
from bakex.model.plan import Cell, CellId, Plan
from bakex.model.platform import Platform, meant, split_platforms
from bakex.model.running import Emulation
from bakex.plan.candidates import Candidates, spelled
from bakex.plan.families import homes
from bakex.plan.gates import fitted, gates
from bakex.plan.order import links, ordered
from bakex.plan.placement import Wish, place

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from bakex.model.node import NodeInfo, NodeName
    from bakex.model.target import Target
    from bakex.plan.placement import Past, Place


@dataclass(frozen=True, slots=True)
class _Draft:
    """A cell without its node."""

    id: CellId
    target: Target
    links: tuple[tuple[str, CellId], ...]
    is_gate: bool
    is_requested: bool

    @property
    def after(self) -> tuple[CellId, ...]:
        return tuple(dict.fromkeys(cell for _, cell in self.links))


def plan(
    targets: Mapping[str, Target],
    requested: Sequence[str],
    nodes: Sequence[NodeInfo],
    local: Platform,
    crossing: Collection[str] = (),
    *,
    emulation: Emulation = Emulation.FALLBACK,
    history: Mapping[CellId, Past] | None = None,
    pinned: Callable[[Cell], bool] = lambda _: False,
) -> Plan:
    """Place every target and platform on a node.

    Args:
        targets: All targets to build, linked ones included, by name.
        requested: Names that the user asked for; kept for the outputs.
        nodes: Candidates, in the builder's order; at least one.
        local: What the platform ``local`` stands for.
        crossing: Targets that may use the results of others for any platform.
        emulation: When nodes that emulate are taken.
        history: How it went the last time.
        pinned: Tells of a requested cell whether its result stays with its node.

    Raises:
        NoNodeError: No node builds some platform, or has what a target asks for; the message lists
            what there is.
        PlanError: A linked target or a gate lacks a platform that one of its users needs, or one
            platform is asked for with two versions of its operating system.
        CycleError: Targets link to one another in a circle.
    """
    if not nodes:
        raise NoNodeError("the builder has no node", hint="bakex engine start")
    default = next(iter(nodes[0].platforms))
    sequence = ordered(targets)
    declared = {t.name: _platforms(t, local) for t in sequence}
    platforms = fitted(sequence, requested, declared, default)
    drafts = list(_drafts(sequence, requested, platforms, frozenset(crossing)))
    candidates, past = Candidates(nodes, emulation), history or {}
    wishes = [
        Wish(
            id=draft.id,
            able=candidates.of(draft.target, draft.id.platform, published=draft.is_requested),
            after=draft.after,
            is_gate=draft.is_gate,
            labels=spelled(draft.target.node),
            past=past.get(draft.id),
            cached=not draft.target.no_cache,
        )
        for draft in drafts
    ]
    places = place(wishes, nodes, emulation)
    linking = {node.name for node in nodes if Feature.LINKS in node.features}
    wanted = frozenset(requested)
    cells = [_cell(draft, places, linking, wanted) for draft in drafts]
    cells = [
        replace(cell, alternatives=()) if cell.id.target in wanted and pinned(cell) else cell
        for cell in cells
    ]
    return Plan(cells=_together(cells, linking), requested=tuple(requested))


def _drafts(
    sequence: Sequence[Target],
    requested: Collection[str],
    platforms: Mapping[str, tuple[Platform, ...]],
    crossing: Collection[str],
) -> Iterator[_Draft]:
    wanted = frozenset(requested)
    judges = {g for target in sequence if target.name in wanted for g in target.publish_requires}
    for target in sequence:
        for platform in platforms[target.name]:
            form = target.for_platform(platform)
            yield _Draft(
                CellId(target.name, platform),
                form,
                _linked(form, platform, platforms, crossing=target.name in crossing),
                target.name in judges,
                target.name in wanted,
            )


def _cell(
    draft: _Draft,
    places: Mapping[CellId, Place],
    linking: Collection[NodeName],
    requested: Collection[str],
) -> Cell:
    found, target = places[draft.id], draft.target
    return Cell(
        id=draft.id,
        target=target,
        node=found.node,
        speed=found.speed,
        after=draft.after,
        links=draft.links,
        direct=frozenset(
            base
            for _, base in draft.links
            if found.node in linking and places[base].node == found.node
        ),
        gates=gates(target, draft.id.platform, requested),
        alternatives=found.alternatives,
        priority=found.priority,
        why=found.why,
        timeout_s=parse_duration(target.timeout) if target.timeout else 0.0,
        retries=int(target.retries or 0),
        patience_s=found.patience_s,
    )


def _together(cells: Sequence[Cell], linking: Collection[NodeName]) -> tuple[Cell, ...]:
    """Have those that use results on their node go elsewhere together only."""
    shared = homes(cells, linking)
    return tuple(_narrowed(cell, shared[cell.id]) if cell.id in shared else cell for cell in cells)


def _narrowed(cell: Cell, nodes: Collection[NodeName]) -> Cell:
    left = tuple(place for place in cell.alternatives if place[0] in nodes)
    return replace(cell, alternatives=left)


def _platforms(target: Target, local: Platform) -> tuple[Platform, ...]:
    words = split_platforms(target.platforms)
    found: dict[Platform, Platform] = {}
    for word in words:
        platform = meant(word, local)
        other = found.setdefault(platform, platform)
        if str(other) != str(platform):
            raise PlanError(
                f"target {target.name!r} asks for {other} and for {platform}",
                detail="They differ in what they need of the operating system only.",
                hint="make a target of each",
            )
    return tuple(found)


def _linked(
    target: Target,
    platform: Platform,
    platforms: Mapping[str, tuple[Platform, ...]],
    *,
    crossing: bool,
) -> tuple[tuple[str, CellId], ...]:
    found: list[tuple[str, CellId]] = []
    for context, base in links(target).items():
        own = _base_platform(target, base, platform, platforms[base])
        found.append((context, CellId(base, own)))
        if crossing:
            others = (other for other in platforms[base] if other != own)
            found.extend((f"{context}::{other}", CellId(base, other)) for other in others)
    return tuple(found)


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
