from __future__ import annotations

from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.model.result import CellResult, StoreImage


def test_a_result_has_metadata_of_its_own() -> None:
    cell = CellId("app", Platform("linux", "amd64"))
    one, other = CellResult(cell=cell, exports=()), CellResult(cell=cell, exports=())
    assert one == other
    assert one.metadata is not other.metadata


def test_requests_of_equal_content_are_equal() -> None:
    assert StoreImage(names=("a",)) == StoreImage(names=("a",))
