from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.progress.paint import paint
from bakex.progress.state import RunState
from bakex.progress.text import width
from tests.unit.progress.conftest import AMD, ARM, Teller, moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bakex.events import Event


def frame(events: Iterable[Event], now: float, columns: int = 60, rows: int = 24) -> str:
    state = RunState()
    for event in events:
        state.apply(event)
    lines = paint(state, columns=columns, rows=rows, now=moment(now))
    return "".join(f"{line.text}\n" for line in lines)


def test_before_anything_happened() -> None:
    assert frame([], 0) == "[+] building 0.0s\n"


def test_while_files_travel(story: list[Event]) -> None:
    assert (
        frame(story[:8], 0.35)
        == """\
[+] building 0.3s 0/2 cells, 0/1 step
 app  linux/amd64 0/1  linux/arm64 (emulated) 0/1
 => [app internal] load build context                   0.1s
 => => transferring context: 500.00kB / 1.20MB 41%
"""
    )


def test_in_the_middle(story: list[Event]) -> None:
    assert (
        frame(story[:19], 1.6)
        == """\
[+] building 1.6s 0/2 cells, 2/4 steps, 1 warning
 app  linux/amd64 2/3  linux/arm64 (emulated) 1/2
 => [app internal] load build context                   0.3s
 => CACHED [app linux/amd64 2/3] COPY . .               0.0s
 => [app linux/amd64 3/3] RUN make                      0.9s
 => => cc a.c
 => => cc b.c
 => => linking
 => [app linux/arm64 3/3] RUN make                      0.9s
 => => cc a.c
"""
    )


def test_where_room_is_short(story: list[Event]) -> None:
    assert (
        frame(story[:19], 1.6, columns=34, rows=6)
        == """\
[+] building 1.6s 0/2 cells, 2/...
 app  linux/amd64 2/3  linux/ar...
 => [app linux/amd64 3/3] ... 0.9s
 => => linking
 => [app linux/arm64 3/3] ... 0.9s
 => => cc a.c
"""
    )


def test_where_room_is_shorter_still(story: list[Event]) -> None:
    assert (
        frame(story[:19], 1.6, columns=34, rows=4)
        == """\
[+] building 1.6s 0/2 cells, 2/...
 app  linux/amd64 2/3  linux/ar...
 => [app linux/amd64 3/3] ... 0.9s
 => [app linux/arm64 3/3] ... 0.9s
"""
    )


def test_at_the_end(story: list[Event]) -> None:
    assert (
        frame(story, 99)
        == """\
[+] failed 3.1s 2/2 cells, 4/4 steps, 1 warning
 app  linux/amd64 done 2.1s  linux/arm64 (emulated) failed
 => [app internal] load build context                   0.3s
 => CACHED [app linux/amd64 2/3] COPY . .               0.0s
 => [app linux/amd64 3/3] RUN make                      1.5s
 => ERROR [app linux/arm64 3/3] RUN make                2.3s
"""
    )


def test_a_run_that_went_well(tell: Teller) -> None:
    events = [tell.plan(AMD), tell.start(AMD), tell.at(2).finish(AMD), tell.end()]
    assert frame(events, 9) == "[+] done 2.0s 1/1 cell\n app  linux/amd64 done 2.0s\n"


def test_cancelled_and_waiting_cells(tell: Teller) -> None:
    events = [
        tell.plan(AMD, ARM),
        tell.start(AMD),
        tell.step(AMD, "d", "[1/1] RUN x", started=0),
        tell.at(1).finish(AMD, cancelled=True),
    ]
    assert (
        frame(events, 1)
        == """\
[+] building 1.0s 1/2 cells, 1/1 step
 app  linux/amd64 cancelled  linux/arm64 waiting
 => CANCELLED [app linux/amd64 1/1] RUN x               0.0s
"""
    )


def test_a_run_that_was_stopped(tell: Teller) -> None:
    events = [tell.start(AMD), tell.finish(AMD, cancelled=True), tell.end(ok=False)]
    assert frame(events, 0).startswith("[+] stopped 0.0s")
    events.insert(1, tell.finish(ARM, error="exit 1"))
    assert frame(events, 0).startswith("[+] failed 0.0s")


def test_many_targets_in_a_few_words(tell: Teller) -> None:
    cells = [f"t{n}@linux/amd64" for n in range(12)]
    events = [tell.plan(*cells), *(tell.start(cell) for cell in cells[:4]), tell.finish(cells[0])]
    assert (
        frame(events, 0, rows=20)
        == """\
[+] building 0.0s 1/12 cells
 cells: 8 waiting, 3 running, 1 done
"""
    )


def test_a_failed_step_stays_when_room_is_short(tell: Teller) -> None:
    events = [tell.step(AMD, "bad", "first", started=0, completed=1, error="exit 1")]
    events += [tell.step(AMD, f"d{n}", f"n{n}", started=n, completed=n + 1) for n in range(20)]
    lines = frame(events, 30, rows=5).splitlines()
    assert [line.split("  ")[0] for line in lines[2:]] == [
        " => ERROR [app linux/amd64] first",
        " => [app linux/amd64] n18",
        " => [app linux/amd64] n19",
    ]


def test_steps_that_ended_leave_room_for_logs(tell: Teller) -> None:
    events = [
        tell.step(AMD, f"d{n}", f"n{n}", started=n, completed=n, cached=True) for n in range(20)
    ]
    events += [
        tell.step(AMD, "d", "make", started=20),
        tell.log(AMD, "d", b"".join(b"line %d\n" % n for n in range(20))),
    ]
    shown = [line.split("  ")[0].strip() for line in frame(events, 0, rows=10).splitlines()[2:]]
    assert shown == [
        "=> CACHED [app linux/amd64] n18",
        "=> CACHED [app linux/amd64] n19",
        "=> [app linux/amd64] make",
        *(f"=> => line {n}" for n in range(15, 20)),
    ]


def test_room_that_one_log_does_not_use_is_for_the_next(tell: Teller) -> None:
    events = [
        tell.step(AMD, "quiet", "quiet", started=0),
        tell.step(AMD, "loud", "loud", started=0),
        tell.log(AMD, "loud", b"".join(b"line %d\n" % n for n in range(20))),
    ]
    lines = frame(events, 0, rows=8).splitlines()
    assert [line.strip() for line in lines[4:]] == [f"=> => line {n}" for n in range(16, 20)]


def test_transfers_of_unknown_size_and_with_odd_numbers(tell: Teller) -> None:
    events = [
        tell.step(AMD, "d", "load", started=0),
        tell.move(AMD, "d", "starting", 0),
        tell.move(AMD, "d", "some", 10),
        tell.move(AMD, "d", "more than all", 30, 20),
        tell.move(AMD, "d", "ended", 30, 30, completed=1),
    ]
    assert [line.strip() for line in frame(events, 0).splitlines()[3:]] == [
        "=> => starting",
        "=> => some 10B",
        "=> => more than all 30B / 20B",
    ]


def test_colours_tell_the_status(story: list[Event]) -> None:
    state = RunState()
    for event in story:
        state.apply(event)
    lines = paint(state, columns=60, rows=24, now=moment(4))
    assert [line.colour for line in lines] == ["1;31", "", "34", "36", "34", "31"]


@given(columns=st.integers(0, 80), rows=st.integers(-1, 30), data=st.data())
def test_a_frame_always_fits(columns: int, rows: int, data: st.DataObject) -> None:
    tell, state = Teller(), RunState()
    events: list[Event] = [
        tell.plan(AMD, ARM),
        tell.start(AMD),
        tell.step(AMD, "a", "[日本 1/2] RUN \x1b[2J" + "x" * 90, started=0),
        tell.step(AMD, "b", "b", started=0, completed=1, cached=True),
        tell.step(ARM, "c", "c", started=0, error="exit 1", completed=4000),
        tell.log(AMD, "a", b"\x1b[31m\xff\xe6\x97\xa5" * 30 + b"\nnext\n"),
        tell.move(AMD, "a", "layer", 4, 7),
        tell.warn("w"),
    ]
    for event in data.draw(st.permutations(events)):
        state.apply(event)
    lines = paint(state, columns=columns, rows=rows, now=moment(data.draw(st.floats(0, 10_000))))
    assert len(lines) <= max(1, rows)
    assert all(width(line.text) <= columns and line.text.isprintable() for line in lines)


@pytest.mark.parametrize("columns", [1, 4, 5, 6])
def test_a_terminal_narrower_than_a_duration(tell: Teller, columns: int) -> None:
    text = frame([tell.step(AMD, "d", "name", started=0)], 1, columns=columns)
    assert all(len(line) <= columns for line in text.splitlines())
