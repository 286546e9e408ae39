"""Caches that one daemon has written and another one, with nothing in it, reads."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from bakex.events import StepChanged
from bakex.model.caches import CacheEntry
from bakex.model.platform import Platform

if TYPE_CHECKING:
    from bakex.model.node import Endpoint
    from tests.conftest import LoopbackRegistry
    from tests.engine.buildkit.conftest import Bench, MakeBench

PLATFORMS = ("linux/amd64", "linux/arm64", "linux/riscv64")
STEPS = ("COPY one", "COPY two")


def write(bench: Bench, token: bytes) -> None:
    """Write a context whose layers differ by platform, without running anything."""
    for number, name in enumerate(("one", "two")):
        (bench.cwd / name).write_bytes(token + bytes([number]))
    bench.write("FROM scratch\nARG TARGETARCH\nCOPY one /$TARGETARCH/\nCOPY two /$TARGETARCH/\n")


async def build_all(
    bench: Bench, cache_from: CacheEntry | None, cache_to: CacheEntry | None
) -> None:
    async with asyncio.TaskGroup() as group:
        for platform in PLATFORMS:
            group.create_task(
                bench.build(
                    platform=platform,
                    platforms=PLATFORMS,
                    cache_from=(cache_from,) if cache_from else (),
                    cache_to=(cache_to,) if cache_to else (),
                )
            )


def cached(bench: Bench) -> set[tuple[str, str]]:
    """Return platform and step of everything that came from a cache."""
    return {
        (str(event.cell.platform), step)
        for event in bench.events.events
        if isinstance(event, StepChanged) and event.cached
        for step in STEPS
        if step in event.name
    }


ALL = {(str(Platform.parse(platform)), step) for platform in PLATFORMS for step in STEPS}


@pytest.mark.parametrize("kind", ["registry", "local"])
async def test_a_fresh_node_has_every_step_of_every_platform_cached(
    make_bench: MakeBench, second_endpoint: Endpoint, registry: LoopbackRegistry, kind: str
) -> None:
    token = os.urandom(16)
    first, second = make_bench("first"), make_bench("second", at=second_endpoint)
    write(first, token)
    write(second, token)
    if kind == "registry":
        target = {"ref": f"{registry.host}/cache/app:{token.hex()}"}
        to = CacheEntry(type="registry", attrs={**target, "mode": "max"})
        source = CacheEntry(type="registry", attrs=target)
    else:
        to = CacheEntry(type="local", attrs={"dest": str(first.cwd / "../cache"), "mode": "max"})
        source = CacheEntry(type="local", attrs={"src": str(first.cwd / "../cache")})
    await build_all(first, None, to)
    assert cached(first) == set()
    await build_all(second, source, None)
    assert cached(second) == ALL
