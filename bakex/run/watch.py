"""Signs of life, of nodes, which are asked, and of cells; and how long things may take."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bakex.errors import BakexError, BuildTimeoutError, StalledError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from bakex.building import Engine
    from bakex.interfaces import Clock
    from bakex.model.plan import Cell
    from bakex.model.running import RunPolicy
    from bakex.run.attempt import Attempt

EVERY_S = 8.0  # between two questions to a node that builds
ANSWER_S = 5.0  # the longest wait for an answer
# A node that is silent this often is lost: within 30 s, with the above.
SILENT = 2
RETURN_S = 5.0  # before a lost node is asked for the first time; doubles
LONGEST_RETURN_S = 60.0
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


class Vigil:
    """Asks one node, as long as it builds, whether it is there; and when it is lost, if it is back.

    Args:
        engine: The node.
        attempts: What runs there; changes as it goes on.
        clock: Says when to ask.
    """

    def __init__(self, engine: Engine, attempts: Collection[Attempt], clock: Clock) -> None:
        self._engine = engine
        self._attempts = attempts
        self._clock = clock
        self._silent = 0
        self._pause_s = RETURN_S

    async def gone(self) -> BakexError | None:
        """Ask after a while; return why the node is to be given up, or None if it is not."""
        await self._clock.sleep(EVERY_S)
        asked = self._clock.monotonic()
        error = await silence(self._engine) if self._attempts else None
        # A node that is too busy to answer may still have news of its cells.
        heard = any(one.last > max(asked, one.started) for one in self._attempts)
        self._silent = self._silent + 1 if error and not heard else 0
        return error if self._silent >= SILENT else None

    async def is_back(self) -> bool:
        """Ask a lost node after a while, which is longer each time; return whether it answers.

        It is asked over a new connection: one that a network has forgotten never works again.
        """
        await self._clock.sleep(self._pause_s)
        if self._attempts:  # they are being stopped
            return False
        await self._engine.aclose()
        if await silence(self._engine) is not None:
            self._pause_s = min(2 * self._pause_s, LONGEST_RETURN_S)
            return False
        self._silent, self._pause_s = 0, RETURN_S
        return True


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
