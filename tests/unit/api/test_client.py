"""A client and its nodes; what it does with them is tested where it is done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex.api.client import Client
from bakex.api.connect import Connected
from bakex.config import load
from bakex.errors import NoNodeError, UsageError
from bakex.events import PlanReady
from bakex.model.node import Feature, NodeInfo
from bakex.model.running import Emulation, RunPolicy
from bakex.registry.client import RegistryClient
from bakex.registry.credentials import DockerKeychain
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import EventRecorder, FakeEngine, fake_node

if TYPE_CHECKING:
    from bakex.model.plan import Plan
    from tests.unit.api.conftest import Shop

TEXT = """
target "m" {
  name      = "m${n}"
  matrix    = { n = ["1", "2", "3", "4"] }
  platforms = ["linux/amd64"]
  output    = ["type=cacheonly"]
}
target "far" {
  platforms = ["linux/arm64"]
  output    = ["type=cacheonly"]
}
target "nowhere" {
  platforms = ["linux/riscv64"]
  output    = ["type=cacheonly"]
}
target "loaded" {
  platforms = ["linux/amd64"]
  tags      = ["app"]
  output    = ["type=docker"]
}
"""


async def test_some_of_the_nodes() -> None:
    settings = load({"HOME": "/nowhere"}, cwd=Path("/nowhere"))
    clock = ManualClock()
    registry = RegistryClient(keychain=DockerKeychain(settings), settings=settings, clock=clock)
    nodes = [Connected(info=fake_node(name), engine=FakeEngine(fake_node(name))) for name in "abc"]
    client = Client(
        settings=settings,
        nodes=nodes,
        registry=registry,
        loader=None,
        events=EventRecorder(),
        clock=clock,
    )
    assert [node.name for node in client.over(["c", "a"]).nodes] == ["c", "a"]
    assert len(client.nodes) == 3
    with pytest.raises(UsageError, match="there is no node 'd'") as caught:
        client.over(["a", "d"])
    assert caught.value.hint == "the nodes are a, b, c"
    await registry.aclose()


def planned(shop: Shop) -> Plan:
    (event,) = shop.events.of(PlanReady)
    assert isinstance(event, PlanReady)
    return event.plan


async def test_a_bake_remembers_where_it_was_built(shop: Shop) -> None:
    shop.text = TEXT
    for engine in shop.engines:
        engine.info = fake_node(str(engine.info.name))
    await shop.bake("m")
    assert {cell.why for cell in planned(shop).cells} == {"free", "done first here"}
    await shop.bake("m")
    assert {cell.why for cell in planned(shop).cells} == {"built here before"}


async def test_a_bake_goes_by_what_is_said_of_emulation(shop: Shop) -> None:
    shop.text = TEXT
    one, two = shop.engines
    one.info = fake_node("one", emulated=["linux/arm64"])
    two.info = fake_node("two")
    await shop.bake("far")
    assert [cell.why for cell in planned(shop).cells] == ["no native node"]
    with pytest.raises(NoNodeError, match="natively"):
        await shop.bake("far", course={"running": RunPolicy(emulation=Emulation.NEVER)})
    assert shop.solved == []


async def test_a_native_node_goes_before_one_that_emulates_and_is_listed_first(shop: Shop) -> None:
    shop.text = TEXT
    one, two = shop.engines
    one.info = fake_node("one", emulated=["linux/arm64"])
    two.info = fake_node("two", native=["linux/arm64"])
    await shop.bake("far")
    assert (one.solved, len(two.solved)) == ([], 1)
    with pytest.raises(NoNodeError, match="no node can build linux/riscv64") as caught:
        await shop.bake("far", "nowhere")
    assert shop.solved == []
    assert caught.value.detail.splitlines() == [
        "one: linux/amd64, linux/arm64", "two: linux/arm64",
    ]  # fmt: skip


async def test_a_plan_goes_by_it_too_and_binds_what_stays_with_its_node(shop: Shop) -> None:
    shop.text = TEXT

    def connected(info: NodeInfo) -> Connected:
        return Connected(info=info, engine=FakeEngine(info))

    def client(*nodes: NodeInfo) -> Client:
        return Client(
            settings=shop.settings,
            nodes=list(map(connected, nodes)),
            registry=shop.client,
            loader=None,
            events=EventRecorder(),
            clock=shop.clock,
        )

    docker = fake_node("docker", emulated=["linux/arm64"])
    plain = replace(fake_node("plain"), features=frozenset(Feature) - {Feature.IMAGE_LOAD})
    (loaded,) = client(docker, plain).plan(shop.define("loaded")).cells
    assert (loaded.node, loaded.alternatives) == ("docker", ())
    (built, *_) = client(docker, plain).plan(shop.define("m")).cells
    assert [name for name, _ in built.alternatives] == ["plain"]
    with pytest.raises(NoNodeError, match="natively"):
        client(docker, plain).plan(shop.define("far"), emulation=Emulation.NEVER)
