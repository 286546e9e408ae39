from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakex.errors import InternalError
from bakex.model.node import NodeName, Speed
from bakex.model.plan import Cell, CellId
from bakex.model.platform import Platform
from bakex.model.target import Target
from bakex.run.dispatch import Dispatch

if TYPE_CHECKING:
    from collections.abc import Iterable

AMD64 = Platform.parse("linux/amd64")
A, B, C = NodeName("a"), NodeName("b"), NodeName("c")
NATIVE, EMULATED = Speed.NATIVE, Speed.EMULATED


def cid(name: str) -> CellId:
    return CellId(name, AMD64)


def cell(
    name: str,
    node: NodeName = A,
    *,
    after: str = "",
    direct: str = "",
    others: Iterable[tuple[NodeName, Speed]] = (),
    speed: Speed = NATIVE,
    priority: float = 0,
) -> Cell:
    return Cell(
        id=cid(name), target=Target(name=name), node=node, speed=speed, priority=priority,
        after=tuple(map(cid, (after + " " + direct).split())), alternatives=tuple(others),
        direct=frozenset(map(cid, direct.split())),
    )  # fmt: skip


def started(dispatch: Dispatch) -> list[str]:
    return [f"{one.id.target}:{node}" for one, node in dispatch.start()]


def test_cells_wait_for_what_they_come_after() -> None:
    dispatch = Dispatch([cell("x"), cell("y", after="x"), cell("z", after="x y")], {A: 2})
    assert started(dispatch) == ["x:a"]
    assert dispatch.running == {cid("x"): A}
    dispatch.done(cid("x"))
    assert started(dispatch) == ["y:a"]
    dispatch.done(cid("y"))
    assert started(dispatch) == ["z:a"]


def test_slots_and_the_total_bound_what_runs() -> None:
    cells = [cell(name, node) for name, node in zip("uvwxyz", [A, A, A, B, B, B], strict=True)]
    assert started(Dispatch(cells, {A: 2, B: 2})) == ["u:a", "v:a", "x:b", "y:b"]
    assert started(Dispatch(cells, {A: 2, B: 2}, total=3)) == ["u:a", "v:a", "x:b"]


def test_the_highest_priority_goes_first_then_the_order_of_the_plan() -> None:
    cells = [cell("x"), cell("y", priority=2), cell("z", priority=2)]
    assert started(Dispatch(cells, {A: 3})) == ["y:a", "z:a", "x:a"]


def test_an_idle_node_takes_over_what_waits_for_a_busy_one() -> None:
    cells = [cell("x", others=[(B, NATIVE)]), cell("y", others=[(B, NATIVE)])]
    assert started(Dispatch(cells, {A: 1, B: 1})) == ["x:a", "y:b"]
    # Not while the node of its own has a slot, nor if it may not run there, or only slower.
    assert started(Dispatch(cells, {A: 2, B: 1})) == ["x:a", "y:a"]
    assert started(Dispatch([cell("x"), cell("y")], {A: 1, B: 1})) == ["x:a"]
    slower = [cell("x", others=[(B, EMULATED)]), cell("y", others=[(B, EMULATED)])]
    assert started(Dispatch(slower, {A: 1, B: 1})) == ["x:a"]
    faster = [
        cell("x", speed=EMULATED, others=[(B, NATIVE)]),
        cell("y", speed=EMULATED, others=[(B, NATIVE)]),
    ]
    dispatch = Dispatch(faster, {A: 1, B: 1})
    assert started(dispatch) == ["x:a", "y:b"]
    assert faster[1].speed_on(B) is NATIVE


def test_of_several_busy_nodes_the_first_cell_is_taken_over() -> None:
    cells = [
        cell("u"), cell("v", others=[(C, NATIVE)], priority=1),
        cell("w", B), cell("x", B, others=[(C, NATIVE)], priority=2), cell("y", B, priority=3),
    ]  # fmt: skip
    dispatch = Dispatch(cells, {A: 1, B: 1, C: 1})
    assert started(dispatch) == ["v:a", "y:b", "x:c"]


def test_a_failure_takes_along_what_comes_after_it() -> None:
    cells = [cell("u"), cell("v"), cell("w", after="u v"), cell("x", after="w"), cell("y")]
    dispatch = Dispatch(cells, {A: 8})
    dispatch.start()
    assert dispatch.failed(cid("u")) == [cid("w"), cid("x")]
    assert dispatch.failed(cid("v")) == []
    dispatch.done(cid("y"))
    assert not dispatch.start()
    assert not dispatch.running


def test_what_a_failed_cell_would_have_been_joined_with_may_be_done_later() -> None:
    dispatch = Dispatch([cell("u"), cell("v"), cell("w", after="u v")], {A: 8})
    dispatch.start()
    assert dispatch.failed(cid("u")) == [cid("w")]
    dispatch.done(cid("v"))
    assert not dispatch.start()


def test_another_attempt() -> None:
    cells = [cell("x", others=[(B, EMULATED), (C, NATIVE)])]
    dispatch = Dispatch(cells, {A: 1, B: 1, C: 1})
    dispatch.start()
    dispatch.again(cid("x"))
    assert started(dispatch) == ["x:a"]
    dispatch.again(cid("x"), elsewhere=True)
    assert started(dispatch) == ["x:c"]
    dispatch.again(cid("x"), elsewhere=True)
    assert started(dispatch) == ["x:a"]
    alone = Dispatch([cell("x")], {A: 1})
    alone.start()
    alone.again(cid("x"), elsewhere=True)
    assert started(alone) == ["x:a"]


def test_another_attempt_is_made_where_it_is_native() -> None:
    """A node that emulates is no better than the one where the attempt broke off."""
    one = cell("x", others=[(B, EMULATED)])
    dispatch = Dispatch([one], {A: 1, B: 1})
    dispatch.start()
    dispatch.again(cid("x"), elsewhere=True)
    assert started(dispatch) == ["x:a"]
    dispatch.lost(A)
    dispatch.again(cid("x"), elsewhere=True)
    assert started(dispatch) == ["x:b"]
    dispatch.back(A)
    dispatch.again(cid("x"), elsewhere=True)
    assert started(dispatch) == ["x:a"]


def test_another_attempt_stays_native_where_the_plan_had_it_emulated() -> None:
    one = cell("x", speed=EMULATED, others=[(B, NATIVE)])
    dispatch = Dispatch([cell("w", priority=1), one], {A: 1, B: 1})
    assert started(dispatch) == ["w:a", "x:b"]
    dispatch.done(cid("w"))
    dispatch.again(cid("x"), elsewhere=True)
    assert started(dispatch) == ["x:b"]


def test_a_node_that_is_back_takes_over_what_waits() -> None:
    cells = [cell(name, others=[(B, NATIVE)]) for name in "xyz"]
    dispatch = Dispatch(cells, {A: 1, B: 1})
    assert started(dispatch) == ["x:a", "y:b"]
    dispatch.lost(A)
    dispatch.again(cid("x"))
    assert not dispatch.start()
    dispatch.back(A)
    assert not dispatch.is_lost(A)
    assert started(dispatch) == ["x:a"]


SLOW = cell("x", speed=EMULATED, others=[(B, NATIVE), (C, EMULATED)])


def test_a_cell_that_is_emulated_gets_a_second_slot() -> None:
    dispatch = Dispatch([SLOW, cell("y", B), cell("z", B, after="y")], {A: 1, B: 1, C: 1})
    assert started(dispatch) == ["x:a", "y:b"]
    assert dispatch.second(cid("x")) is None
    dispatch.done(cid("y"))
    # What waits for the node goes first.
    assert dispatch.second(cid("x")) is None
    assert started(dispatch) == ["z:b"]
    dispatch.done(cid("z"))
    assert dispatch.second(cid("x")) == B
    assert dispatch.second(cid("x")) is None


@pytest.mark.parametrize(("drop", "left"), [(A, B), (B, A)])
def test_one_of_two_attempts_counts(drop: NodeName, left: NodeName) -> None:
    cells = [SLOW, cell("y", B), cell("v", A, after="x"), cell("w", B, after="x")]
    dispatch = Dispatch(cells, {A: 1, B: 1, C: 1}, total=2)
    dispatch.start()
    dispatch.done(cid("y"))
    assert dispatch.second(cid("x")) == B
    dispatch.dropped(cid("x"), drop)
    assert dispatch.running == {cid("x"): left}
    dispatch.done(cid("x"))
    # The slot of the other one is taken until that has ended.
    (first,) = started(dispatch)
    assert first in {"v:a", "w:b"}
    assert not first.endswith(f":{drop}")
    dispatch.freed(drop)
    assert len(dispatch.start()) == 1


@pytest.mark.parametrize(
    ("cells", "total"),
    [
        ([cell("x", others=[(B, NATIVE)]), cell("y", B)], 0),
        ([cell("x", speed=EMULATED, others=[(C, EMULATED)]), cell("y", B)], 0),
        ([SLOW, cell("y", B), cell("u", A, speed=EMULATED, direct="x")], 0),
        ([SLOW, cell("y", B)], 1),
    ],
    ids=["is native", "no native node", "has to stay where it is", "the total is reached"],
)
def test_no_second_slot(cells: list[Cell], total: int) -> None:
    dispatch = Dispatch(cells, {A: 1, B: 1, C: 1}, total=total)
    dispatch.start()
    if not total:
        dispatch.done(cid("y"))
    assert dispatch.second(cid("x")) is None


def test_no_second_slot_on_a_node_that_was_lost() -> None:
    dispatch = Dispatch([SLOW], {A: 1, B: 1, C: 1})
    dispatch.lost(B)
    assert started(dispatch) == ["x:a"]
    assert dispatch.second(cid("x")) is None


def test_a_lost_node_gets_nothing_and_others_take_its_cells() -> None:
    cells = [
        cell("w", others=[(B, NATIVE), (C, EMULATED)]),
        cell("x", others=[(B, EMULATED), (C, NATIVE)]),
        cell("y"),
        cell("z", after="w"),
    ]
    dispatch = Dispatch(cells, {A: 1, B: 1, C: 1})
    assert started(dispatch) == ["w:a", "x:c"]
    dispatch.lost(A)
    assert dispatch.is_lost(A)
    assert not dispatch.is_lost(B)
    assert [one.id for one in dispatch.stranded()] == [cid("y")]
    assert not dispatch.stranded()
    dispatch.again(cid("w"))
    assert started(dispatch) == ["w:b"]
    dispatch.done(cid("w"))
    assert [one.id for one in dispatch.stranded()] == [cid("z")]
    assert dispatch.failed(cid("z")) == []


def test_the_cells_of_a_lost_node_are_spread() -> None:
    cells = [cell(name, others=[(B, NATIVE), (C, NATIVE)]) for name in "uvwxyz"]
    dispatch = Dispatch(cells, {A: 1, B: 1, C: 2})
    dispatch.lost(A)
    assert started(dispatch) == ["u:b", "v:c", "w:c"]
    for name in "uvw":
        dispatch.done(cid(name))
    assert len(started(dispatch)) == 3


def family() -> list[Cell]:
    others = [(B, NATIVE), (C, EMULATED)]
    return [
        cell("base", others=others), cell("app", direct="base", others=others),
        cell("x"), cell("y", B),
    ]  # fmt: skip


def test_what_builds_on_a_kept_result_is_not_taken_over() -> None:
    dispatch = Dispatch(family(), {A: 1, B: 1, C: 1})
    assert started(dispatch) == ["base:a", "y:b"]
    dispatch.done(cid("y"))
    dispatch.done(cid("base"))
    assert started(dispatch) == ["app:a"]


def test_a_result_that_went_with_its_node_is_made_again() -> None:
    dispatch = Dispatch(family(), {A: 2, B: 1, C: 1})
    assert started(dispatch) == ["base:a", "x:a", "y:b"]
    dispatch.done(cid("base"))
    dispatch.done(cid("x"))
    assert started(dispatch) == ["app:a"]
    assert dispatch.lost(A) == [cid("base")]
    dispatch.again(cid("app"))
    assert started(dispatch) == []
    dispatch.done(cid("y"))
    assert started(dispatch) == ["base:b"]
    dispatch.done(cid("base"))
    assert started(dispatch) == ["app:b"]
    dispatch.done(cid("app"))
    assert dispatch.lost(B) == []


def test_what_waits_moves_with_its_family() -> None:
    dispatch = Dispatch(family(), {A: 1, B: 2, C: 1})
    assert started(dispatch) == ["base:a", "y:b"]
    dispatch.done(cid("base"))
    assert dispatch.lost(A) == [cid("base")]
    assert [one.id for one in dispatch.stranded()] == [cid("x")]
    assert started(dispatch) == ["base:b"]
    assert dispatch.failed(cid("base")) == [cid("app")]


def test_a_family_stays_together_or_is_stranded() -> None:
    cells = [
        cell("base", others=[(B, NATIVE)]), cell("app", direct="base", others=[(C, NATIVE)])
    ]  # fmt: skip
    dispatch = Dispatch(cells, {A: 1, B: 1, C: 1})
    dispatch.start()
    dispatch.lost(A)
    dispatch.again(cid("base"))
    assert [one.id for one in dispatch.stranded()] == [cid("base")]


def test_who_has_the_content_already_does_not_wait_for_it_again() -> None:
    cells = [*family(), cell("z", B, after="base")]
    dispatch = Dispatch(cells, {A: 2, B: 2, C: 1})
    dispatch.start()
    dispatch.done(cid("base"))
    dispatch.done(cid("x"))
    assert started(dispatch) == ["app:a", "z:b"]
    assert dispatch.lost(A) == [cid("base")]
    dispatch.again(cid("app"))
    dispatch.done(cid("y"))
    assert started(dispatch) == ["base:b"]
    assert dispatch.failed(cid("base")) == [cid("app")]
    dispatch.done(cid("z"))
    assert not dispatch.running


def test_what_does_not_run_cannot_end() -> None:
    with pytest.raises(InternalError, match="x@linux/amd64 does not run"):
        Dispatch([cell("x")], {A: 1}).done(cid("x"))


# ---------------------------------------------------------------- properties


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[Cell], dict[NodeName, int]]:
    names = [NodeName(f"n{n}") for n in range(draw(st.integers(1, 4)))]
    cells: list[Cell] = []
    for number in range(draw(st.integers(1, 20))):
        able = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        speeds = [draw(st.sampled_from(list(Speed))) for _ in able]
        bases = draw(st.sets(st.sampled_from(range(number)), max_size=3)) if number else set()
        kept = {n for n in bases if cells[n].node == able[0] and draw(st.booleans())}
        cells.append(
            cell(
                str(number), able[0], speed=speeds[0],
                others=zip(able[1:], speeds[1:], strict=True),
                after=" ".join(map(str, bases - kept)), direct=" ".join(map(str, kept)),
                priority=draw(st.integers(0, 3)),
            )
        )  # fmt: skip
    return cells, {name: draw(st.integers(1, 3)) for name in names}


class Life:
    """A run of which anything may become, watched; two machines must agree about all of it."""

    def __init__(self, cells: list[Cell], slots: dict[NodeName, int], total: int) -> None:
        self.slots, self.total = slots, total or len(cells)
        self.machines = [Dispatch(cells, slots, total=total) for _ in range(2)]
        self.users = {one.id: [u.id for u in cells if one.id in u.direct] for one in cells}
        self.ended: dict[CellId, str] = {}
        self.places: dict[CellId, NodeName] = {}
        self.made: set[CellId] = set()  # what was done once can be handed over

    @property
    def running(self) -> dict[CellId, NodeName]:
        return dict(self.machines[0].running)

    def go(self) -> None:
        batch, twin = (machine.start() for machine in self.machines)
        assert batch == twin
        for one, node in batch:
            assert one.id not in self.ended
            assert all(self.places[base] == node for base in one.direct)
            self.places[one.id] = node
            assert all(self.ended.get(base) == "done" for base in one.direct)
            assert self.made.issuperset(one.after)
            assert node in {one.node, *(name for name, _ in one.alternatives)}
            assert not self.machines[0].is_lost(node)
        assert len(self.running) <= self.total
        for node, count in self.slots.items():
            assert list(self.running.values()).count(node) <= count
        stranded, _ = [machine.stranded() for machine in self.machines]
        for one in stranded:
            self.fail(one.id)

    def end(self, cell: CellId, how: str) -> None:
        assert cell not in self.ended
        self.ended[cell] = how

    def done(self, cell: CellId) -> None:
        lost = self.machines[0].is_lost(self.running[cell])
        if lost and any(user not in self.ended for user in self.users[cell]):
            self.again(cell)
            return
        self.end(cell, "done")
        self.made.add(cell)
        for machine in self.machines:
            machine.done(cell)

    def fail(self, cell: CellId) -> None:
        skipped, _ = [machine.failed(cell) for machine in self.machines]
        if cell in self.ended:  # it was skipped while it ran: what it needs could not be made again
            assert not skipped
            return
        for one in (cell, *skipped):
            self.end(one, "failed")

    def again(self, cell: CellId) -> None:
        if cell in self.ended:
            self.fail(cell)
            return
        for machine in self.machines:
            machine.again(cell, elsewhere=True)

    def lose(self, cell: CellId) -> None:
        """Lose a node; what runs there ends in its own time."""
        node = self.running[cell]
        if self.machines[0].is_lost(node):
            return
        again, twice = [machine.lost(node) for machine in self.machines]
        assert again == twice
        for one in again:
            assert self.ended.pop(one) == "done"
            assert self.places[one] == node


@settings(max_examples=100)
@given(plans(), st.integers(0, 4), st.data())
def test_whatever_happens_each_cell_ends_once_and_no_bound_is_passed(
    plan: tuple[list[Cell], dict[NodeName, int]], total: int, data: st.DataObject
) -> None:
    life = Life(*plan, total)
    life.go()
    while life.running:
        one = data.draw(st.sampled_from(sorted(life.running)))
        happen = data.draw(
            st.sampled_from([*[life.done] * 3, life.fail, *[life.again] * 2, life.lose])
        )
        if one in life.ended:
            happen = life.fail
        happen(one)
        life.go()
    assert set(life.ended) == {one.id for one in plan[0]}


def test_beyond_ease_a_node_starts_only_what_nobody_else_would() -> None:
    shared = [cell(name, others=[(B, NATIVE)]) for name in "uvwx"]
    own = [cell("y"), cell("z", others=[(B, EMULATED)])]
    dispatch = Dispatch([*shared, *own], {A: 8, B: 8}, ease={A: 1, B: 1})
    assert started(dispatch) == ["u:a", "y:a", "z:a", "v:b"]
    # The other one is done, and takes over what has been left to it.
    dispatch.done(cid("v"))
    assert started(dispatch) == ["w:b"]
    dispatch.done(cid("u"))
    assert not started(dispatch)
    for name in "yz":
        dispatch.done(cid(name))
    assert started(dispatch) == ["x:a"]


def test_nothing_is_left_to_a_node_that_is_lost() -> None:
    cells = [cell(name, others=[(B, NATIVE)]) for name in "uvwx"]
    dispatch = Dispatch(cells, {A: 3, B: 3}, ease={A: 1, B: 1})
    assert started(dispatch) == ["u:a", "v:b"]
    dispatch.lost(B)
    assert started(dispatch) == ["w:a", "x:a"]
    dispatch.again(cid("v"))
    dispatch.done(cid("u"))
    assert started(dispatch) == ["v:a"]
    dispatch.back(B)
    dispatch.again(cid("x"))
    dispatch.again(cid("w"))
    assert started(dispatch) == ["w:b"]


def test_what_is_cached_is_left_to_its_node_for_a_while() -> None:
    time_s = 100.0
    cells = [cell(name, others=[(B, NATIVE)]) for name in "xyz"]
    cells = [replace(cells[0], patience_s=5), replace(cells[1], patience_s=5), cells[2]]
    dispatch = Dispatch(cells, {A: 1, B: 1}, now=lambda: time_s)
    assert started(dispatch) == ["x:a", "z:b"]
    dispatch.done(cid("z"))
    assert not dispatch.start()
    time_s = 104.9
    assert not dispatch.start()
    time_s = 105.0
    assert started(dispatch) == ["y:b"]


def test_it_waits_for_no_node_but_its_own() -> None:
    cells = [replace(cell(n, others=[(B, NATIVE), (C, NATIVE)]), patience_s=5) for n in "xyz"]
    dispatch = Dispatch(cells, {A: 1, B: 1, C: 1})
    assert started(dispatch) == ["x:a"]
    dispatch.lost(A)
    assert started(dispatch) == ["y:b", "z:c"]
