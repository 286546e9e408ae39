"""Results that stay on the daemon, for other builds to be built on.

A second build of internal kind, which does nothing, holds the steps of the first one: it loads them
while the first one still has them, so that there is no moment in which nobody does. A build that
gets these steps as an input then shares their results, whether or not they may use the cache, and
nothing leaves the daemon. Sessions of the first build stay open, too: what a source has not fetched
yet comes through them. Source: buildx build/build.go, buildkit solver/jobs.go (Solver.load).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit import gateway
from bakex.engines.buildkit.client import new_ref
from bakex.engines.buildkit.graphs import Graph
from bakex.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AsyncExitStack

    from bakex.building import KeptResult, LinkedContent
    from bakex.engines.buildkit.client import Control
    from bakex.engines.buildkit.gateway import Bridge
    from bakex.engines.buildkit.recipe import Recipe
    from bakex.engines.buildkit.status import StatusFold
    from bakex.engines.buildkit.transport import Connection
    from bakex.model.platform import Platform
    from bakex.model.result import CellResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A result on the daemon (`bakex.building.KeptResult`).

    Attributes:
        daemon: Where it is.
        graph: The steps that made it.
        told: Digests of the steps that were told of.
        recipe: What it was made by.
    """

    result: CellResult
    daemon: Connection
    graph: Graph
    told: frozenset[str]
    recipe: Recipe


def bases(inputs: Mapping[str, LinkedContent | KeptResult], daemon: Connection) -> dict[str, Kept]:
    """Return those of the inputs of a build that are results on the daemon.

    Raises:
        InternalError: A result is on another daemon, which this one knows nothing of.
    """
    found = {name: item for name, item in inputs.items() if isinstance(item, Kept)}
    for name, item in found.items():
        if item.daemon is not daemon:
            raise InternalError(f"context {name!r} is kept by another node")
    return found


def contexts(
    inputs: Mapping[str, LinkedContent | KeptResult],
) -> dict[str, LinkedContent | Graph]:
    """Return the inputs of a build as what they are to its frontend."""
    return {
        name: item.graph if isinstance(item, Kept) else cast("LinkedContent", item)
        for name, item in inputs.items()
    }


def built_on(recipe: Recipe, bases: Iterable[Kept]) -> Recipe:
    """Return a recipe that also asks for what the steps of its bases need.

    A daemon checks the privileges of all steps of a build, whoever ran them; and layers of a base
    that it has never needed so far are fetched for this build.
    """
    entitlements, registries = recipe.entitlements, recipe.registries
    for base in bases:
        entitlements += base.recipe.entitlements
        others = base.recipe.registries
        registries = None if registries is None or others is None else registries | others
    return replace(recipe, entitlements=tuple(dict.fromkeys(entitlements)), registries=registries)


class Keeping:
    """Keeps the result of one build until `resources` are closed.

    Attributes:
        resources: What lives as long as the result; sessions of the build belong here.
        told: Digests of the steps that were told of; empty until `run` has returned.
    """

    def __init__(
        self,
        control: Control,
        connection: Connection,
        platform: Platform,
        resources: AsyncExitStack,
    ) -> None:
        self.resources = resources
        self.told: frozenset[str] = frozenset()
        self._control = control
        self._connection = connection
        self._platform = platform
        self._made: tuple[Graph, Recipe] | None = None

    @property
    def is_done(self) -> bool:
        """Whether the result is being kept; to build it again then makes it no other."""
        return self._made is not None

    def kept(self, result: CellResult) -> Kept:
        """Return what other builds get."""
        if self._made is None:
            raise InternalError(f"the result of {result.cell} was not kept")
        graph, recipe = self._made
        return Kept(
            result=result, daemon=self._connection, graph=graph, told=self.told, recipe=recipe
        )

    async def open(self, session: str, recipe: Recipe) -> Bridge:
        """Open what is going to hold the steps; to be awaited by the owner of `resources`.

        Raises:
            RpcError: The daemon refused it.
            NodeError: The daemon was lost.
        """
        message = pb.SolveRequest(
            ref=new_ref(),
            session=session,
            entitlements=recipe.entitlements,
            internal=True,
            cache=pb.CacheOptions(),
        )
        opened = gateway.opened(self._control, self._connection, message, None)
        return await self.resources.enter_async_context(opened)

    async def run(
        self, holder: Bridge, message: pb.SolveRequest, recipe: Recipe, fold: StatusFold
    ) -> Mapping[str, str]:
        """Run a build, keep its result, and return the exporters' response.

        Args:
            holder: What `open` has returned.
            message: The build as if its frontend ran it.
            recipe: What its frontend is told.
            fold: Gets the status.

        Raises:
            RpcError: The build failed.
            NodeError: The daemon was lost.
        """
        # The attributes stay: it is the daemon itself that adds attestations.
        message.frontend = ""
        message.frontend_inputs.clear()
        opened = gateway.opened(self._control, self._connection, message, fold)
        async with opened as bridge:
            bridge.result = await bridge.solve(recipe, evaluate=True)
            graph = Graph.of(bridge.result, self._platform)
            if graph.definition:
                await holder.load(pb.Definition.FromString(graph.definition))
        self._made, self.told = (graph, recipe), fold.steps
        return bridge.response
