"""Pushes of one daemon to one repository, which get into each other's way.

The cells of a target are solved at the same time and share layers. While one of them uploads a
layer, the daemon's pusher takes it for done in the others (containerd's pusher keeps one status per
blob), and sends their manifests to a registry that lacks it and refuses. Pushes still run together,
because that is faster and mostly goes well; a refused one waits until no other is under way, and is
then repeated. The build itself is cached by then.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from bakex.errors import PushError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from bakex.interfaces import Clock

_T = TypeVar("_T")

ATTEMPTS = 4
_PAUSE_S = 0.5  # times the number of the attempt; a registry may need a moment to see a blob


class Pushes:
    """Counts what is under way to each repository, and repeats what was refused."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: Counter[str] = Counter()
        self._changed = asyncio.Condition()
        self._alone = asyncio.Lock()

    async def run(self, repositories: Sequence[str], attempt: Callable[[int], Awaitable[_T]]) -> _T:
        """Run a push, again if the registry refuses it, at most four times.

        Args:
            repositories: Where it goes; empty for something that pushes nothing.
            attempt: Does it; is told how often it was tried before.

        Raises:
            PushError: It was refused every time.
        """
        if not repositories:
            return await attempt(0)
        try:
            return await self._counted(repositories, attempt, 0)
        except PushError as error:
            refused = error
        async with self._alone:
            for tries in range(1, ATTEMPTS):
                async with self._changed:
                    await self._changed.wait_for(lambda: not self._busy(repositories))
                await self._clock.sleep(tries * _PAUSE_S)
                try:
                    return await self._counted(repositories, attempt, tries)
                except PushError as error:
                    refused = error
        raise refused

    def _busy(self, repositories: Sequence[str]) -> bool:
        return any(self._running[name] for name in repositories)

    async def _counted(
        self, repositories: Sequence[str], attempt: Callable[[int], Awaitable[_T]], tries: int
    ) -> _T:
        self._running.update(repositories)
        try:
            return await attempt(tries)
        finally:
            self._running.subtract(repositories)
            async with self._changed:
                self._changed.notify_all()
