"""Simulates farms of up to 1000 nodes: what the scheduler makes of them, and what it costs.

Planner and executor are the real ones; the machines are simulated (`bakex.testing.simulation`). The
table of docs/scaling.md is what this prints.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from bakex.model.node import Terms
from bakex.model.outputs import Output
from bakex.model.platform import Platform
from bakex.model.target import Target
from bakex.plan.planner import plan
from bakex.run.executor import execute
from bakex.run.work import Work
from bakex.testing.fakes import EventRecorder, fake_node
from bakex.testing.simulation import LoopClock, Machine, simulate
from tests.bench.test_ratios import TABLES

if TYPE_CHECKING:
    from bakex.model.node import NodeInfo
    from bakex.model.plan import Plan

    Row = tuple[str, ...]

pytestmark = pytest.mark.bench

SLOTS = 2
PLATFORMS = ("linux/amd64", "linux/arm64")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One table of budget.toml."""

    name: str
    nodes: int
    cells: int
    lost: float
    ratio: float
    cpu_ms: float


CASES = [Case(name=name, **fields) for name, fields in TABLES["simulation"].items()]


def node(number: int) -> NodeInfo:
    """Return a node with two slots."""
    made = fake_node(f"n{number}", native=PLATFORMS)
    return replace(made, endpoint=replace(made.endpoint, terms=Terms(max_jobs=SLOTS)))


def run(made: Plan, machines: list[Machine]) -> float:
    """Return how long it took, in seconds of the simulation."""

    async def go() -> float:
        work = Work(exports=lambda _: (), link=lambda result: result, slots=SLOTS)  # type: ignore[arg-type, return-value]
        engines = {one.info.name: one for one in machines}
        done = await execute(made, engines, work, EventRecorder(), LoopClock())
        assert len(done.results) == len(made.cells)
        return asyncio.get_running_loop().time()

    return simulate(go())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_simulation(case: Case, rows: list[Row]) -> None:
    dice = Random(1)
    nodes = [node(number) for number in range(case.nodes)]

    targets = {
        f"t{number}": Target(
            name=f"t{number}", platforms=PLATFORMS, output=(Output(type="cacheonly"),)
        )
        for number in range(case.cells // len(PLATFORMS))
    }
    begun = time.process_time()
    made = plan(targets, list(targets), nodes, Platform.parse(PLATFORMS[0]))
    planned = time.process_time()
    lengths = {cell.id: dice.uniform(20, 100) for cell in made.cells}
    machines = [Machine(info=info, seconds=lambda cell: lengths[cell.id]) for info in nodes]
    work_s = sum(lengths.values())
    losses = round(case.lost * case.nodes)
    for machine in dice.sample(machines, losses):
        machine.dies_s = dice.uniform(0, work_s / SLOTS / case.nodes)
    took_s = run(made, machines)
    ended = time.process_time()
    # Lost nodes die at some time in the first run's length: they do half of their share.
    ideal_s = work_s / SLOTS / (case.nodes - losses / 2)
    plan_ms, run_ms = (1000 * t / case.cells for t in (planned - begun, ended - planned))
    ratio, cpu_ms = took_s / ideal_s, plan_ms + run_ms
    verdict = "OVER" if ratio > case.ratio or cpu_ms > case.cpu_ms else "ok"
    lost = f", {losses} lost" if losses else ""
    rows.append(
        (
            f"{case.cells} cells on {case.nodes} nodes{lost}: {plan_ms:.2f} + {run_ms:.2f} ms each",
            f"{took_s:.0f} s",
            f"{ideal_s:.0f} s ideal",
            f"{ratio:.2f}",
            f"{case.ratio:.2f}",
            verdict,
        )
    )
    assert ratio <= case.ratio
    assert cpu_ms <= case.cpu_ms
