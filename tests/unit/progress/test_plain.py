from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

from bakex.events import StepChanged
from bakex.model.node import Speed
from bakex.progress.delivery import LogsDropped, Notice
from bakex.progress.plain import Plain
from tests.unit.progress.conftest import AMD, ARM, Teller, cell_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.events import Event
    from bakex.progress.delivery import Delivery


def written(*deliveries: Delivery, batch: int = 1) -> list[str]:
    out = io.StringIO()
    display = Plain(out)
    for start in range(0, len(deliveries), batch):
        display.update(deliveries[start : start + batch])
    display.close()
    display.close()
    text = out.getvalue()
    assert not text or text.endswith("\n")
    return text.splitlines()


GOLDEN = """\
#0 node here: unix:///d.sock (usual)
#0 app linux/amd64 on here (native)
#0 app linux/arm64 on here (emulated)
#1 [app linux/amd64 internal] load build context
#1 transferring context: 500.00kB / 1.20MB 0.1s
#1 transferring context: 1.20MB / 1.20MB 0.3s done
#2 [app linux/amd64 2/3] COPY . .
#3 [app linux/amd64 3/3] RUN make
#4 [app linux/arm64 3/3] RUN make
#1 DONE 0.3s
#2 CACHED
#3 0.300 cc a.c
#4 0.300 cc a.c
#3 0.500 cc b.c
#0 warning[BX4090]: the stage name is confusing
#3 1.500 linking
#3 DONE 1.5s
#4 2.300 cc: error: b.c
#4 ERROR: exit code: 1
#0 FAILED app@linux/arm64: step failed: RUN make
"""


def test_the_whole_story(story: list[Event]) -> None:
    assert written(*story) == GOLDEN.splitlines()
    assert written(*story, batch=100) == GOLDEN.splitlines()


def test_what_a_step_left_unfinished_comes_at_the_end(tell: Teller) -> None:
    lines = written(tell.step(AMD, "d", "RUN x", started=0), tell.log(AMD, "d", b"prompt> "))
    assert lines == ["#1 [app linux/amd64] RUN x", "#1 prompt>"]


def test_hostile_names_and_logs_are_harmless(tell: Teller) -> None:
    lines = written(
        tell.step(AMD, "d", "RUN \x1b[2Jx", started=0),
        tell.log(AMD, "d", b"\x1b]0;title\x07\xff\x00 10%\r20%\n\n"),
        tell.step(AMD, "d", "RUN x", started=0, completed=1, error="bad \x1b[31m"),
    )
    assert lines == [
        "#1 [app linux/amd64] RUN x",
        "#1 0.000 20%",
        "#1 0.000",
        "#1 ERROR: bad",
    ]
    assert not any(char in line for line in lines for char in "\x1b\x07\x00\r")


def test_a_step_that_is_only_known_is_not_shown(tell: Teller) -> None:
    assert written(tell.step(AMD, "d", "later"), tell.log(AMD, "d", b"early\n")) == []


def test_transfers_are_rate_limited(tell: Teller) -> None:
    events: list[Delivery] = [tell.step(AMD, "d", "push", started=0)]
    events += [tell.at(n / 100).move(AMD, "d", "layer", n, 1000) for n in range(101)]
    events += [tell.at(10).move(AMD, "d", "layer", 102, 1000)]
    events += [tell.at(10.1).move(AMD, "d", "layer", 103, 1000, completed=10.1)]
    lines = [line for line in written(*events) if "layer" in line]
    assert lines == [
        "#1 layer 1B / 1.00kB",
        "#1 layer 51B / 1.00kB 0.5s",
        "#1 layer 102B / 1.00kB 10.0s",
        "#1 layer 103B / 1.00kB 10.1s done",
    ]


def test_a_transfer_of_unknown_size(tell: Teller) -> None:
    step = tell.step(AMD, "d", "load", started=0)
    moves = (
        tell.move(AMD, "d", "ctx:", 0, started=None),
        tell.move(AMD, "d", "ctx:", 2048, started=None),
        tell.at(9).move(AMD, "d", "other", 0, started=None, completed=9),
    )
    assert written(step, *moves)[1:] == ["#1 ctx: 2.05kB", "#1 other done"]


def test_output_that_was_too_fast_is_accounted_for(tell: Teller) -> None:
    lines = written(
        tell.step(AMD, "d", "RUN yes", started=0),
        tell.log(AMD, "d", b"y\ny"),
        LogsDropped(cell=cell_id(AMD), step="d", count=5_000_000),
        tell.at(1).log(AMD, "d", b"y\n"),
    )
    assert lines[1:] == ["#1 0.000 y", "#1 y", "#1 [5.00MB of output not shown]", "#1 1.000 y"]


def test_what_concerns_the_run(tell: Teller) -> None:
    lines = written(
        tell.node(note="docker was passed over"),
        Notice(text="stopping"),
        tell.published("app", "r.example/app:1"),
        tell.finish(AMD),
        tell.lost("arm"),
        tell.back("arm"),
        tell.end(),
    )
    assert lines == [
        "#0 node here: unix:///d.sock (usual)",
        "#0 note: docker was passed over",
        "#0 stopping",
        "#0 app: pushed to r.example/app:1",
        "#0 node arm is lost: reset",
        "#0 node arm is back",
    ]


def test_a_cell_is_shown_where_it_is_built(tell: Teller) -> None:
    taken_over = tell.start(AMD, node="there")
    assert written(tell.plan(AMD), taken_over) == ["#0 app linux/amd64 on there (native)"]
    assert written(taken_over) == ["#0 app linux/amd64 on there"]


def test_a_second_attempt_is_told(tell: Teller) -> None:
    lines = written(tell.start(AMD, "x86"), tell.start(AMD, "arm", beside="x86"), tell.end())
    assert lines[-1] == "#0 app linux/amd64 on arm, besides x86"


def test_cancelled_steps(tell: Teller) -> None:
    def ended(events: Sequence[Event]) -> str:
        return written(*events)[-1]

    start = tell.step(AMD, "d", "RUN x", started=0)
    assert ended([start, tell.step(AMD, "d", "", started=0, error="cancelled")]) == "#1 CANCELLED"
    again = [
        start,
        tell.step(AMD, "d", "", started=0, completed=1),
        tell.step(ARM, "d", "", started=2, completed=2, cached=True),
    ]
    assert ended(again) == "#1 DONE 1.0s"


def test_short_runs_of_a_step_are_one(tell: Teller) -> None:
    lines = written(
        tell.at(1).step(AMD, "d", "x", started=0, completed=1),
        tell.at(1.1).step(AMD, "d", "x", started=1.1),
        tell.at(1.5).step(AMD, "d", "x", started=1.1, completed=1.5),
    )
    assert lines == ["#1 [app linux/amd64] x", "#1 DONE 1.4s"]


def test_an_end_waits_only_for_a_moment(tell: Teller) -> None:
    lines = written(
        tell.at(1).step(AMD, "d", "x", started=0, completed=1),
        tell.at(1.1).step(AMD, "e", "y", started=1.1),
        tell.at(1.2).log(AMD, "e", b"out\n"),
        tell.at(5).step(AMD, "d", "x", started=5),
        tell.at(6).step(AMD, "d", "x", started=5, completed=6),
    )
    assert lines == [
        "#1 [app linux/amd64] x",
        "#2 [app linux/amd64] y",
        "#1 DONE 1.0s",
        "#2 0.100 out",
        "#1 DONE 2.0s",
    ]


def test_when_nothing_more_happens_ends_are_written(tell: Teller) -> None:
    out = io.StringIO()
    display = Plain(out)
    display.update([tell.at(1).step(AMD, "d", "x", started=0, completed=1)])
    assert out.getvalue() == "#1 [app linux/amd64] x\n"
    display.update([])
    assert out.getvalue() == "#1 [app linux/amd64] x\n#1 DONE 1.0s\n"


def test_a_failure_names_its_cell_once(tell: Teller) -> None:
    events = [tell.finish(AMD, error="app@linux/amd64: no"), tell.finish(AMD, error="no")]
    assert written(*events) == ["#0 FAILED app@linux/amd64: no"] * 2


def test_what_is_blocked(tell: Teller) -> None:
    assert written(tell.blocked("app", "t@linux/arm64")) == ["#0 app: blocked by t (linux/arm64)"]


def test_what_emulation_has_cost(tell: Teller) -> None:
    step = tell.step(ARM, "a", "[1/1] RUN make", started=0.0, completed=9.0)
    assert isinstance(step, StepChanged)
    lines = written(replace(step, speed=Speed.EMULATED), tell.at(10).end())
    assert "#1 DONE 9.0s emulated" in lines
    assert "#0   9.0s [app linux/arm64 1/1] RUN make" in lines
