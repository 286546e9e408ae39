from __future__ import annotations

from bakex.model.node import NodeName, Speed
from bakex.model.plan import Cell, CellId
from bakex.model.platform import Platform
from bakex.model.target import Target
from bakex.plan.families import homes

AMD64 = Platform.parse("linux/amd64")


def cell_id(name: str) -> CellId:
    return CellId(name, AMD64)


def cell(name: str, alternatives: str, *direct: str) -> Cell:
    return Cell(
        id=cell_id(name),
        target=Target(name=name),
        node=NodeName("home"),
        speed=Speed.NATIVE,
        direct=frozenset(map(cell_id, direct)),
        alternatives=tuple((NodeName(node), Speed.NATIVE) for node in alternatives),
    )


def found(*cells: Cell, linking: str = "abcd") -> dict[str, str]:
    nodes = homes(cells, {NodeName(name) for name in linking})
    return {cell.target: "".join(sorted(names)) for cell, names in nodes.items()}


def test_single_cells_are_no_family() -> None:
    assert found(cell("x", "ab"), cell("y", "b")) == {}


def test_a_family_goes_only_where_all_of_it_can() -> None:
    cells = (cell("base", "abc"), cell("x", "bcd", "base"), cell("y", "cde", "x"))
    assert found(*cells) == {"base": "c", "x": "c", "y": "c"}


def test_two_families_become_one_by_who_uses_both() -> None:
    cells = (
        cell("one", "abc"),
        cell("two", "bcd"),
        cell("x", "abcd", "one"),
        cell("both", "abcd", "two", "x"),
        cell("alone", "a"),
    )
    assert found(*cells) == dict.fromkeys(("one", "two", "x", "both"), "bc")


def test_only_where_results_can_be_used() -> None:
    cells = (cell("base", "ab"), cell("x", "ab", "base"))
    assert found(*cells, linking="b") == {"base": "b", "x": "b"}


def test_who_has_to_stay_keeps_the_others() -> None:
    assert found(cell("base", ""), cell("x", "ab", "base")) == {"base": "", "x": ""}
