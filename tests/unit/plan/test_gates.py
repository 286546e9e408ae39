"""Gates in the plan: which cells hold what back, and where they run."""

from __future__ import annotations

import pytest

from bakex.errors import PlanError
from bakex.model.plan import CellId, Plan
from bakex.model.platform import Platform
from bakex.model.target import Target
from bakex.plan.gates import blocking, dispensable
from bakex.plan.planner import plan
from bakex.testing.fakes import fake_node

AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")
BOTH = ("linux/amd64", "linux/arm64")
NODE = fake_node("n", native=BOTH)


def target(
    name: str, *uses: str, gates: tuple[str, ...] = (), on: tuple[str, ...] = BOTH
) -> Target:
    contexts = {base: f"target:{base}" for base in uses}
    return Target(name=name, platforms=on, contexts=contexts, publish_requires=gates)


def planned(*targets: Target, requested: str = "app") -> Plan:
    return plan({item.name: item for item in targets}, requested.split(), [NODE], AMD64)


def names(found: frozenset[CellId] | tuple[CellId, ...]) -> list[str]:
    return sorted(map(str, found))


def test_each_cell_has_the_gate_of_its_platform() -> None:
    made = planned(target("app", gates=("t",)), target("t", "app"))
    gates = {str(cell.id): names(cell.gates) for cell in made.cells}
    assert gates == {
        "app@linux/amd64": ["t@linux/amd64"],
        "app@linux/arm64": ["t@linux/arm64"],
        "t@linux/amd64": [],
        "t@linux/arm64": [],
    }
    assert made.gates_of("app") == (CellId("t", AMD64), CellId("t", ARM64))


def test_what_is_not_published_has_no_gates() -> None:
    made = planned(target("user", "app"), target("app", gates=("t",)), requested="user")
    assert all(not cell.gates for cell in made.cells)


def test_a_gate_without_platforms_has_those_of_its_target() -> None:
    made = planned(target("app", gates=("t",)), target("t", on=()))
    assert [cell.platform for cell in made.of("t")] == [AMD64, ARM64]


def test_a_gate_of_a_target_for_the_node_s_platform_is_built_for_that() -> None:
    made = planned(target("app", gates=("t",), on=()), target("t", "app"))
    assert [cell.platform for cell in made.of("t")] == [AMD64]
    # Somebody else needs it on both.
    made = planned(
        target("app", gates=("t",), on=()), target("other", "t"), target("t"), requested="app other"
    )
    assert [cell.platform for cell in made.of("t")] == [AMD64, ARM64]


def test_a_platform_that_a_gate_lacks() -> None:
    with pytest.raises(PlanError, match="'app' is built for linux/amd64, and its gate 't' is not"):
        planned(target("app", gates=("t",), on=("local",)), target("t", on=("linux/arm64",)))


def test_a_gate_runs_where_its_target_was_built() -> None:
    nodes = [fake_node(name, native=["linux/amd64"]) for name in ("one", "two", "three")]
    names = ("t1", "t2", "t3", "t4", "t5", "t6")
    tests = [target(name, "app", on=("linux/amd64",)) for name in names]
    targets = [target("app", gates=names, on=("linux/amd64",)), *tests]
    made = plan({item.name: item for item in targets}, ["app"], nodes, AMD64)
    assert {cell.node for cell in made.cells} == {"one"}
    # What is no gate goes elsewhere as soon as that is worth a copy.
    targets = [target("app", on=("linux/amd64",)), *tests]
    made = plan({item.name: item for item in targets}, ["app", *names], nodes, AMD64)
    assert [cell.node for cell in made.cells] == ["one"] * 5 + ["two", "three"]


def test_gates_and_what_they_alone_need_may_fail() -> None:
    made = planned(
        target("app", "base", gates=("t",)),
        target("base"),
        target("t", "app", "tools", "base"),
        target("tools"),
        target("user", "t"),
        requested="app user",
    )
    found = dispensable(made)
    assert {cell.target for cell in found} == {"t", "tools"}


def test_a_requested_gate_may_fail_only_where_it_is_one() -> None:
    made = planned(target("app", gates=("t",), on=("linux/amd64",)), target("t"), requested="app t")
    assert names(dispensable(made)) == ["t@linux/amd64"]


def test_what_is_blocked_and_by_what() -> None:
    made = planned(
        target("app", gates=("t",)),
        target("t", "app", "tools"),
        target("tools"),
        target("user", "t"),
        target("other"),
        requested="app user other",
    )
    every = {cell.id for cell in made.cells}
    assert blocking(made, "app", every, ()) == ()
    failed = {CellId("t", ARM64)}
    done = every - failed - {CellId("user", ARM64)}
    assert names(blocking(made, "app", done, failed)) == ["t@linux/arm64"]
    assert names(blocking(made, "user", done, failed)) == ["t@linux/arm64"]
    assert blocking(made, "other", done, failed) == ()
    # What a gate needs has failed: the gate could not be built, and is named all the same.
    failed = {CellId("tools", AMD64)}
    done = every - failed - {CellId("t", AMD64), CellId("user", AMD64)}
    assert names(blocking(made, "app", done, failed)) == ["t@linux/amd64"]
    assert names(blocking(made, "user", done, failed)) == ["tools@linux/amd64"]
