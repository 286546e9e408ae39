from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import NoNodeError, PlanError, UnknownTargetError
from bakex.model.node import Speed
from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.model.target import Target
from bakex.plan.planner import plan
from bakex.testing.fakes import fake_node

LOCAL = Platform.parse("linux/amd64")
AMD64, ARM64 = LOCAL, Platform.parse("linux/arm64")
BIG = fake_node("big", native=("linux/amd64",), emulated=("linux/arm64", "linux/arm/v7"))
ARM = fake_node("arm", native=("linux/arm64", "linux/arm/v7"))


def target(name: str, *platforms: str, **contexts: str) -> Target:
    return Target(name=name, platforms=platforms, contexts=contexts)


def test_native_is_preferred_even_when_an_emulating_node_comes_first() -> None:
    made = plan({"a": target("a", "linux/arm64", "linux/amd64")}, ["a"], [BIG, ARM], LOCAL)
    assert [(str(c.id), c.node, c.speed) for c in made.cells] == [
        ("a@linux/arm64", "arm", Speed.NATIVE),
        ("a@linux/amd64", "big", Speed.NATIVE),
    ]


def test_equal_nodes_share_the_work() -> None:
    nodes = [fake_node("one"), fake_node("two"), fake_node("three")]
    targets = {f"t{i}": target(f"t{i}", "linux/amd64") for i in range(6)}
    made = plan(targets, list(targets), nodes, LOCAL)
    assert [c.node for c in made.cells] == ["one", "two", "three"] * 2


def test_no_node_lists_what_there_is() -> None:
    with pytest.raises(NoNodeError) as caught:
        plan({"a": target("a", "linux/s390x")}, ["a"], [BIG, ARM], LOCAL)
    error = caught.value
    assert "linux/s390x" in error.summary
    assert "'a'" in error.summary
    assert "big: linux/amd64, linux/arm64, linux/arm/v7" in error.detail
    assert "emulator for s390x" in error.hint


def test_no_emulator_helps_for_another_operating_system() -> None:
    with pytest.raises(NoNodeError) as caught:
        plan({"a": target("a", "windows/amd64")}, ["a"], [BIG], LOCAL)
    assert "emulator" not in caught.value.hint


def test_an_empty_builder_is_refused() -> None:
    with pytest.raises(NoNodeError, match="no node"):
        plan({"a": target("a")}, ["a"], [], LOCAL)


def test_without_platforms_the_first_node_decides() -> None:
    made = plan({"a": target("a")}, ["a"], [ARM, BIG], LOCAL)
    assert [c.id for c in made.cells] == [CellId("a", ARM64)]


def test_platforms_may_share_an_entry_repeat_and_be_local() -> None:
    words = ("local,linux/arm64/v8", "linux/arm64", " linux/arm ")
    made = plan({"a": target("a", *words)}, ["a"], [BIG], LOCAL)
    assert [str(c.platform) for c in made.of("a")] == ["linux/amd64", "linux/arm64", "linux/arm/v7"]


def test_linked_cells_wait_for_the_same_platform() -> None:
    targets = {
        "app": target("app", "linux/amd64", "linux/arm64", base="target:base"),
        "base": target("base", "linux/arm64", "linux/amd64"),
    }
    made = plan(targets, ["app"], [BIG], LOCAL)
    assert made.requested == ("app",)
    assert [c.after for c in made.of("app")] == [
        (CellId("base", AMD64),),
        (CellId("base", ARM64),),
    ]
    assert made.of("app")[0].links == (("base", CellId("base", AMD64)),)
    names = [c.id.target for c in made.cells]
    assert names == ["base", "base", "app", "app"]


def test_a_base_of_one_platform_serves_all() -> None:
    targets = {
        "app": target("app", "linux/amd64", "linux/arm64", base="target:base"),
        "base": target("base", "linux/amd64"),
    }
    made = plan(targets, ["app"], [BIG], LOCAL)
    assert {c.after for c in made.of("app")} == {(CellId("base", AMD64),)}


def test_a_base_that_lacks_a_platform_is_refused() -> None:
    targets = {
        "app": target("app", "linux/arm/v7", "linux/arm64", base="target:base"),
        "base": target("base", "linux/amd64", "linux/arm64"),
    }
    with pytest.raises(PlanError, match="'app' needs target 'base' for linux/arm/v7") as caught:
        plan(targets, ["app"], [BIG], LOCAL)
    assert caught.value.hint == "add linux/arm/v7 to the platforms of target 'base'"


@given(
    st.lists(
        st.lists(st.sampled_from(["linux/amd64", "linux/arm64", "linux/arm/v7"]), max_size=4),
        max_size=5,
    )
)
def test_every_target_and_platform_is_planned_once_and_always_alike(
    wanted: list[list[str]],
) -> None:
    targets = {f"t{i}": target(f"t{i}", *platforms) for i, platforms in enumerate(wanted)}
    made = plan(targets, list(targets), [BIG, ARM], LOCAL)
    ids = [c.id for c in made.cells]
    assert len(ids) == len(set(ids))
    for name, item in targets.items():
        expected = list(dict.fromkeys(map(Platform.parse, item.platforms))) or [AMD64]
        assert [c.platform for c in made.of(name)] == expected
    assert plan(targets, list(targets), [BIG, ARM], LOCAL) == made


def test_a_cell_holds_its_target_as_it_is_for_its_platform() -> None:
    varied = Target(
        name="a",
        platforms=("linux/amd64", "linux/arm64", "linux/arm/v7"),
        args={"A": "1"},
        variants={ARM64: {"args": {"A": "2"}, "contexts": {"b": "target:base"}}},
    )
    base = target("base", "linux/arm64")
    made = plan({"a": varied, "base": base}, ["a"], [BIG, ARM], LOCAL)
    cells = {str(cell.platform): cell for cell in made.of("a")}
    assert [cell.target.args["A"] for cell in made.of("a")] == ["1", "2", "1"]
    assert cells["linux/arm64"].links == (("b", CellId("base", ARM64)),)
    assert (cells["linux/amd64"].links, cells["linux/amd64"].after) == ((), ())
    assert all(not cell.target.variants for cell in made.cells)
    assert next(str(cell.id) for cell in made.cells) == "base@linux/arm64"


def test_a_platform_that_links_decides_the_order() -> None:
    varied = Target(
        name="a",
        platforms=("linux/amd64",),
        variants={AMD64: {"contexts": {"b": "target:nope"}}},
    )
    with pytest.raises(UnknownTargetError, match="nope"):
        plan({"a": varied}, ["a"], [BIG], LOCAL)
