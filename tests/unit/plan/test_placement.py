"""Which node each cell gets, and why; the thousands are in test_planner.py."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bakex.model.node import NodeName, Speed, Terms
from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.model.running import Emulation
from bakex.plan.placement import Past, Wish, place
from bakex.testing.fakes import fake_node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.model.node import NodeInfo
    from bakex.plan.placement import Able, Place

AMD64 = Platform.parse("linux/amd64")
A, B, C = NodeName("a"), NodeName("b"), NodeName("c")
NATIVE, EMULATED = Speed.NATIVE, Speed.EMULATED
BOTH: Able = ((A, NATIVE), (B, NATIVE))
MIXED: Able = ((A, EMULATED), (B, NATIVE))


def node(name: str, *, jobs: int = 0, weight: int = 1, processors: int = 0) -> NodeInfo:
    made = fake_node(name)
    terms = Terms(max_jobs=jobs, weight=weight)
    endpoint = replace(made.endpoint, terms=terms)
    return replace(made, endpoint=endpoint, processors=processors)


NODES = [node("a"), node("b"), node("c")]


def cell(name: str) -> CellId:
    return CellId(name, AMD64)


def wish(name: str, able: Able = BOTH, *after: str, past: Past | None = None) -> Wish:
    return Wish(id=cell(name), able=able, after=tuple(map(cell, after)), past=past)


def placed(
    wishes: Sequence[Wish],
    nodes: Sequence[NodeInfo] = NODES,
    emulation: Emulation = Emulation.FALLBACK,
) -> dict[str, Place]:
    return {str(id_.target): found for id_, found in place(wishes, nodes, emulation).items()}


def where(found: dict[str, Place]) -> str:
    return "".join(found[name].node for name in sorted(found))


def test_equal_nodes_take_turns() -> None:
    found = placed([wish(str(n)) for n in range(4)])
    assert where(found) == "abab"
    assert (found["0"].why, found["2"].why) == ("free", "done first here")
    assert found["0"].alternatives == ((B, NATIVE),)


def test_the_longest_chain_goes_first() -> None:
    wishes = [wish("x"), wish("y"), wish("z", BOTH, "y"), wish("end", BOTH, "z")]
    found = placed(wishes)
    priorities = {name: item.priority for name, item in found.items()}
    assert priorities == {"x": 1.0, "y": 3.0, "z": 2.0, "end": 1.0}
    assert found["y"].node == "a"
    assert found["x"].node == "b"


def test_what_is_known_of_the_past_decides_how_long_things_take() -> None:
    long, short = Past(node=C, seconds=9.0), Past(node=C, seconds=3.0)
    wishes = [wish("new"), wish("long", past=long), wish("short", past=short)]
    found = placed(wishes)
    assert {name: item.priority for name, item in found.items()} == {
        "new": 6.0,
        "long": 9.0,
        "short": 3.0,
    }
    assert [found[name].node for name in ("long", "new", "short")] == ["a", "b", "b"]


def test_durations_are_compared_as_if_on_one_node() -> None:
    nodes = [node("a", weight=4), node("b")]
    emulated = Past(node=B, seconds=20.0, speed=EMULATED)
    wishes = [wish("fast", past=Past(node=A, seconds=2.0)), wish("slow", past=emulated)]
    found = placed(wishes, nodes)
    assert {name: item.priority for name, item in found.items()} == {"fast": 8.0, "slow": 2.0}


def test_a_cell_goes_where_it_was_built_before() -> None:
    past = Past(node=B, seconds=1.0)
    found = placed([wish(str(n), past=past) for n in range(4)])
    assert where(found) == "bbbb"
    assert {item.why for item in found.values()} == {"built here before"}


def test_it_does_not_queue_there_while_others_are_idle() -> None:
    past = Past(node=B, seconds=1.0)
    found = placed([wish(f"{n:02}", past=past) for n in range(12)], [node("a"), node("b", jobs=2)])
    assert set(where(found)) == {"a", "b"}


def test_a_new_node_gets_a_share_of_what_another_one_has_in_its_cache() -> None:
    nodes = [node("a", processors=1), node("b", processors=1)]
    past = Past(node=A, seconds=10.0)
    found = placed([wish(str(n), past=past) for n in range(8)], nodes)
    assert sorted(where(found)) == list("aaaaaabb")
    assert {(item.node, item.patience_s) for item in found.values()} == {(A, 2.0), (B, 0.0)}
    assert {item.why for item in found.values()} == {"built here before", "free", "done first here"}


def test_what_is_built_without_cache_goes_anywhere() -> None:
    nodes = [node("a", processors=1), node("b", processors=1)]
    past = Past(node=A, seconds=10.0)
    found = placed([replace(wish(str(n), past=past), cached=False) for n in range(8)], nodes)
    assert where(found) == "abababab"
    assert {item.patience_s for item in found.values()} == {0.0}
    assert {item.priority for item in found.values()} == {10.0}


def test_others_are_patient_for_as_long_as_the_cache_may_save() -> None:
    found = placed([wish("x", past=Past(node=A, seconds=1.0))])
    assert round(found["x"].patience_s, 3) == 0.7


def test_processors_are_a_share_too() -> None:
    nodes = [node("a", processors=6), node("b", processors=2), node("c", jobs=2, processors=64)]
    able: Able = ((A, NATIVE), (B, NATIVE), (C, NATIVE))
    found = where(placed([wish(f"{n:02}", able) for n in range(20)], nodes))
    assert [found.count(name) for name in "abc"] == [12, 4, 4]


def test_what_is_linked_stays_together_unless_load_says_otherwise() -> None:
    users = [wish(f"u{n}", BOTH, "base") for n in range(2)]
    found = placed([wish("base"), *users])
    assert where(found) == "aaa"
    assert found["u0"].why == "what it uses is here"
    many = [wish(f"u{n}", BOTH, "base") for n in range(8)]
    assert set(where(placed([wish("base"), *many]))) == {"a", "b"}


def test_gates_stay_longer() -> None:
    gates = [replace(wish(f"g{n}", BOTH, "base"), is_gate=True) for n in range(7)]
    assert where(placed([wish("base"), *gates])) == "aaaaaaaa"


def test_gates_stay_where_everything_is_emulated_too() -> None:
    able: Able = ((A, EMULATED), (B, EMULATED))
    gate = replace(wish("g", able, "base"), is_gate=True)
    base = wish("base", able[:1])
    assert where(placed([base, gate], [node("a"), node("b", weight=4)])) == "aa"


def test_weight_is_a_share() -> None:
    nodes = [node("a", weight=2), node("b")]
    found = placed([wish(str(n)) for n in range(6)], nodes)
    assert sorted(where(found)) == list("aaaabb")


def test_a_node_with_few_slots_gets_less() -> None:
    nodes = [node("a", jobs=1), node("b", jobs=8)]
    found = placed([wish(str(n)) for n in range(9)], nodes)
    assert where(found).count("a") < where(found).count("b")


def test_native_before_emulated() -> None:
    found = placed([wish(str(n), MIXED) for n in range(40)])
    assert set(where(found)) == {"b"}
    assert found["0"].alternatives == ((A, EMULATED),)
    assert found["0"].why == "the only native node"
    assert placed([wish("0", ((C, EMULATED), *MIXED))])["0"].alternatives == (
        (C, EMULATED),
        (A, EMULATED),
    )


def test_emulating_nodes_help_out_if_that_is_allowed() -> None:
    nodes = [node("a"), node("b", jobs=1)]
    few = placed([wish(str(n), MIXED) for n in range(5)], nodes, Emulation.ALLOW)
    assert set(where(few)) == {"b"}
    many = placed([wish(str(n), MIXED) for n in range(40)], nodes, Emulation.ALLOW)
    assert set(where(many)) == {"a", "b"}
    helped = next(item for item in many.values() if item.node == "a")
    assert helped.why == "native nodes are busy; free"
    assert helped.alternatives == ((B, NATIVE),)


def test_no_native_node() -> None:
    able: Able = ((A, EMULATED), (B, EMULATED))
    found = placed([wish("x", able), wish("y", able)])
    assert where(found) == "ab"
    assert found["x"].why == "no native node; free"
    assert placed([wish("x", able[:1])])["x"].why == "no native node"


def test_what_has_to_be_emulated_goes_first() -> None:
    nodes = [node("a", jobs=1), node("b")]
    found = placed([wish("x", ((A, NATIVE),)), wish("y", ((A, EMULATED),))], nodes)
    assert (found["x"].priority, found["y"].priority) == (1.0, 10.0)


def test_labels_are_a_reason() -> None:
    asking = replace(wish("x", ((A, NATIVE),)), labels="zone=a")
    assert placed([asking])["x"].why == "the only node with zone=a"
    among = replace(wish("x", MIXED), labels="zone=a")
    assert placed([among])["x"].why == "the only native node with zone=a"
    slow = replace(wish("x", ((A, EMULATED),)), labels="zone=a")
    assert placed([slow])["x"].why == "no native node with zone=a"


def test_a_base_that_is_used_twice_counts_once() -> None:
    twice = Wish(id=cell("u"), able=BOTH, after=(cell("b"), cell("b")))
    assert set(placed([wish("b"), twice])) == {"b", "u"}
