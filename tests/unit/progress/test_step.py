from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.events import StepChanged
from bakex.progress.step import Status, Step
from tests.unit.progress.conftest import AMD, ARM, HERE, Teller, cell_id, moment

if TYPE_CHECKING:
    from bakex.events import Event


def made(*events: Event) -> Step:
    step = Step(node=HERE, digest="d", number=1)
    for event in events:
        assert isinstance(event, StepChanged)
        step.report(event)
    return step


@pytest.mark.parametrize(
    ("started", "completed", "cached", "error", "status"),
    [
        (None, None, False, "", Status.WAITING),
        (1.0, None, False, "", Status.RUNNING),
        (1.0, 2.0, False, "", Status.DONE),
        (1.0, 1.0, True, "", Status.CACHED),
        (1.0, 2.0, False, "exit 1", Status.FAILED),
        (1.0, 2.0, False, "cancelled", Status.CANCELLED),
        (1.0, None, False, "solve: context canceled", Status.CANCELLED),
    ],
)
def test_status(
    tell: Teller,
    started: float | None,
    completed: float | None,
    cached: bool,
    error: str,
    status: Status,
) -> None:
    step = made(
        tell.step(AMD, "d", "n", started=started, completed=completed, cached=cached, error=error)
    )
    assert step.status is status
    assert status.is_over == (status not in {Status.WAITING, Status.RUNNING})


def test_a_step_that_another_cell_still_runs_is_running(tell: Teller) -> None:
    stopped = tell.step(AMD, "d", "n", started=1, completed=2, error="cancelled")
    running = tell.step(ARM, "d", "n", started=1)
    for events in ((stopped, running), (running, stopped)):
        step = made(*events)
        assert (step.status, step.error) == (Status.RUNNING, "")
        assert step.cells.count(cell_id(AMD)) == 1


def test_a_step_that_one_cell_ran_was_run(tell: Teller) -> None:
    ran = tell.step(AMD, "d", "n", started=1, completed=3)
    cached = tell.step(ARM, "d", "n", started=4, completed=4, cached=True)
    assert made(ran, cached).status is Status.DONE


def test_a_cell_that_is_behind_does_not_bring_a_step_back_to_life(tell: Teller) -> None:
    ended = tell.step(AMD, "d", "n", started=1, completed=3)
    behind = tell.step(ARM, "d", "n", started=1)
    assert made(ended, behind).status is Status.DONE
    assert made(ended, behind, tell.step(ARM, "d", "n", started=4)).status is Status.RUNNING


def test_time_is_what_all_runs_took_together(tell: Teller) -> None:
    step = made(
        tell.step(AMD, "d", "n", started=1, completed=3),
        tell.step(ARM, "d", "n", started=1, completed=3),
        tell.step(AMD, "d", "n", started=2, completed=4),
        tell.step(AMD, "d", "n", started=10, completed=11),
    )
    assert step.elapsed_s(moment(99)) == pytest.approx(4)


def test_a_running_step_is_timed_by_our_clock(tell: Teller) -> None:
    step = made(tell.at(5).step(AMD, "d", "n", started=-3600))
    assert step.elapsed_s(moment(7)) == pytest.approx(2)
    assert step.elapsed_s(moment(4)) == 0


def test_a_cell_that_ends_gives_its_running_steps_up(tell: Teller) -> None:
    step = made(tell.step(AMD, "d", "n", started=1), tell.step(ARM, "d", "n", started=1))
    statuses: list[Status] = []
    for cell in (AMD, ARM, ARM):
        step.abandon(cell_id(cell))
        statuses.append(step.status)
    assert statuses == [Status.RUNNING, Status.CANCELLED, Status.CANCELLED]


def test_a_step_that_ended_stays_as_it_is(tell: Teller) -> None:
    step = made(tell.step(AMD, "d", "n", started=1, completed=2))
    step.abandon(cell_id(AMD))
    assert step.status is Status.DONE


def test_the_name_survives_a_report_without_one(tell: Teller) -> None:
    assert made(tell.step(AMD, "d", "n"), tell.step(AMD, "d", "", started=1)).name == "n"
