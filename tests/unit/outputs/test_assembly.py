"""From the cells' roots to the root of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.errors import InternalError
from bakex.model.platform import Platform
from bakex.oci.memory import MemoryStore
from bakex.outputs.assembly import assembled, image_of, published
from bakex.testing.images import put_image

if TYPE_CHECKING:
    from tests.unit.outputs.conftest import Bench

BOTH = ("linux/arm64", "linux/amd64")


async def test_the_order_is_that_of_the_cells(bench: Bench) -> None:
    store = MemoryStore()
    target = bench.target(platforms=BOTH)
    cells = [(cell, await put_image(store, str(cell.platform))) for cell in bench.cells(target)]
    found = await assembled(target, cells, store)
    assert list(map(str, found.images)) == list(BOTH)


def test_a_cell_without_an_image_is_a_bug(bench: Bench) -> None:
    [cell] = bench.cells(bench.target())
    with pytest.raises(InternalError, match="app@linux/amd64"):
        image_of(cell, None)


async def test_a_publication_names_platforms_as_people_do(bench: Bench) -> None:
    image = await put_image(MemoryStore())
    images = {Platform.parse("linux/arm/v7"): image}
    place = published(bench.target(), "oci", "x", image, images)
    assert place.platforms == {"linux/arm/v7": image}
    assert (place.target, place.unchanged) == ("app", False)
