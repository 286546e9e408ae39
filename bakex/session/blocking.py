"""File access beside the event loop, so that health checks are answered in the meantime."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")


async def in_thread(function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run a function that takes milliseconds in a thread and return its result.

    Unlike `asyncio.to_thread`, cancelling waits for the function to return before it takes effect:
    what the function works on (descriptors, iterators) is never touched from two sides, and may be
    closed by the caller. What the function raises is raised here.
    """
    loop = asyncio.get_running_loop()
    future = loop.run_in_executor(None, partial(function, *args, **kwargs))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        if not future.cancelled():
            await _settled(future)
        raise


async def _settled(future: asyncio.Future[_T]) -> None:
    while not future.done():
        try:
            await asyncio.wait((future,))
        except asyncio.CancelledError:
            # Cancelled again: the first cancellation is already under way.
            continue
    if not future.cancelled():
        # Retrieved, so that asyncio does not report it as lost.
        future.exception()
