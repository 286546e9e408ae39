"""The planner and the executor on simulated farms: whatever fails, the rules hold."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from bakex.errors import NodeError, RunFailedError
from bakex.events import CellFinished, CellStarted
from bakex.model.node import Feature, Terms
from bakex.model.outputs import Output
from bakex.model.platform import Platform
from bakex.model.running import RunPolicy
from bakex.model.target import Target
from bakex.plan.planner import plan
from bakex.run.executor import Work, execute
from bakex.testing.fakes import EventRecorder, fake_node
from bakex.testing.simulation import LoopClock, Machine, simulate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.model.node import NodeInfo
    from bakex.model.plan import CellId, Plan

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
                limits={one.info.name: one.info.terms.max_jobs for one in self.machines},
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
    names = [f"t{n}" for n in range(dice.randint(1, 12))]
    uses = {
        name: dice.sample(names[:n], min(n, dice.choice([0, 0, 1, 2])))
        for n, name in enumerate(names)
    }
    made = plan(targets(uses), names, nodes, AMD64)
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
        assert machine.most <= machine.info.terms.max_jobs
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
