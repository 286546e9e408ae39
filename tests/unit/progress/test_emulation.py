from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bakex.events import StepChanged
from bakex.model.node import Speed
from bakex.progress.emulation import advice, costs
from bakex.progress.state import RunState
from tests.unit.progress.conftest import moment

if TYPE_CHECKING:
    from bakex.events import Event
    from tests.unit.progress.conftest import Teller

RUN = "RUN make -j4"


def ran(tell: Teller, digest: str, name: str, seconds: float, speed: Speed | None) -> Event:
    event = tell.step("app@linux/arm64", digest, name=name, started=0.0, completed=seconds)
    assert isinstance(event, StepChanged)
    return replace(event, speed=speed)


@pytest.fixture
def state(tell: Teller) -> RunState:
    state = RunState()
    for event in (
        tell.plan("app@linux/arm64", emulated="app@linux/arm64"),
        tell.start("app@linux/arm64"),
        ran(tell, "a", f"[cross 1/2] {RUN}", 2.0, Speed.NATIVE),
        ran(tell, "b", f"[slow 1/2] {RUN}", 9.0, Speed.EMULATED),
        ran(tell, "c", "[slow 2/2] RUN apt-get update", 20.0, Speed.EMULATED),
        ran(tell, "d", "[slow 3/3] RUN true", 0.2, Speed.EMULATED),
        ran(tell, "e", "[internal] load", 50.0, None),
    ):
        state.apply(event)
    return state


def test_the_most_expensive_ones_first(state: RunState) -> None:
    first, second = costs(state, moment(60))
    assert (first.took_s, first.factor, first.lost_s) == (20.0, 0.0, 20.0)
    assert (second.took_s, second.factor, second.lost_s) == (9.0, 4.5, 7.0)
    assert second.name == f"[app linux/arm64 slow 1/2] {RUN}"


def test_what_is_said(state: RunState) -> None:
    assert list(advice(state, moment(60))) == [
        (
            "emulated steps took 29.0s; what needs no program of the target, such as a cross"
            " compiler, is faster in a stage that starts with FROM --platform=$BUILDPLATFORM:"
        ),
        "  20.0s [app linux/arm64 slow 2/2] RUN apt-get update",
        f"  9.0s [app linux/arm64 slow 1/2] {RUN}, 4.5 times the 2.0s that it took natively",
    ]


def test_steps_that_are_quick_anyway(tell: Teller) -> None:
    state = RunState()
    state.apply(ran(tell, "d", f"[slow 1/1] {RUN}", 2.0, Speed.EMULATED))
    assert list(advice(state, moment(60))) == []
    state.apply(ran(tell, "a", f"[a 1/1] {RUN}", 0.5, Speed.NATIVE))
    assert len(costs(state, moment(60))) == 1


def test_long_lists_and_long_lines_are_cut(tell: Teller) -> None:
    state = RunState()
    for number in range(7):
        state.apply(ran(tell, f"s{number}", f"[1/9] RUN {'x' * 200}", 9.0, Speed.EMULATED))
    lines = list(advice(state, moment(60)))
    assert len(lines) == 7
    assert lines[-1] == "  and 2 more"
    assert lines[1].endswith("x...")


def test_a_native_step_that_is_too_short_gives_no_factor(tell: Teller) -> None:
    state = RunState()
    state.apply(ran(tell, "a", f"[a 1/1] {RUN}", 0.01, Speed.NATIVE))
    state.apply(ran(tell, "b", f"[b 1/1] {RUN}", 9.0, Speed.EMULATED))
    (cost,) = costs(state, moment(60))
    assert cost.factor == 0
