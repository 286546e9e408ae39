"""Calls of a frontend's methods: what it is asked instead of being told to build.

Targets that a target links to are resolved by their own frontends first, without running a step, so
that a check sees the environment and the stages of its base. Source: buildx build/build.go,
buildkit frontend/subrequests.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit import gateway
from bakex.engines.buildkit.client import new_ref
from bakex.engines.buildkit.errors import explain
from bakex.engines.buildkit.graphs import Graph
from bakex.engines.buildkit.sessions import Offer
from bakex.engines.buildkit.transport import RpcError
from bakex.model.call import LINT, Answer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from bakex.engines.buildkit.client import Control
    from bakex.engines.buildkit.recipe import Recipe
    from bakex.engines.buildkit.sessions import Sessions
    from bakex.engines.buildkit.status import StatusFold
    from bakex.engines.buildkit.transport import Connection
    from bakex.model.call import Call
    from bakex.model.node import Endpoint
    from bakex.model.plan import Cell, CellId

    Compose = Callable[[Cell, Mapping[str, Graph]], Awaitable[Recipe]]

_CAPABILITY = "moby.buildkit.frontend.subrequests+forward"
# Frontends of the daemon that are older than the method; the same images as buildx's.
_OLD = (
    "docker/dockerfile:1.7.1"
    "@sha256:a57df69d0ea827fb7266491f2813635de6f17269be881f696fbfdf2d83dda33e"
)
_NEWER = {
    LINT: "docker/dockerfile:1.8.1"
    "@sha256:e87caa74dcb7d46cd820352bfea12591f3dba3ddc4285e19c7dcd13359f7cefd",
    "outline": _OLD,
    "targets": _OLD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Asks one daemon.

    Attributes:
        compose: Makes the recipe of a cell, given the graphs of the targets that it links to.
        fold: Makes what follows a build of a cell.
        others: The cells that may be linked to.
    """

    control: Control
    connection: Connection
    sessions: Sessions
    endpoint: Endpoint
    compose: Compose
    fold: Callable[[Cell, Recipe], StatusFold]
    others: Mapping[CellId, Cell]
    _graphs: dict[CellId, Graph] = field(default_factory=dict["CellId", Graph])

    async def ask(self, cell: Cell, call: Call) -> Answer:
        """Return what the frontend of a cell answers.

        Raises:
            BuildError: It failed, or has no such method.
            NodeError: The daemon was lost.
        """
        async with AsyncExitStack() as stack:
            recipe = await self._recipe(cell, stack)
            asked = replace(recipe, attrs=_attributes(recipe, call))
            result = await self._solved(cell, asked, stack, _NEWER.get(call.name, ""))
            return Answer(
                fields={
                    key: value.decode("utf-8", "replace") for key, value in result.metadata.items()
                },
                filename=recipe.attrs.get("filename", ""),
                dockerfile=recipe.dockerfile,
            )

    async def _recipe(self, cell: Cell, stack: AsyncExitStack) -> Recipe:
        linked: dict[str, Graph] = {}
        for context, base in cell.links:
            if base not in self._graphs:
                below = self.others[base]
                # Open until all is done: the daemon reads the base's files through its session.
                result = await self._solved(below, await self._recipe(below, stack), stack)
                self._graphs[base] = Graph.of(result, below.platform)
            linked[context] = self._graphs[base]
        return await self.compose(cell, linked)

    async def _solved(
        self, cell: Cell, recipe: Recipe, stack: AsyncExitStack, newer: str = ""
    ) -> pb.Result:
        # An error goes through the bridge that was opened last, which is the one it belongs to.
        bridge = await stack.enter_async_context(self._bridge(cell, recipe))
        return await _solve(bridge, recipe, newer)

    @asynccontextmanager
    async def _bridge(self, cell: Cell, recipe: Recipe) -> AsyncGenerator[gateway.Bridge]:
        fold = self.fold(cell, recipe)
        async with self.sessions.lease(Offer.of(recipe)) as session:
            try:
                # It leaves no trace in the daemon's history.
                message = pb.SolveRequest(
                    ref=new_ref(), session=session.id, internal=True, cache=pb.CacheOptions()
                )
                async with gateway.opened(self.control, self.connection, message, fold) as bridge:
                    yield bridge
            except RpcError as error:
                session.explain(error.message)
                raise explain(
                    error, cell=cell, recipe=recipe, endpoint=self.endpoint, fold=fold
                ) from None


async def _solve(bridge: gateway.Bridge, recipe: Recipe, newer: str) -> pb.Result:
    try:
        return await bridge.solve(recipe)
    except RpcError as error:
        request = recipe.attrs.get("requestid", "")
        if not newer or f"unsupported request {request}" not in error.message:
            raise
        unsupported = error
    attrs = {**recipe.attrs, "source": newer}
    attrs.pop("cmdline", None)
    try:
        return await bridge.solve(replace(recipe, frontend="gateway.v0", attrs=attrs))
    except RpcError:
        # The image cannot be had, which is no news to who never asked for it.
        raise unsupported from None


def _attributes(recipe: Recipe, call: Call) -> dict[str, str]:
    caps = filter(None, (recipe.attrs.get("frontend.caps", ""), _CAPABILITY))
    return {**recipe.attrs, "frontend.caps": ",".join(caps), "requestid": f"frontend.{call.name}"}
