from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.model.node import Speed
from bakex.progress.delivery import LogsDropped
from bakex.progress.state import RunState
from bakex.progress.step import Status
from tests.unit.progress.conftest import AMD, ARM, HERE, Teller, cell_id, moment

if TYPE_CHECKING:
    from bakex.events import Event


def folded(*events: Event) -> RunState:
    state = RunState()
    for event in events:
        state.apply(event)
    return state


def test_the_whole_story(story: list[Event]) -> None:
    state = folded(*story)
    assert state.ok is False
    assert [node.node for node in state.nodes] == [HERE]
    cells = [(str(c.id), c.status, c.speed, c.error) for c in state.cells.values()]
    assert cells == [
        (AMD, Status.DONE, Speed.NATIVE, ""),
        (ARM, Status.FAILED, Speed.EMULATED, "step failed: RUN make"),
    ]
    steps = [(s.number, state.label(s), s.status) for s in state.shown]
    assert steps == [
        (1, "[app internal] load build context", Status.DONE),
        (2, "[app linux/amd64 2/3] COPY . .", Status.CACHED),
        (3, "[app linux/amd64 3/3] RUN make", Status.DONE),
        (4, "[app linux/arm64 3/3] RUN make", Status.FAILED),
    ]
    assert state.cells[cell_id(AMD)].counts() == (3, 3)
    assert list(state.shown[2].log.tail) == [b"cc a.c", b"cc b.c", b"linking"]
    assert len(state.warnings) == 1
    assert state.elapsed_s(moment(99)) == pytest.approx(3.1)
    assert state.cells[cell_id(AMD)].elapsed_s(moment(99)) == pytest.approx(2.1)
    assert state.plan is not None


def test_nothing_happened_yet() -> None:
    state = RunState()
    assert state.elapsed_s(moment(5)) == 0
    assert state.ok is None


def test_times_go_on_while_it_runs(tell: Teller) -> None:
    state = folded(tell.at(1).start(AMD))
    assert state.elapsed_s(moment(3)) == pytest.approx(2)
    assert state.cells[cell_id(AMD)].elapsed_s(moment(3)) == pytest.approx(2)
    state.apply(tell.step(ARM, "d", "n"))
    assert state.cells[cell_id(ARM)].elapsed_s(moment(3)) == 0


def test_the_same_step_on_two_nodes_is_two_steps(tell: Teller) -> None:
    state = folded(
        tell.start(AMD, "one"),
        tell.start(ARM, "two"),
        tell.step(AMD, "d", "[1/1] RUN x", started=0),
        tell.step(ARM, "d", "[1/1] RUN x", started=0),
    )
    assert [state.label(step) for step in state.shown] == [
        "[app linux/amd64 1/1] RUN x",
        "[app linux/arm64 1/1] RUN x",
    ]


def test_another_attempt_on_another_node_has_other_steps(tell: Teller) -> None:
    state = folded(
        tell.start(AMD, "one"),
        tell.step(AMD, "d", "n", started=0),
        tell.at(1).finish(AMD, error="node lost"),
        tell.at(2).start(AMD, "two"),
        tell.step(AMD, "d", "n", started=2),
    )
    cell = state.cells[cell_id(AMD)]
    assert (cell.status, cell.error, cell.finished, cell.counts()) == (
        Status.RUNNING, "", None, (0, 1),
    )  # fmt: skip
    assert [step.status for step in state.shown] == [Status.CANCELLED, Status.RUNNING]


@pytest.mark.parametrize(("node", "left"), [("one", "two"), ("two", "one")])
def test_of_two_attempts_at_once_the_steps_of_one_are_left(
    tell: Teller, node: str, left: str
) -> None:
    state = folded(
        tell.start(AMD, "one"),
        tell.step(AMD, "d", "n", started=0),
        tell.at(30).start(AMD, "two", beside="one"),
        tell.step(AMD, "d", "n", started=30),
        tell.at(40).race(AMD, node, left, since=30 if left == "two" else 0),
    )
    cell = state.cells[cell_id(AMD)]
    assert (cell.status, cell.node) == (Status.RUNNING, left)
    assert cell.elapsed_s(moment(40)) == (10 if left == "two" else 40)
    shown = {str(step.node): step.status for step in state.shown}
    assert shown == {node: Status.CANCELLED, left: Status.RUNNING}
    assert cell.counts() == (0, 1)


def test_a_node_that_is_back_is_not_lost(tell: Teller) -> None:
    assert folded(tell.lost("here")).lost == {HERE: "reset"}
    assert folded(tell.lost("here"), tell.back("here")).lost == {}


@pytest.mark.parametrize(
    ("cells", "name", "label"),
    [
        ([AMD], "[2/3] RUN x", "[app linux/amd64 2/3] RUN x"),
        ([AMD], "exporting to image", "[app linux/amd64] exporting to image"),
        ([AMD], "", "[app linux/amd64] d"),
        ([AMD], "[linux/amd64 build 1/2] RUN x", "[app linux/amd64 build 1/2] RUN x"),
        ([ARM], "[linux/amd64 build 1/2] RUN x", "[app linux/arm64 linux/amd64 build 1/2] RUN x"),
        ([AMD, ARM], "[internal] load", "[app internal] load"),
        ([AMD, "db@linux/amd64"], "[internal] load", "[linux/amd64 internal] load"),
        ([AMD, "db@linux/arm64"], "[internal] load", "[internal] load"),
        ([AMD, "db@linux/arm64"], "pulling", "pulling"),
    ],
)
def test_label(tell: Teller, cells: list[str], name: str, label: str) -> None:
    state = folded(*(tell.step(cell, "d", name, started=0) for cell in cells))
    (step,) = state.steps.values()
    assert state.label(step) == label


def test_a_shared_log_is_one_log(tell: Teller) -> None:
    state = folded(
        tell.step(AMD, "d", "n", started=0),
        tell.step(ARM, "d", "n", started=0),
    )
    changes = [
        state.apply(tell.log(AMD, "d", b"one\n")),
        state.apply(tell.log(ARM, "d", b"one\ntwo\n")),
        state.apply(tell.log(AMD, "d", b"two\n")),
    ]
    assert [list(change.lines) for change in changes] == [[b"one"], [b"two"], []]
    assert [change.is_new for change in changes] == [True, True, False]


def test_a_gap_in_a_log_counts_as_delivered(tell: Teller) -> None:
    state = folded(tell.step(AMD, "d", "n", started=0), tell.log(AMD, "d", b"part"))
    change = state.apply(LogsDropped(cell=cell_id(AMD), step="d", count=10))
    assert list(change.lines) == [b"part"]
    assert list(state.apply(tell.log(ARM, "d", b"part0123456789end\n")).lines) == [b"end"]


def test_repetitions_are_told_from_news(tell: Teller) -> None:
    state = RunState()
    assert state.apply(tell.step(AMD, "d", "n", started=0)).is_new
    assert not state.apply(tell.step(ARM, "d", "n", started=0)).is_new
    assert state.apply(tell.step(ARM, "d", "n", started=0, completed=1)).before is Status.RUNNING
    assert state.apply(tell.warn("w")).is_new
    assert not state.apply(tell.warn("w", ARM)).is_new


@pytest.mark.parametrize(
    ("first", "second", "is_new"),
    [
        ((1, None, None), (2, None, None), True),
        ((2, None, None), (1, None, None), False),
        ((2, None, None), (2, None, 3.0), True),
        ((2, None, 3.0), (2, None, 3.0), False),
        ((2, None, 3.0), (1, None, None), False),
        ((5, 1.0, 3.0), (0, 4.0, None), True),
        ((5, 4.0, None), (3, 1.0, None), False),
        ((5, None, None), (6, 1.0, None), True),
        ((5, 1.0, None), (6, None, None), False),
    ],
)
def test_transfers(
    tell: Teller,
    first: tuple[int, float | None, float | None],
    second: tuple[int, float | None, float | None],
    is_new: bool,
) -> None:
    state = RunState()
    changes = [
        state.apply(tell.move(AMD, "d", "ctx", current, started=started, completed=completed))
        for current, started, completed in (first, second)
    ]
    assert [change.is_new for change in changes] == [True, is_new]


def test_publications_are_kept_in_order(tell: Teller) -> None:
    state = folded(tell.published("app", "r/app:1"), tell.published("db", "r/db:1"), tell.end())
    assert [p.place for p in state.publications] == ["r/app:1", "r/db:1"]
    assert state.ok is True


def test_a_cancelled_cell(tell: Teller) -> None:
    state = folded(tell.start(AMD), tell.finish(AMD, cancelled=True))
    assert state.cells[cell_id(AMD)].status is Status.CANCELLED


def test_what_is_blocked(tell: Teller) -> None:
    state = folded(tell.blocked("app", "t@linux/arm64"))
    assert state.blocked == {"app": (cell_id("t@linux/arm64"),)}
