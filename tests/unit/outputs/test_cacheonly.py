"""Build, and hand nothing over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.model.outputs import Output

if TYPE_CHECKING:
    from tests.unit.outputs.conftest import Bench


async def test_nothing_is_asked_for_and_nothing_is_made(bench: Bench) -> None:
    target, output = bench.target(), Output(type="cacheonly")
    assert bench.requests(target, output) == [None]
    finished = await bench.finish(target, output)
    assert finished.root is None
    assert finished.moves == ()
    assert await finished.publish() == ()
