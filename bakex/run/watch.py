"""Signs of life, of nodes, which are asked, and of cells; and how long things may take."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bakex.errors import BakexError, BuildTimeoutError, StalledError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bakex.building import Engine
    from bakex.interfaces import Clock
    from bakex.model.plan import Cell
    from bakex.model.running import RunPolicy
    from bakex.run.attempt import Attempt

EVERY_S = 8.0  # between two questions to a node that builds
ANSWER_S = 5.0  # the longest wait for an answer
# A node that is silent this often is lost: within 30 s, with the above.
SILENT = 2
TICK_S = 1.0  # how exactly time limits are kept


async def silence(engine: Engine) -> BakexError | None:
    """Ask a node whether it is there.

    Returns:
        Why it is not; a `StalledError` if it says nothing, which may be because it is busy. None if
        it answers.
    """
    try:
        async with asyncio.timeout(ANSWER_S):
            await engine.probe()
    except TimeoutError:
        return StalledError(f"no answer for {ANSWER_S:g} s")
    except BakexError as error:
        return error
    return None


class Limits:
    """How long cells, and all of them together, may take.

    Attributes:
        is_over: The time of the whole run is up.
    """

    def __init__(self, policy: RunPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._begun = clock.monotonic()
        self.is_over = False

    def are_set(self, cells: Iterable[Cell]) -> bool:
        """Return whether there is any limit."""
        policy = self._policy
        return bool(policy.timeout_s or policy.stall_s) or any(cell.timeout_s for cell in cells)

    def passed(self, attempt: Attempt) -> BakexError | None:
        """Return the error of an attempt that has passed a limit."""
        cell, policy, now = attempt.cell, self._policy, self._clock.monotonic()
        if policy.timeout_s and now - self._begun > policy.timeout_s:
            self.is_over = True
            return BuildTimeoutError(
                f"{cell.id}: the run takes longer than {policy.timeout_s:g} s",
                hint="raise --timeout",
            )
        if cell.timeout_s and now - attempt.started > cell.timeout_s:
            return BuildTimeoutError(
                f"{cell.id}: the build takes longer than {cell.timeout_s:g} s",
                hint=f"raise the timeout of target {cell.id.target!r}",
            )
        if policy.stall_s and now - attempt.last > policy.stall_s:
            return StalledError(
                f"{cell.id}: no progress for {policy.stall_s:g} s",
                hint="raise --stall-timeout if the step is silent by nature",
            )
        return None
