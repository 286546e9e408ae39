"""How many requests a host gets at a time: fewer once it complained, more again later."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakex.registry.retry import Gate


class Slots:
    """A limit of requests in flight, behind a gate; an asynchronous context manager.

    Whoever has waited for a slot looks at the gate again: it may have been closed meanwhile, and
    then nobody goes (spec/registry 2.5: one refusal is for all lanes).
    """

    def __init__(self, gate: Gate, most: int) -> None:
        """Begin with the most requests.

        Args:
            gate: Must be open for a request to go.
            most: The limit, never exceeded.
        """
        self._gate = gate
        self._most = most
        self._used = 0
        self._good = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.limit = most

    async def __aenter__(self) -> None:
        while True:
            await self._gate.passed()
            if self._used < self.limit:
                self._used += 1
                return
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                # The turn may have come in the same moment: then it is somebody else's now.
                if turn.done() and not turn.cancelled():
                    self._wake()
                raise

    async def __aexit__(self, *_: object) -> None:
        self._used -= 1
        self._wake()

    def shrink(self) -> None:
        """Halve the limit: the host was asked too much."""
        self.limit -= self.limit // 2
        self._good = 0

    def grow(self) -> None:
        """Note a request that went well; a whole round of them gives one more slot."""
        if self.limit == self._most:
            return
        self._good += 1
        if self._good >= self.limit:
            self._good = 0
            self.limit += 1
            self._wake()

    def _wake(self) -> None:
        while self._waiting and self._used < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
