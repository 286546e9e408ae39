"""Which nodes may build a cell: those that have its platform, and all that its target asks for.

* A node that is used for other platforms only, or lacks a label that the target asks for, is none.
* One that lacks a capability is none where another one has it. If all lack it, all stay, and
  `bakex.plan.abilities` says what is wrong.
* Who emulates is none if emulation is not wanted.

Cells that ask for the same get the same tuple, so that thousands of them are cheap. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.errors import NoNodeError
from bakex.model.node import Speed
from bakex.model.running import Emulation
from bakex.plan.abilities import suits
from bakex.plan.matching import speed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.model.node import Feature, NodeInfo
    from bakex.model.platform import Platform
    from bakex.model.target import Target
    from bakex.plan.placement import Able

    _Found = tuple[tuple[NodeInfo, Speed], ...]


class Candidates:
    """Finds the nodes for cells."""

    def __init__(self, nodes: Sequence[NodeInfo], emulation: Emulation) -> None:
        """Take the nodes, in the builder's order."""
        self._nodes = nodes
        self._emulation = emulation
        self._found: dict[tuple[Platform, str], _Found] = {}
        self._able: dict[tuple[Platform, str, frozenset[frozenset[Feature]]], Able] = {}

    def of(self, target: Target, platform: Platform, *, published: bool) -> Able:
        """Return the nodes that may build a target, which is as it is for that platform.

        Args:
            target: What is built.
            platform: For which platform.
            published: Whether its outputs are made.

        Raises:
            NoNodeError: There is none; names the nodes, and why none of them will do.
        """
        labels = spelled(target.node)
        key = platform, labels
        if key not in self._found:
            self._found[key] = self._search(target, platform)
        found = self._found[key]
        kinds = {node.features for node, _ in found}
        fit = frozenset(kind for kind in kinds if suits(target, kind, published=published))
        if (*key, fit) not in self._able:
            self._able[*key, fit] = tuple(
                (node.name, how) for node, how in found if not fit or node.features in fit
            )
        return self._able[*key, fit]

    def _search(self, target: Target, platform: Platform) -> _Found:
        able = [(node, how) for node in self._nodes if (how := speed(node, platform)) is not None]
        if not able:
            raise _nowhere(target, platform, self._nodes)
        having = [place for place in able if _has(place[0], target.node)]
        if not having:
            raise _unlabelled(target, platform, self._nodes)
        if self._emulation is not Emulation.NEVER:
            return tuple(having)
        native = [place for place in having if place[1] is Speed.NATIVE]
        if not native:
            raise _emulated(target, platform, [node for node, _ in having])
        return tuple(native)


def spelled(labels: Mapping[str, str]) -> str:
    """Return labels as they are spelled in messages: ``disk=ssd, zone=a``."""
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _has(node: NodeInfo, labels: Mapping[str, str]) -> bool:
    own = node.terms.labels
    return all(own.get(key) == value for key, value in labels.items())


def _nowhere(target: Target, platform: Platform, nodes: Sequence[NodeInfo]) -> NoNodeError:
    return NoNodeError(
        f"no node can build {platform}, which target {target.name!r} asks for",
        detail="\n".join(f"{n.name}: {', '.join(map(str, n.platforms))}" for n in nodes),
        hint=_remedy(platform),
    )


def _unlabelled(target: Target, platform: Platform, nodes: Sequence[NodeInfo]) -> NoNodeError:
    wanted = spelled(target.node)
    lines = [f"{n.name}: {spelled(n.terms.labels) or 'no labels'}" for n in nodes]
    others = [node for node in nodes if _has(node, target.node)]
    if others:
        names = ", ".join(node.name for node in others)
        lines.append(f"Of these, {names} does not build {platform}.")
    return NoNodeError(
        f"no node with {wanted}, which target {target.name!r} asks for, can build {platform}"
        if others
        else f"no node has {wanted}, which target {target.name!r} asks for",
        detail="\n".join(lines),
        hint="give a node these labels in its builder's file, or ask for others in `node`",
    )


def _emulated(target: Target, platform: Platform, nodes: Sequence[NodeInfo]) -> NoNodeError:
    names = ", ".join(node.name for node in nodes)
    return NoNodeError(
        f"no node runs {platform} natively, which target {target.name!r} asks for",
        detail=f"{names} would emulate it, and --emulation=never rules that out.",
        hint="add a node that runs it natively, or use --emulation=fallback",
    )


def _remedy(platform: Platform) -> str:
    if platform.os == "linux":
        return (
            f"run bakex platform install {platform.architecture} --node NODE to have a node emulate"
            " it, or add one that has this platform"
        )
    return "add a node that has this platform"
