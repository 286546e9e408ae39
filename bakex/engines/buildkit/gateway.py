"""Builds in which this client takes the frontend's place: questions, and results to build on.

Such a build is opened with a solve that names no frontend; calls of ``LLBBridge`` carry its id, and
``Return`` hands over what is to be exported. What a frontend answers beside a result comes only
this way, because the exporter's response has no room for it; so do the steps that made a result.
Source: buildkit client/build.go, frontend/gateway.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import DecodeError, Message
from grpclib.const import Status

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit import solve
from bakex.engines.buildkit.client import QUICK_S
from bakex.engines.buildkit.graphs import definitions
from bakex.engines.buildkit.transport import RpcError
from bakex.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from bakex.engines.buildkit.client import Control
    from bakex.engines.buildkit.recipe import Recipe
    from bakex.engines.buildkit.status import StatusFold
    from bakex.engines.buildkit.transport import Connection

_Reply = TypeVar("_Reply", bound=Message)

_BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/"


class Bridge:
    """The calls of one such build.

    Attributes:
        result: What the build hands over to its exporters when it ends.
        refusal: What the build has ended with, if not well.
    """

    def __init__(self, connection: Connection, ref: str) -> None:
        self.result = pb.Result()
        self.refusal: RpcError | NodeError | None = None
        self._connection = connection
        self._metadata = [("buildkit-controlapi-buildid", ref)]
        self._response: Mapping[str, str] = {}
        self._ended = asyncio.Event()

    async def solve(self, recipe: Recipe, *, evaluate: bool = False) -> pb.Result:
        """Let a frontend work.

        Args:
            recipe: What it is told.
            evaluate: Run what it describes, too.

        Raises:
            RpcError: It failed, or a step did.
            NodeError: The daemon was lost.
        """
        return await self._solve(
            pb.GatewaySolveRequest(
                frontend=recipe.frontend,
                frontend_opt=dict(recipe.attrs),
                cache_imports=[
                    pb.CacheEntry(type=e.type, attrs=dict(e.attrs)) for e in recipe.imports
                ],
                frontend_inputs=definitions(recipe.graphs),
                evaluate=evaluate,
            )
        )

    async def load(self, definition: pb.Definition) -> None:
        """Run steps; those that another build runs or holds at the moment are shared with it.

        Raises:
            RpcError: One failed.
            NodeError: The daemon was lost.
        """
        await self._solve(pb.GatewaySolveRequest(definition=definition, evaluate=True))

    async def _solve(self, request: pb.GatewaySolveRequest) -> pb.Result:
        request.allow_result_return = request.allow_result_array_ref = True
        return (await self._call("Solve", request, pb.GatewaySolveResponse)).result

    async def _call(self, method: str, request: Message, reply: type[_Reply]) -> _Reply:
        # Calls of a build that was refused wait for it, and then only know that it is not there.
        answer: list[_Reply | RpcError | NodeError] = []

        async def ask() -> None:
            try:
                answer.append(
                    await self._connection.unary(
                        _BRIDGE + method, request, reply, metadata=self._metadata
                    )
                )
            except (RpcError, NodeError) as error:
                answer.append(error)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask()), group.create_task(self._ended.wait())]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
        ended = self.refusal or RpcError(Status.ABORTED, "the build has ended")
        found = answer[0] if answer else ended
        if isinstance(found, Exception):
            raise found
        return found

    @property
    def response(self) -> Mapping[str, str]:
        """What the exporters answered, once the build is over.

        Raises:
            RpcError: One failed, or the daemon refused the build.
            NodeError: The daemon was lost.
        """
        if self.refusal is not None:
            raise self.refusal
        return self._response

    async def run(
        self, control: Control, message: pb.SolveRequest, fold: StatusFold | None
    ) -> None:
        """Keep the build open until its result is returned or it fails; see `response`."""
        try:
            self._response = (
                await solve.run(control, message, fold) if fold else await control.solve(message)
            )
        except (RpcError, NodeError) as error:
            self.refusal = error
        finally:
            self._ended.set()

    async def finish(self, failure: Exception | None) -> None:
        """Hand over the result, or say that there is none; this ends the build.

        Raises:
            RpcError: The build is over already.
            NodeError: The daemon was lost.
        """
        request = pb.ReturnRequest(result=self.result)
        if failure is not None:
            request = pb.ReturnRequest(error=_status(failure))
        await self._call("Return", request, pb.Empty)


@asynccontextmanager
async def opened(
    control: Control, connection: Connection, message: pb.SolveRequest, fold: StatusFold | None
) -> AsyncGenerator[Bridge]:
    """Open a build and end it with the block; `Bridge.response` tells what came of it.

    Args:
        control: The daemon.
        connection: The same, for the calls of the build.
        message: The build, without a frontend.
        fold: Gets the status; None if nobody wants it.

    What the block raises is raised. If the daemon refuses the build, each of its calls raises the
    reason. Cancelling ends the build as cancelling any other does.
    """
    failure: Exception | None = None
    bridge = Bridge(connection, message.ref)
    async with asyncio.TaskGroup() as group:
        build = group.create_task(bridge.run(control, message, fold))
        try:
            yield bridge
        except Exception as error:  # noqa: BLE001 - raised below: a group would wrap it
            failure = error
        if isinstance(failure, NodeError):
            build.cancel()
        else:
            try:
                async with asyncio.timeout(QUICK_S):
                    await bridge.finish(failure)
            except (RpcError, NodeError, TimeoutError):
                build.cancel()
    if failure is not None:
        raise failure


def _status(failure: Exception) -> pb.Status:
    """Return a failure as the daemon is told of it, for its history of builds."""
    if not isinstance(failure, RpcError):
        return pb.Status(code=2, message=str(failure))
    status = pb.Status(code=failure.status.value, message=failure.message)
    with suppress(DecodeError):
        status.details.extend(pb.Status.FromString(failure.details).details)
    return status
