from __future__ import annotations

from bakex.model.node import NodeName, Speed
from bakex.model.plan import Cell, CellId, Plan
from bakex.model.platform import Platform
from bakex.model.target import Target

AMD, ARM = Platform("linux", "amd64"), Platform("linux", "arm64")


def cell(target: str, platform: Platform) -> Cell:
    return Cell(
        id=CellId(target, platform),
        target=Target(name=target),
        node=NodeName("n"),
        speed=Speed.NATIVE,
    )


def test_names() -> None:
    assert str(CellId("app", ARM)) == "app@linux/arm64"
    assert cell("app", ARM).platform == ARM


def test_the_cells_of_a_target_keep_their_order() -> None:
    cells = (cell("b", ARM), cell("a", ARM), cell("a", AMD))
    plan = Plan(cells=cells, requested=("a",))
    assert plan.of("a") == cells[1:]
    assert plan.of("c") == ()
