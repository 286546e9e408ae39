"""A clock that only moves when it is told to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """Implements `bakex.interfaces.Clock`; `sleep` returns at once and moves the time on."""

    def __init__(self) -> None:
        self._elapsed_s = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Return the start of 2026 plus the time that was advanced."""
        return _EPOCH + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        """Return the seconds that were advanced."""
        return self._elapsed_s

    def advance(self, seconds: float) -> None:
        """Move the time on."""
        self._elapsed_s += seconds

    async def sleep(self, seconds: float) -> None:
        """Record the request, move the time on, and let other tasks run once."""
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)
