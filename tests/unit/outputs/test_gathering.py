"""Images that come into the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.errors import ContentError, UnsupportedOutputError
from bakex.model.outputs import Output
from bakex.outputs.gathering import gather, save_request

if TYPE_CHECKING:
    from tests.unit.outputs.conftest import Bench

OCI = Output(type="oci", dest="-")
BOTH = ("linux/arm64", "linux/amd64")


async def gathered(bench: Bench, **fields: object) -> tuple[list[str], list[dict[str, str]]]:
    target = bench.target(platforms=BOTH, **fields)
    request = save_request(target, OCI, bench.desk)
    cells = [(cell, await bench.hand_over(cell, request)) for cell in bench.cells(target)]
    found = await gather(target, OCI, cells, bench.desk)
    assert await found.layout.exists(found.root)
    assert list(map(str, found.platforms)) == list(BOTH)
    assert {entry.digest for entry, _ in found.entries} == {found.root.digest}
    names = [name for _, name in found.entries]
    return names, [dict(entry.annotations) for entry, _ in found.entries]


async def test_every_name_is_an_entry(bench: Bench) -> None:
    names, _ = await gathered(bench, tags=("app:1", "app:2"))
    assert names == ["docker.io/library/app:1", "docker.io/library/app:2"]


async def test_without_names_there_is_one_entry(bench: Bench) -> None:
    assert await gathered(bench, annotations=("index-descriptor:a=b",)) == ([""], [{"a": "b"}])


def test_senseless_requests_are_refused(bench: Bench) -> None:
    with pytest.raises(UnsupportedOutputError):
        save_request(bench.target(tags=("UPPER",)), OCI, bench.desk)
    bad = Output(type="oci", dest="-", attrs={"compression": "lzma"})
    with pytest.raises(UnsupportedOutputError):
        save_request(bench.target(), bad, bench.desk)


async def test_a_layer_that_never_came_is_found(bench: Bench) -> None:
    target = bench.target(platforms=BOTH)
    request = save_request(target, OCI, bench.desk)
    cells = [(cell, await bench.hand_over(cell, request)) for cell in bench.cells(target)]
    blobs = request.layout / "blobs" / "sha256"
    max(blobs.iterdir(), key=lambda path: path.stat().st_size).unlink()
    with pytest.raises(ContentError):
        await gather(target, OCI, cells, bench.desk)
