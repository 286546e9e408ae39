"""When requests are sent again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bakex.errors import RateLimitedError, RegistryError
from bakex.registry.retry import Attempts, Gate, RetryPolicy, retry_after, too_long
from bakex.testing.clock import ManualClock

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRANSIENT = RegistryError("broken", transient=True)


def policy(*, cap_s: float = 20.0, budget_s: float = 600.0) -> RetryPolicy:
    return RetryPolicy(jitter=lambda top: top, cap_s=cap_s, budget_s=budget_s)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("99999999999999", 999999999.0),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 23:59:00 GMT", 0.0),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("1.5", None),
        ("٣", None),
    ],
)
def test_retry_after_is_read(value: str, expected: float | None) -> None:
    assert retry_after(value, NOW) == expected


def test_a_date_without_a_zone_is_not_guessed_at() -> None:
    assert retry_after("Thu, 01 Jan 2026 00:00:30 -0000", NOW) is None


async def test_the_wait_doubles_up_to_a_bound() -> None:
    clock = ManualClock()
    attempts = Attempts(policy(cap_s=0.5), clock)
    for _ in range(5):
        await attempts.again(TRANSIENT)
    assert clock.slept == [0.1, 0.2, 0.4, 0.5, 0.5]
    with pytest.raises(RegistryError, match="broken"):
        await attempts.again(TRANSIENT)


async def test_the_servers_wish_counts() -> None:
    clock = ManualClock()
    attempts = Attempts(policy(), clock)
    await attempts.again(TRANSIENT, 7.0)
    assert clock.slept == [7.0]
    with pytest.raises(RegistryError):
        await attempts.again(TRANSIENT, 301.0)


async def test_what_is_not_transient_is_raised_at_once() -> None:
    clock = ManualClock()
    with pytest.raises(RegistryError):
        await Attempts(policy(), clock).again(RegistryError("refused"))
    assert clock.slept == []


async def test_no_attempt_starts_after_the_budget() -> None:
    clock = ManualClock()
    attempts = Attempts(policy(budget_s=10.0), clock)
    await attempts.again(TRANSIENT, 6.0)
    with pytest.raises(RegistryError):
        await attempts.again(TRANSIENT, 6.0)


def test_the_jitter_is_somewhere_below_the_top() -> None:
    assert all(0 <= RetryPolicy().delay(3) <= 0.8 for _ in range(20))


async def test_a_gate_holds_back_until_its_time() -> None:
    clock = ManualClock()
    gate = Gate(clock)
    await gate.passed()
    gate.close(5.0)
    gate.close(2.0)
    await gate.passed()
    assert clock.slept == [5.0]
    assert clock.now() == NOW + timedelta(seconds=5)


def test_a_long_wait_is_an_error_with_the_time() -> None:
    error = too_long(RegistryError("too many", status=429), 3600.0)
    assert isinstance(error, RateLimitedError)
    assert error.status == 429
    assert "3600 seconds" in error.detail
