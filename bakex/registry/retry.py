"""When a request is sent again, and how long to wait before that: policy as a value."""

from __future__ import annotations

import email.utils
from dataclasses import dataclass
from random import SystemRandom
from typing import TYPE_CHECKING

from bakex.errors import RateLimitedError, RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bakex.interfaces import Clock

# 499 and 522 come from proxies (nginx, Cloudflare) that lost the registry behind them.
RETRIED = frozenset({408, 425, 429, 499, 500, 502, 503, 504, 522})
THROTTLED = frozenset({429, 503})


def _full_jitter(top: float) -> float:
    return SystemRandom().uniform(0, top)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long; all times in seconds.

    Attributes:
        attempts: Requests in all, the first one included.
        held: How often a request may be told to come back later.
        base_s: The longest wait before the second attempt; doubles with every attempt.
        cap_s: The longest wait before any attempt, but for Retry-After.
        longest_s: The longest Retry-After that is obeyed; for more the request fails at once.
        budget_s: No attempt starts later than this after the first one.
        settle_s: Waits for what was just pushed to become visible, one after the other.
        jitter: Picks a wait between 0 and its argument.
    """

    attempts: int = 6
    held: int = 25
    base_s: float = 0.1
    cap_s: float = 20.0
    longest_s: float = 300.0
    budget_s: float = 600.0
    settle_s: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8, 1.6)
    jitter: Callable[[float], float] = _full_jitter

    def delay(self, attempt: int) -> float:
        """Return how long to wait after the given attempt (the first is 0)."""
        return self.jitter(min(self.cap_s, self.base_s * 2**attempt))


class Attempts:
    """Counts the attempts of one piece of work."""

    def __init__(self, policy: RetryPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._started = clock.monotonic()
        self._made = 0
        self._held = 0

    async def again(
        self, failure: RegistryError, wait_s: float | None = None, *, held: bool = False
    ) -> None:
        """Wait before the next attempt.

        Args:
            failure: Why the last attempt failed; raised when there is no next one.
            wait_s: How long the server asked to wait; None for the policy's own delay.
            held: The server only said "not now": with many requests that can happen to the same
                one again and again, so it has a count of its own.

        Raises:
            RegistryError: The failure: it is not transient, or there were enough attempts.
        """
        delay = self._policy.delay(self._held if held else self._made)
        if wait_s is not None:
            # Not in the same instant, even if the server would allow that.
            delay = max(wait_s, min(delay, self._policy.base_s))
        if held:
            self._held += 1
        else:
            self._made += 1
        left = self._started + self._policy.budget_s - self._clock.monotonic()
        over = self._made >= self._policy.attempts or self._held >= self._policy.held
        if not failure.transient or over or delay > min(left, self._policy.longest_s):
            raise failure
        await self._clock.sleep(delay)


class Gate:
    """Holds back all requests to a host that asked for fewer of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether requests may go now."""
        return self._until <= self._clock.monotonic()

    def close(self, seconds: float) -> None:
        """Let nobody through for some time from now on; never shortens an earlier wait."""
        self._until = max(self._until, self._clock.monotonic() + seconds)

    async def passed(self) -> None:
        """Wait until the gate is open."""
        while (wait := self._until - self._clock.monotonic()) > 0:
            await self._clock.sleep(wait)


def retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for; None if it makes no sense.

    Takes seconds and HTTP dates (RFC 9110, 10.2.3); a date in the past means no wait.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = email.utils.parsedate_to_datetime(text)
        return max(0.0, (date - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        # TypeError: a date without a time zone, which HTTP does not have.
        return None


def too_long(failure: RegistryError, wait_s: float) -> RegistryError:
    """Return the error for a server that asks for a longer wait than bakex is ready for."""
    return RateLimitedError(
        failure.summary,
        status=failure.status,
        detail=f"The registry asks to wait {wait_s:.0f} seconds.",
        hint="try again later, or log in for a higher limit",
    )
