"""One solve: the request, and the two calls that run it and watch it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit.graphs import definitions
from bakex.engines.buildkit.transport import RpcError
from bakex.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.engines.buildkit.client import Control
    from bakex.engines.buildkit.exports import Round
    from bakex.engines.buildkit.recipe import Recipe
    from bakex.engines.buildkit.status import StatusFold

_SILENCE_S = 5.0  # a finished build's status stream has ended by then
_LIMIT_S = 60.0  # for all that a build still has to say
_FAILED_S = 1.0  # what a failed build has to say comes at once
_CANCELLED_S = 0.9  # steps are killed within a tenth of a second
_UNSEEN_S = 0.2  # a build that was refused has no status stream; it would block for 6 s


def request(
    ref: str, session: str, recipe: Recipe, round_: Round, *, first: bool
) -> pb.SolveRequest:
    """Return the request for one round of a build.

    Args:
        ref: Id of the build.
        session: Id of the session that serves it.
        recipe: What to build.
        round_: What to export.
        first: Whether this is the build's first solve. Later ones only export once more: they use
            the first one's results even if it was told not to use the cache, and caches have been
            written.
    """
    attrs = dict(recipe.attrs)
    exports = recipe.exports
    if not first:
        attrs.pop("no-cache", None)
        # An inline cache is a part of the image, which must be the same again.
        exports = tuple(entry for entry in exports if entry.type == "inline")
    message = pb.SolveRequest(
        ref=ref,
        session=session,
        frontend=recipe.frontend,
        frontend_attrs=attrs,
        frontend_inputs=definitions(recipe.graphs),
        entitlements=recipe.entitlements,
        # Always there, even if empty: some daemons do not expect it to be missing.
        cache=pb.CacheOptions(
            exports=[pb.CacheEntry(type=e.type, attrs=dict(e.attrs)) for e in exports],
            imports=[pb.CacheEntry(type=e.type, attrs=dict(e.attrs)) for e in recipe.imports],
        ),
        exporters=[pb.Exporter(type=kind, attrs=dict(a)) for kind, a in round_.exporters],
    )
    if round_.exporters:
        kind, first_attrs = round_.exporters[0]
        message.first_exporter = kind
        message.first_exporter_attrs.update(first_attrs)
    return message


async def run(control: Control, message: pb.SolveRequest, fold: StatusFold) -> Mapping[str, str]:
    """Run a solve while its status is read; return the exporters' response.

    Raises:
        RpcError: The build failed.
        NodeError: The daemon was lost.

    Cancelling this cancels the build, and returns when its steps have ended, after 0.9 s at most.
    """
    outcome: dict[str, str] | RpcError | NodeError
    async with asyncio.TaskGroup() as group:
        watcher = _Watcher(control, message.ref, fold)
        watching = group.create_task(watcher.run())
        try:
            outcome = await control.solve(message)
        except (RpcError, NodeError) as error:
            outcome = error
        except asyncio.CancelledError:
            await watcher.settle(silence_s=_CANCELLED_S, limit_s=_CANCELLED_S)
            raise
        if isinstance(outcome, NodeError):
            patience = 0.0
        elif isinstance(outcome, RpcError):
            patience = _FAILED_S if fold.seen else _UNSEEN_S
        else:
            patience = _SILENCE_S
        await watcher.settle(silence_s=patience, limit_s=_LIMIT_S)
        watching.cancel()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


class _Watcher:
    """Reads a status stream until it ends or nobody wants it any more."""

    def __init__(self, control: Control, ref: str, fold: StatusFold) -> None:
        self._control = control
        self._ref = ref
        self._fold = fold
        self._ended = False
        self._changed = asyncio.Event()

    async def run(self) -> None:
        try:
            async with aclosing(self._control.status(self._ref)) as stream:
                async for response in stream:
                    self._fold.apply(response)
                    self._changed.set()
        except (RpcError, NodeError):
            pass  # The solve itself tells what is wrong.
        finally:
            self._ended = True
            self._changed.set()

    async def settle(self, *, silence_s: float, limit_s: float) -> None:
        """Wait for the end: until nothing comes for `silence_s`, or for `limit_s` in all."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not self._ended:
                    self._changed.clear()
                    async with asyncio.timeout(silence_s):
                        await self._changed.wait()
