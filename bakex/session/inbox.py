"""Concurrent parts of a call: tasks that fail together, and messages taken in batches."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine

    from bakex.session.attachable import Call

MiB = 1024 * 1024


async def together(*work: Coroutine[None, None, None]) -> None:
    """Run coroutines until all return; the first failure stops the others and is raised."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for coroutine in work:
                tasks.create_task(coroutine)
    except BaseExceptionGroup as group:
        raise _first(group) from None


def _first(error: BaseException) -> BaseException:
    # A task group lists first what failed first.
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


class Inbox:
    """The messages that have arrived while the previous ones were worked on.

    A thread hop costs more than most messages, so messages are handed over in batches. A full
    inbox stops receiving, which makes the peer wait.
    """

    def __init__(self, call: Call, *, max_size: int = MiB, max_count: int = 1024) -> None:
        self._call = call
        self._max_size = max_size
        self._max_count = max_count
        self._messages: list[bytes] = []
        self._size = 0
        self._ended = False
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()

    async def fill(self) -> None:
        """Receive until the peer ends."""
        while messages := await self._call.receive_some():
            self._messages += messages
            self._size += sum(map(len, messages))
            self._arrived.set()
            if self._size >= self._max_size or len(self._messages) >= self._max_count:
                self._room.clear()
                await self._room.wait()
        self._ended = True
        self._arrived.set()

    async def take(self) -> list[bytes]:
        """Wait for messages and return all there are; none once the peer has ended."""
        await self._arrived.wait()
        batch, self._messages, self._size = self._messages, [], 0
        if not self._ended:
            self._arrived.clear()
        self._room.set()
        return batch


@asynccontextmanager
async def inbox(call: Call) -> AsyncGenerator[Inbox]:
    """Receive a call's messages in the background until the block ends.

    What receiving fails with is raised from the block.
    """
    box = Inbox(call)
    try:
        async with asyncio.TaskGroup() as tasks:
            filling = tasks.create_task(box.fill())
            yield box
            filling.cancel()
    except BaseExceptionGroup as group:
        raise _first(group) from None
