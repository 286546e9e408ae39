"""The planner and the executor on simulated farms: whatever fails, the rules hold."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakex.errors import NodeError, RunFailedError
from bakex.events import CellFinished, CellStarted
from bakex.model.node import Feature, Terms
from bakex.model.outputs import Output
from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.model.running import RunPolicy
from bakex.model.target import Target
from bakex.plan.placement import Past
from bakex.plan.planner import plan
from bakex.run.executor import execute
from bakex.run.work import Work
from bakex.testing.fakes import EventRecorder, fake_node
from bakex.testing.simulation import LoopClock, Machine, simulate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.model.node import NodeInfo
    from bakex.model.plan import Cell, Plan

AMD64 = Platform.parse("linux/amd64")
KINDS = (
    {"native": ("linux/amd64",), "emulated": ("linux/arm64",)},
    {"native": ("linux/arm64",)},
    {"native": ("linux/amd64", "linux/arm64")},
)


def node(name: str, kind: int = 2, *, jobs: int = 2, links: bool = True) -> NodeInfo:
    made = fake_node(name, **KINDS[kind])
    features = made.features if links else made.features - {Feature.LINKS}
    endpoint = replace(made.endpoint, terms=Terms(max_jobs=jobs))
    return replace(made, endpoint=endpoint, features=features)


def crowded(made: NodeInfo, processors: int) -> NodeInfo:
    """Return a node with the usual number of slots, and with fewer processors."""
    endpoint = replace(made.endpoint, terms=Terms())
    return replace(made, endpoint=endpoint, processors=processors)


def targets(uses: Mapping[str, Sequence[str]]) -> dict[str, Target]:
    return {
        name: Target(
            name=name,
            platforms=("linux/amd64", "linux/arm64"),
            contexts={base: f"target:{base}" for base in bases},
            output=(Output(type="cacheonly"),),
        )
        for name, bases in uses.items()
    }


@dataclass
class Run:
    """A run on machines, and what came of it."""

    plan: Plan
    machines: Sequence[Machine]
    policy: RunPolicy = field(default_factory=RunPolicy)
    events: EventRecorder = field(default_factory=EventRecorder)
    failure: RunFailedError | None = None
    took_s: float = 0.0

    def go(self) -> None:
        async def run() -> None:
            work = Work(
                exports=lambda _: (),
                link=lambda result: result,  # type: ignore[arg-type, return-value]
                limits={one.info.name: one.info.slots for one in self.machines},
                ease={one.info.name: one.info.ease for one in self.machines},
            )
            engines = {one.info.name: one for one in self.machines}
            try:
                await execute(self.plan, engines, work, self.events, LoopClock(), self.policy)
            except RunFailedError as error:
                self.failure = error
            self.took_s = asyncio.get_running_loop().time()
            assert asyncio.all_tasks() == {asyncio.current_task()}

        simulate(run())


def random_run(dice: Random) -> Run:
    nodes = [
        node(f"n{n}", dice.randrange(3), jobs=dice.randint(1, 3), links=dice.random() < 0.8)
        for n in range(dice.randint(1, 6))
    ]
    nodes.append(node("last", jobs=dice.randint(1, 3)))  # somebody builds everything
    nodes = [
        made if dice.random() < 0.6 else crowded(made, processors=dice.randint(1, 3))
        for made in nodes
    ]
    names = [f"t{n}" for n in range(dice.randint(1, 12))]
    uses = {
        name: dice.sample(names[:n], min(n, dice.choice([0, 0, 1, 2])))
        for n, name in enumerate(names)
    }
    past = {
        CellId(name, Platform.parse(platform)): Past(
            node=dice.choice(nodes).name, seconds=dice.uniform(0.1, 60)
        )
        for name in names
        for platform in ("linux/amd64", "linux/arm64")
        if dice.random() < 0.5
    }
    made = plan(targets(uses), names, nodes, AMD64, history=past)
    lengths = {cell.id: dice.uniform(0.1, 60) for cell in made.cells}
    trouble = dice.choice([0.0, 0.1, 0.4])

    def chance() -> bool:
        return dice.random() < trouble

    machines = [
        Machine(
            info=info,
            seconds=lambda cell: lengths[cell.id],
            pace=dice.choice([0.5, 1, 1, 3]),
            dies_s=dice.uniform(0, 200) if chance() else float("inf"),
            hangs_s=dice.uniform(0, 200) if chance() else float("inf"),
            wakes_s=dice.uniform(200, 300) if chance() else float("inf"),
            breaks=lambda _: dice.random() < trouble / 4,
        )
        for info in nodes
    ]
    policy = RunPolicy(keep_going=dice.random() < 0.5, jobs=dice.choice([0, 0, 1, 3]))
    return Run(plan=made, machines=machines, policy=policy)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1 << 32))
def test_whatever_fails_the_rules_hold(seed: int) -> None:
    run = random_run(Random(seed))
    run.go()
    for machine in run.machines:
        assert machine.most <= machine.info.slots
        assert not machine.running
        assert not machine.kept
    verdicts: dict[CellId, str] = {}
    done: set[CellId] = set()
    cells = {cell.id: cell for cell in run.plan.cells}
    for event in run.events.events:
        if isinstance(event, CellStarted):
            assert done.issuperset(cells[event.cell].after), "not in topological order"
        if isinstance(event, CellFinished):
            state = event.error and "failed"
            verdicts[event.cell] = state or ("done" if event.result else "dropped")
            if event.result:
                done.add(event.cell)
    assert verdicts.keys() == cells.keys()  # none is starved
    if run.failure is None:
        assert set(verdicts.values()) == {"done"}
    else:
        assert all(isinstance(error, NodeError) for error in run.failure.exceptions)
        failed = [cell for cell, state in verdicts.items() if state == "failed"]
        assert len(failed) == len(run.failure.exceptions)
    times = Counter(cell for machine in run.machines for cell in machine.done)
    # What is built twice was lost with its node, or with the answer about it.
    if all(one.dies_s == one.hangs_s == float("inf") for one in run.machines):
        assert all(count <= 1 for count in times.values())
        built = {cell for cell, state in verdicts.items() if state == "done"}
        assert built <= times.keys()


def farm(nodes: Sequence[NodeInfo], cells: int, seconds: float) -> Run:
    made = plan(targets({f"t{n}": () for n in range(cells // 2)}), [], nodes, AMD64)
    machines = [Machine(info=info, seconds=lambda _: seconds) for info in nodes]
    return Run(plan=made, machines=machines)


def test_forty_cells_on_four_nodes_take_no_longer_than_they_must() -> None:
    run = farm([node(f"n{n}") for n in range(4)], 40, 0.2)
    run.go()
    assert run.took_s <= 1.3 * (40 * 0.2 / 8)


def test_a_slow_node_is_helped_by_the_others() -> None:
    run = farm([node(f"n{n}") for n in range(4)], 160, 1.0)
    run.machines[0].pace = 4
    run.go()
    ideal = 160 / (2 * (3 + 1 / 4))
    assert run.took_s <= 1.2 * ideal


def test_thousands_of_cells_on_a_hundred_nodes_of_which_a_tenth_is_lost() -> None:
    dice = Random(1)
    run = farm([node(f"n{n}") for n in range(100)], 2000, 60)
    for machine in run.machines[::10]:
        machine.dies_s = dice.uniform(0, 600)
    run.go()
    assert run.failure is None
    done = Counter(cell for machine in run.machines for cell in machine.done)
    assert set(done) == {cell.id for cell in run.plan.cells}
    assert done.total() == 2000
    assert run.took_s <= 1.2 * (2000 * 60 / (2 * 90))


def lone(name: str, processors: int = 1) -> NodeInfo:
    return crowded(fake_node(name), processors)


def single(names: Sequence[str]) -> dict[str, Target]:
    """Return targets for one platform."""
    made = targets(dict.fromkeys(names, ()))
    return {name: replace(one, platforms=()) for name, one in made.items()}


def moved(seconds: float, cached_s: float, *, cells: int = 8) -> Run:
    """Return a run on two nodes with a processor each, of which one has built everything before."""
    nodes = [lone("old"), lone("new")]
    names = [f"t{n}" for n in range(cells)]
    past = {CellId(name, AMD64): Past(node=nodes[0].name, seconds=seconds) for name in names}
    planned = plan(single(names), names, nodes, AMD64, history=past)
    old, new = (Machine(info=info, seconds=lambda _: seconds) for info in nodes)
    old.pace = cached_s / seconds
    return Run(plan=planned, machines=[old, new])


def test_a_new_node_gets_its_share_of_what_has_changed() -> None:
    run = moved(30.0, 30.0)
    run.go()
    assert run.took_s <= 1.05 * (8 * 30 / 2)


def test_what_is_in_the_cache_is_left_there() -> None:
    run = moved(30.0, 0.2, cells=40)
    run.go()
    # What the new node has begun must end; it does not go on like that.
    assert len(run.machines[1].done) <= 10
    assert len(run.machines[0].done) >= 30


def test_processors_that_are_many_are_used() -> None:
    nodes = [lone("big", 8), lone("small", 1)]
    names = [f"t{n}" for n in range(18)]
    run = Run(
        plan=plan(single(names), names, nodes, AMD64),
        machines=[Machine(info=info, seconds=lambda _: 10.0) for info in nodes],
    )
    run.go()
    assert [len(one.done) for one in run.machines] == [16, 2]
    assert run.took_s == 20.0


@pytest.mark.parametrize("patient", [True, False])
def test_who_is_done_first_leaves_to_others_what_they_have_in_their_caches(
    *, patient: bool
) -> None:
    nodes = [lone("quick"), lone("slow")]
    names = [f"t{n:02}" for n in range(20)]
    past = {
        CellId(name, AMD64): Past(node=nodes[n % 2].name, seconds=30.0)
        for n, name in enumerate(names)
    }
    planned = plan(single(names), names, nodes, AMD64, history=past)
    if not patient:
        planned = replace(
            planned, cells=tuple(replace(cell, patience_s=0.0) for cell in planned.cells)
        )
    cached = {"quick": 0.01, "slow": 0.15}

    def seconds(cell: Cell) -> float:
        return cached[cell.node] if planned.cell(cell.id).node == cell.node else 30.0

    run = Run(plan=planned, machines=[Machine(info=info, seconds=seconds) for info in nodes])
    run.go()
    # In good time: the machines are through with what is cached after 0.1 and 1.5 s.
    assert (run.took_s < 5) == patient
