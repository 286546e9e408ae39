"""Builds in which this client takes the frontend's place: questions, and results to build on.

Such a build is opened with a solve that names no frontend; calls of ``LLBBridge`` carry its id, and
``Return`` ends it. What a frontend answers beside a result comes only this way, because the
exporter's response has no room for it. Source: buildkit client/build.go, frontend/gateway.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit import solve
from bakex.engines.buildkit.client import QUICK_S
from bakex.engines.buildkit.graphs import definitions
from bakex.engines.buildkit.transport import RpcError
from bakex.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bakex.engines.buildkit.client import Control
    from bakex.engines.buildkit.recipe import Recipe
    from bakex.engines.buildkit.status import StatusFold
    from bakex.engines.buildkit.transport import Connection

_BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/"


class Bridge:
    """The calls of one such build."""

    def __init__(self, connection: Connection, ref: str) -> None:
        self._connection = connection
        self._metadata = [("buildkit-controlapi-buildid", ref)]

    async def solve(self, recipe: Recipe) -> pb.Result:
        """Let a frontend work; what it describes is not run.

        Raises:
            RpcError: It failed.
            NodeError: The daemon was lost.
        """
        request = pb.GatewaySolveRequest(
            frontend=recipe.frontend,
            frontend_opt=dict(recipe.attrs),
            allow_result_return=True,
            allow_result_array_ref=True,
            cache_imports=[pb.CacheEntry(type=e.type, attrs=dict(e.attrs)) for e in recipe.imports],
            frontend_inputs=definitions(recipe.graphs),
        )
        reply = await self._connection.unary(
            _BRIDGE + "Solve", request, pb.GatewaySolveResponse, metadata=self._metadata
        )
        return reply.result

    async def finish(self) -> None:
        """End the build; what the daemon thinks of that does not matter any more."""
        with suppress(RpcError, NodeError):
            await self._connection.unary(
                _BRIDGE + "Return",
                pb.ReturnRequest(result=pb.Result()),
                pb.Empty,
                metadata=self._metadata,
                timeout_s=QUICK_S,
            )


@asynccontextmanager
async def opened(
    control: Control, connection: Connection, ref: str, session: str, fold: StatusFold
) -> AsyncGenerator[Bridge]:
    """Open a build and end it with the block; it leaves no trace in the daemon's history.

    Raises:
        RpcError: The daemon refused it.
        NodeError: The daemon was lost.

    What the block raises is raised. Cancelling ends the build as cancelling any other does.
    """
    message = pb.SolveRequest(ref=ref, session=session, internal=True, cache=pb.CacheOptions())
    outcome: list[RpcError | NodeError] = []

    async def run() -> None:
        try:
            await solve.run(control, message, fold)
        except (RpcError, NodeError) as error:
            outcome.append(error)

    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        build = group.create_task(run())
        bridge = Bridge(connection, ref)
        try:
            yield bridge
        except Exception as error:  # noqa: BLE001 - raised below: a group would wrap it
            failure = error
        if isinstance(failure, NodeError):
            build.cancel()
        else:
            await bridge.finish()
    if failure is not None:
        raise failure
    if outcome:
        raise outcome[0]
