"""Whole images: what is read of them, and what indexes say."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bakex.errors import ContentError
from bakex.model.platform import Platform
from bakex.model.verification import Wishes
from bakex.testing.binaries import Elf
from bakex.testing.clock import ManualClock
from bakex.testing.images import put_attested, put_index
from bakex.verification.image import listed, verify
from tests.unit.oci.packing import zstd

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.verification.conftest import Bench

PROGRAM = Elf(machine=62).build()


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstd.compress])
async def test_each_layer_is_read_once(bench: Bench, compress: Callable[[bytes], bytes]) -> None:
    root = await bench.image({"a": PROGRAM}, {"b": PROGRAM}, compress=compress, Cmd=["/a"])
    found = await bench.verify(root)
    assert (found.cost.files, found.cost.layers, found.cost.read) == (1, 2, 2)
    assert found.cost.bytes == sum(layer.size for layer in bench.layers)
    again = await bench.verify(root)
    assert (again.findings, again.cost.read, again.cost.bytes) == ((), 0, 0)
    assert [bench.store.reads[layer.digest] for layer in bench.layers] == [1, 1]


async def test_configs_for_another_platform(bench: Bench) -> None:
    root = await bench.image({"a": PROGRAM}, Cmd=["/a"])
    found = await bench.verify(root, platform="linux/arm64")
    assert [str(f) for f in found.errors] == [
        "config: expected linux/arm64, found linux/amd64",
        "/a: expected aarch64, found x86-64",
    ]
    unsaid = await bench.image({}, platform="linux/amd64")
    (finding,) = (await bench.verify(unsaid, platform="linux/amd64/v2")).warnings
    assert finding.found == "linux/amd64, without a variant"


async def test_platforms_that_nothing_is_known_about(bench: Bench) -> None:
    root = await bench.image({"a": PROGRAM}, platform="plan9/amd64", Cmd=["/a"])
    found = await bench.verify(root)
    assert found.note == "nothing is known about the platform plan9/amd64"
    assert (found.findings, found.cost.read) == ((), 0)
    variant = await bench.image({"a": PROGRAM}, platform="linux/arm64/v9", Cmd=["/a"])
    assert (await bench.verify(variant)).errors


async def test_layers_that_registries_do_not_have(bench: Bench) -> None:
    root = await bench.image({"a": PROGRAM}, {"b": PROGRAM}, Cmd=["/a"])
    ((manifest, _),) = await listed(bench.store, root)
    kind = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    first, second = manifest.layers
    foreign = replace(manifest, layers=(first, replace(second, media_type=kind)))
    found = await verify(
        bench.store,
        foreign,
        None,
        wishes=Wishes(),
        catalogue=bench.known,
        facts=bench.facts(),
        clock=ManualClock(),
    )
    assert (found.findings, found.cost.read) == ((), 1)


async def test_attestations_are_left_aside(bench: Bench) -> None:
    attested = await put_attested(bench.store, "linux/arm64")
    root = await put_index(bench.store, [attested])
    assert [platform for _, platform in await listed(bench.store, root)] == [
        Platform.parse("linux/arm64")
    ]
    for _ in range(3):
        root = await put_index(bench.store, [root])
    with pytest.raises(ContentError, match="nested"):
        await listed(bench.store, root)
