"""What nodes are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.api.desk import RunDesk
from bakex.api.outputs import Outputs
from bakex.model.digest import Digest
from bakex.model.node import NodeName, Speed
from bakex.model.outputs import Output
from bakex.model.plan import Cell, CellId, Plan
from bakex.model.platform import Platform
from bakex.model.reference import Reference
from bakex.model.result import PushImage
from bakex.model.target import Target

if TYPE_CHECKING:
    from pathlib import Path

ONE, TWO = Digest.of(b"1"), Digest.of(b"2")


def test_nodes_are_told_what_the_first_repository_has(tmp_path: Path) -> None:
    target = Target(
        name="app",
        tags=("h.test/app:1", "h.test/app:2", "h.test/app:3", "other.test/app:4"),
        output=(Output(type="registry"), Output(type="cacheonly")),
    )
    identity = CellId("app", Platform.parse("linux/amd64"))
    cell = Cell(id=identity, target=target, node=NodeName("n"), speed=Speed.NATIVE)
    desk = RunDesk(
        registry=None,  # type: ignore[arg-type]
        workspace=tmp_path,
        loader=None,
        image_stores={},
    )
    outputs = Outputs(Plan(cells=(cell,), requested=("app",)), desk)
    seen = {"h.test/app:1": TWO, "h.test/app:2": TWO, "h.test/app:3": None, "h.test/x:1": ONE}
    outputs.expect(
        {
            **{Reference.parse(name): digest for name, digest in seen.items()},
            Reference.parse("other.test/app:4"): ONE,
        }
    )
    (request,) = outputs.exports(cell)
    assert isinstance(request, PushImage)
    assert request.published == (TWO,)
