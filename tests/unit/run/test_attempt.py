from __future__ import annotations

import asyncio

import pytest

from bakex.errors import InternalError, NodeLostError
from bakex.events import NodeReturned
from bakex.model.node import NodeName
from bakex.run.attempt import Attempt, pause_s
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import EventRecorder
from tests.unit.run.test_failover import cell

LOST = NodeLostError("a was lost")


@pytest.fixture
def events() -> EventRecorder:
    return EventRecorder()


@pytest.fixture
def attempt(events: EventRecorder) -> Attempt:
    return Attempt(cell("x"), 1, events, ManualClock())


async def test_stopped_before_it_began(attempt: Attempt) -> None:
    attempt.evict(LOST)
    with pytest.raises(NodeLostError) as caught:
        attempt.begin()
    assert attempt.close(caught.value) is LOST
    assert not asyncio.current_task().cancelling()  # type: ignore[union-attr]


async def test_stopped_once(attempt: Attempt) -> None:
    attempt.begin()
    attempt.evict(LOST)
    attempt.evict(NodeLostError("again"))
    with pytest.raises(asyncio.CancelledError) as caught:
        await asyncio.sleep(0)
    assert attempt.close(caught.value) is LOST
    attempt.evict(NodeLostError("too late"))
    await asyncio.sleep(0)


def test_an_end_that_nobody_has_asked_for(attempt: Attempt) -> None:
    error = NodeLostError("reset")
    assert attempt.close(error) is error


def test_who_runs_alone_is_not_dropped(attempt: Attempt) -> None:
    with pytest.raises(InternalError, match="runs once"):
        attempt.drop()


def test_events_that_are_held_back(attempt: Attempt, events: EventRecorder) -> None:
    clock = ManualClock()
    one, two, three = (NodeReturned(at=clock.now(), node=NodeName(n)) for n in "abc")
    attempt.emit(one)
    attempt.hold()
    attempt.emit(two)
    assert events.events == [one]
    attempt.release()
    attempt.emit(three)
    assert events.events == [one, two, three]


def test_pauses_grow_up_to_a_limit_and_are_spread() -> None:
    assert all(0.5 <= pause_s(1) <= 1 for _ in range(20))
    assert all(2 <= pause_s(3) <= 4 for _ in range(20))
    assert all(10 <= pause_s(30) <= 20 for _ in range(20))
    assert len({pause_s(1) for _ in range(20)}) > 1
