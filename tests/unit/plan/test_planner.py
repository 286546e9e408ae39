from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import NoNodeError, PlanError, UnknownTargetError
from bakex.model.node import Feature, NodeName, Speed, Terms
from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.model.running import Emulation
from bakex.model.target import Target
from bakex.plan.matching import speed
from bakex.plan.placement import Past
from bakex.plan.planner import plan
from bakex.testing.fakes import fake_node

if TYPE_CHECKING:
    from bakex.model.node import NodeInfo
    from bakex.model.plan import Plan

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
    assert "bakex platform install s390x" in error.hint


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


def test_an_operating_system_alone_means_the_processor_of_this_machine() -> None:
    made = plan({"a": target("a", "linux", "Linux/amd64")}, ["a"], [BIG], LOCAL)
    assert [str(c.platform) for c in made.of("a")] == ["linux/amd64"]
    made = plan({"a": target("a", "linux")}, ["a"], [BIG], ARM64)
    assert [str(c.platform) for c in made.of("a")] == ["linux/arm64"]


def test_two_versions_of_one_system_are_two_targets() -> None:
    windows = fake_node("w", native=("windows/amd64",))
    made = plan({"a": target("a", "windows(10.0.1)/amd64")}, ["a"], [windows], LOCAL)
    assert [str(c.platform) for c in made.of("a")] == ["windows(10.0.1)/amd64"]
    words = ("windows(10.0.1)/amd64", "windows(10.0.2)/amd64")
    with pytest.raises(PlanError, match=r"10\.0\.1.*10\.0\.2"):
        plan({"a": target("a", *words)}, ["a"], [windows], LOCAL)


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


def test_a_base_on_the_same_node_is_used_there() -> None:
    targets = {
        "app": target("app", "linux/amd64", "linux/arm64", base="target:base"),
        "base": target("base", "linux/amd64"),
    }
    made = plan(targets, ["app"], [BIG, ARM], LOCAL)
    here, there = made.of("app")
    base = CellId("base", AMD64)
    assert (here.direct, there.direct) == (frozenset({base}), frozenset())
    assert made.users(base) == (here.id,)
    assert made.handed_over == {base}
    one = plan(targets, ["app"], [BIG], LOCAL)
    assert one.users(base) == tuple(cell.id for cell in one.of("app"))
    assert one.handed_over == frozenset()
    old = replace(BIG, features=BIG.features - {Feature.LINKS})
    assert plan(targets, ["app"], [old], LOCAL).handed_over == {base}


def test_who_may_use_all_platforms_waits_for_all() -> None:
    targets = {
        "app": target("app", "linux/amd64", "linux/arm64", base="target:base"),
        "base": target("base", "linux/amd64", "linux/arm64"),
    }
    made = plan(targets, ["app"], [BIG, ARM], LOCAL, crossing=["app", "base"])
    here, there = CellId("base", AMD64), CellId("base", ARM64)
    first, second = made.of("app")
    assert first.links == (("base", here), ("base::linux/arm64", there))
    assert second.links == (("base", there), ("base::linux/amd64", here))
    assert first.after == (here, there)
    assert [first.direct, second.direct] == [frozenset({here}), frozenset({there})]
    assert made.handed_over == {here, there}


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


def test_what_a_target_says_about_its_runs_is_in_its_cells() -> None:
    said = Target(
        name="a",
        platforms=("linux/amd64", "linux/arm64"),
        timeout="1m30s",
        retries="2",
        variants={ARM64: {"timeout": "1h", "node": {"zone": "b"}}},
    )
    there = replace(ARM, endpoint=replace(ARM.endpoint, terms=Terms(labels={"zone": "b"})))
    here, far = plan({"a": said}, ["a"], [BIG, there], LOCAL).cells
    assert (here.timeout_s, here.retries, here.node) == (90.0, 2, "big")
    assert (far.timeout_s, far.retries, far.node) == (3600.0, 2, "arm")
    assert (far.why, far.alternatives) == ("the only node with zone=b", ())


def test_a_cell_whose_result_stays_with_its_node_goes_nowhere_else() -> None:
    nodes = [fake_node("one"), fake_node("two")]
    targets = {"base": target("base"), "app": target("app", b="target:base"), "x": target("x")}
    made = plan(targets, ["app", "x"], nodes, LOCAL, pinned=lambda cell: cell.id.target != "x")
    others = {cell.id.target: [name for name, _ in cell.alternatives] for cell in made.cells}
    # The base is used where it is, and stays there with its user.
    assert made.of("app")[0].direct == {CellId("base", AMD64)}
    assert others == {"base": [], "app": [], "x": ["one"]}


def test_a_family_moves_only_to_where_results_can_be_used() -> None:
    old = replace(fake_node("old"), features=frozenset(Feature) - {Feature.LINKS})
    nodes = [fake_node("one"), old, fake_node("two")]
    targets = {"base": target("base"), "app": target("app", b="target:base"), "x": target("x")}
    made = plan(targets, ["app", "x"], nodes, LOCAL)
    others = {cell.id.target: [name for name, _ in cell.alternatives] for cell in made.cells}
    assert others == {"base": ["two"], "app": ["two"], "x": ["one", "two"]}


def test_the_past_decides_the_place() -> None:
    nodes = [fake_node("one"), fake_node("two")]
    past = Past(node=NodeName("two"), seconds=60.0)
    made = plan({"a": target("a")}, ["a"], nodes, LOCAL, history={CellId("a", AMD64): past})
    (cell,) = made.cells
    assert (cell.node, cell.why, cell.priority) == ("two", "built here before", 60.0)
    gone = {CellId("a", AMD64): Past(node=NodeName("gone"), seconds=60.0)}
    assert plan({"a": target("a")}, ["a"], nodes, LOCAL, history=gone).cells[0].node == "one"


def test_nothing_is_emulated_if_that_is_ruled_out() -> None:
    wanted = {"a": target("a", "linux/arm64")}
    made = plan(wanted, ["a"], [BIG, ARM], LOCAL, emulation=Emulation.NEVER)
    assert [(c.node, c.alternatives) for c in made.cells] == [("arm", ())]
    with pytest.raises(NoNodeError, match="natively"):
        plan(wanted, ["a"], [BIG], LOCAL, emulation=Emulation.NEVER)


WORDS = ("linux/amd64", "linux/arm64", "linux/arm/v7")
ZONES = ("a", "b")


@st.composite
def farms(draw: st.DrawFn) -> list[NodeInfo]:
    """Return nodes that build all platforms together, some of them emulated."""
    nodes: list[NodeInfo] = []
    for number in range(draw(st.integers(1, 5))):
        native = draw(st.sets(st.sampled_from(WORDS), min_size=1))
        emulated = sorted(set(WORDS) - native) if draw(st.booleans()) or not number else []
        made = fake_node(f"n{number}", native=sorted(native), emulated=emulated)
        terms = Terms(
            labels={"zone": draw(st.sampled_from(ZONES))} if number else {"zone": "a"},
            max_jobs=draw(st.integers(0, 3)),
            weight=draw(st.integers(1, 3)),
        )
        features = frozenset(Feature)
        if draw(st.booleans()):
            features -= {Feature.LINKS}
        nodes.append(replace(made, endpoint=replace(made.endpoint, terms=terms), features=features))
    return nodes


@st.composite
def works(draw: st.DrawFn) -> dict[str, Target]:
    """Return targets that link to earlier ones; some want to be in a zone."""
    targets: dict[str, Target] = {}
    for number in range(draw(st.integers(0, 12))):
        bases = draw(st.lists(st.sampled_from(sorted(targets)), max_size=3)) if targets else []
        targets[f"t{number}"] = Target(
            name=f"t{number}",
            platforms=WORDS,
            contexts={base: f"target:{base}" for base in bases},
            node={"zone": "a"} if draw(st.integers(0, 3)) == 0 else {},
        )
    return targets


def made_of(
    targets: dict[str, Target], nodes: list[NodeInfo], emulation: Emulation, seconds: float
) -> Plan:
    history = {
        CellId(name, platform): Past(node=nodes[index % len(nodes)].name, seconds=seconds + index)
        for index, name in enumerate(targets)
        for platform in map(Platform.parse, WORDS)
        if index % 2
    }
    return plan(
        targets,
        list(targets),
        nodes,
        LOCAL,
        emulation=emulation,
        history=history if seconds else {},
    )


@given(works(), farms(), st.sampled_from(Emulation), st.sampled_from([0.0, 0.01, 30.0]))
def test_any_plan(
    targets: dict[str, Target], nodes: list[NodeInfo], emulation: Emulation, seconds: float
) -> None:
    try:
        made = made_of(targets, nodes, emulation, seconds)
    except NoNodeError:
        assert emulation is Emulation.NEVER
        return
    assert made == made_of(targets, nodes, emulation, seconds)
    wanted = [CellId(name, p) for name in targets for p in map(Platform.parse, WORDS)]
    assert sorted(cell.id for cell in made.cells) == sorted(wanted)
    infos = {node.name: node for node in nodes}
    placed: dict[CellId, NodeName] = {}
    for cell in made.cells:
        assert all(base in placed for base in cell.after)
        assert cell.direct <= {base for base in cell.after if placed[base] == cell.node}
        placed[cell.id] = cell.node
        places = ((cell.node, cell.speed), *cell.alternatives)
        assert len({name for name, _ in places}) == len(places)
        for name, how in places:
            assert speed(infos[name], cell.platform) is how
            assert cell.target.node.items() <= infos[name].terms.labels.items()
            assert not cell.direct or Feature.LINKS in infos[name].features
        able = [node for node in nodes if cell.target.node.items() <= node.terms.labels.items()]
        native = [n for n in able if speed(n, cell.platform) is Speed.NATIVE]
        if native and emulation is not Emulation.ALLOW:
            assert cell.speed is Speed.NATIVE
        if emulation is Emulation.NEVER:
            assert {how for _, how in places} == {Speed.NATIVE}
        assert all(made.cell(base).priority > cell.priority for base in cell.after)
