from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bakex.api.connect import Connected
from bakex.api.nodes import Nodes, described, restored
from bakex.config import Settings, load
from bakex.errors import CapabilityError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.model.nodestate import NodeState
from bakex.model.upkeep import HistoryRecord, UsageRecord
from bakex.nodes.address import parse_endpoint
from bakex.testing.buildkitd import FakeBuildkitd
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import EventRecorder, FakeEngine, fake_node
from tests.unit.api.conftest import docker

if TYPE_CHECKING:
    from pathlib import Path

NODE = NodeName("n")


def settings(home: Path) -> Settings:
    return load({"HOME": str(home)}, cwd=home)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def nodes(tmp_path: Path, clock: ManualClock) -> Nodes:
    return Nodes(settings(tmp_path), clock=clock, events=EventRecorder())


async def test_what_a_node_builds(tmp_path: Path, nodes: Nodes, clock: ManualClock) -> None:
    async with FakeBuildkitd(tmp_path / "b.sock"):
        (state,) = await nodes.states(f"unix://{tmp_path}/b.sock")
    assert (state.name, state.status, state.checked) == ("b", "ready", clock.now())
    assert [str(platform) for platform in state.native] == ["linux/amd64"]
    assert [str(platform) for platform in state.emulated] == ["linux/arm64"]
    assert state.version == "v0.0.0-fake"
    assert "attestations" in state.features
    # It keeps no history, and nobody knows its machine.
    assert (state.running, state.cache, state.free, state.skew_s) == (None, None, None, None)


async def test_one_that_does_not_answer_says_why(tmp_path: Path, nodes: Nodes) -> None:
    async with FakeBuildkitd(tmp_path / "b"):
        good, bad = await nodes.states(f"unix://{tmp_path}/b,unix://{tmp_path}/none")
    assert (good.status, bad.status) == ("ready", "unusable")
    assert "there is no such socket" in bad.error
    assert bad.hint


async def test_without_a_builder_nothing_is_started(nodes: Nodes) -> None:
    states = {state.name: state for state in await nodes.states()}
    assert states["private"].status == "asleep"
    assert states["private"].error == ""


async def test_a_look_is_kept_for_a_minute(
    tmp_path: Path, nodes: Nodes, clock: ManualClock
) -> None:
    address = f"unix://{tmp_path}/b"
    async with FakeBuildkitd(tmp_path / "b"):
        (first,) = await nodes.states(address)
    clock.advance(59)
    assert await nodes.states(address) == [first]
    (fresh,) = await nodes.states(address, fresh=True)
    assert fresh.status == "unusable"
    async with FakeBuildkitd(tmp_path / "b"):
        assert (await nodes.states(address)) == [fresh]
        clock.advance(60)
        (again,) = await nodes.states(address)
    assert (again.status, again.checked) == ("ready", clock.now())


async def test_what_was_kept_counts_for_the_very_same_node_only(
    tmp_path: Path, nodes: Nodes
) -> None:
    async with FakeBuildkitd(tmp_path / "b"):
        await nodes.states(f"unix://{tmp_path}/b")
    (other,) = await nodes.states(f"docker://{tmp_path}/b")
    assert other.status == "unusable"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"checked": 1, "error": null, "machine": null}'])
async def test_what_was_kept_and_is_malformed_does_not_count(
    tmp_path: Path, nodes: Nodes, text: str
) -> None:
    address = f"unix://{tmp_path}/b"
    async with FakeBuildkitd(tmp_path / "b"):
        await nodes.states(address)
        (file,) = (tmp_path / ".cache" / "bakex" / "nodes").iterdir()
        assert file.stat().st_mode & 0o777 == 0o600
        file.write_text(text)
        (state,) = await nodes.states(address)
    assert state.status == "ready"


async def test_nodes_are_shown_although_nothing_can_be_kept(tmp_path: Path, nodes: Nodes) -> None:
    (tmp_path / ".cache").write_text("")
    (state,) = await nodes.states(f"unix://{tmp_path}/none")
    assert state.status == "unusable"


async def test_a_node_that_says_nothing_is_given_up(tmp_path: Path, clock: ManualClock) -> None:
    over = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    found = Nodes(settings(tmp_path), clock=clock, events=EventRecorder(), patience_s=0.01)
    async with await asyncio.start_unix_server(serve, tmp_path / "b"):
        (state,) = await found.states(f"unix://{tmp_path}/b")
        over.set()
    assert state.error == f"unix://{tmp_path}/b: no answer within 0.01 seconds"


class Keeper:
    """What a node with a history and a cache keeps."""

    node = NODE

    async def history(self) -> list[HistoryRecord]:
        done = datetime(2026, 1, 1, tzinfo=UTC)
        return [
            HistoryRecord(node=NODE, ref="a", created=done, completed=done),
            HistoryRecord(node=NODE, ref="b", created=done),
        ]

    async def usage(self) -> list[UsageRecord]:
        return [UsageRecord(node=NODE, id="x", size=5), UsageRecord(node=NODE, id="y", size=7)]


class Silent(Keeper):
    """One that keeps neither."""

    async def history(self) -> list[HistoryRecord]:
        raise CapabilityError("no history")

    async def usage(self) -> list[UsageRecord]:
        raise TimeoutError


def blank(clock: ManualClock) -> NodeState:
    return NodeState(name="n", address="a", checked=clock.now())


async def test_how_busy_a_node_is(nodes: Nodes, clock: ManualClock) -> None:
    info = fake_node("n")
    for keeper, expected in ((Keeper(), (1, 12)), (Silent(), (None, None)), (None, (None, None))):
        one: Any = keeper
        connected = Connected(info=info, engine=FakeEngine(info), keeper=one)
        state = await nodes._described(blank(clock), connected)
        assert (state.running, state.cache) == expected


async def test_the_disk_of_the_private_engine_is_known(
    tmp_path: Path, nodes: Nodes, clock: ManualClock
) -> None:
    (tmp_path / ".cache" / "bakex").mkdir(parents=True)
    endpoint = Endpoint(name=NODE, address="unix:///p", wire=Wire.BUILDKIT, private=True)
    info = replace(fake_node("n"), endpoint=endpoint)
    state = await nodes._described(blank(clock), Connected(info=info, engine=FakeEngine(info)))
    assert state.free is not None
    assert state.free > 0


async def test_what_docker_tells_about_its_machine(
    tmp_path: Path, nodes: Nodes, clock: ManualClock
) -> None:
    endpoint = parse_endpoint(f"docker://{tmp_path}/d", origin="test")
    ahead = (clock.now() + timedelta(seconds=90)).isoformat()
    root, here = str(tmp_path), socket.gethostname()
    known = {"ServerVersion": "26.1", "DockerRootDir": root, "Name": here, "SystemTime": ahead}
    async with docker(tmp_path / "d", **known):
        facts = await nodes._facts(endpoint)
    assert (facts.version, facts.skew_s) == ("docker 26.1", 90)
    assert facts.free is not None
    async with docker(tmp_path / "d", DockerRootDir=root, Name="elsewhere", SystemTime="noon"):
        facts = await nodes._facts(endpoint)
    assert (facts.free, facts.skew_s) == (None, None)
    async with docker(tmp_path / "d", DockerRootDir=f"{root}/none", Name=here):
        assert (await nodes._facts(endpoint)).free is None


async def test_a_container_has_the_clock_of_its_docker(
    tmp_path: Path, nodes: Nodes, clock: ManualClock
) -> None:
    via = parse_endpoint(f"docker://{tmp_path}/d", origin="test")
    inside = Endpoint(name=NODE, address="docker-container://b", wire=Wire.BUILDKIT, via=via)
    async with docker(tmp_path / "d", SystemTime=clock.now().isoformat()):
        assert (await nodes._facts(inside)).skew_s == 0


async def test_a_state_survives_being_written(tmp_path: Path, nodes: Nodes) -> None:
    async with FakeBuildkitd(tmp_path / "b"):
        (state,) = await nodes.states(f"unix://{tmp_path}/b")
    (bad,) = await nodes.states(f"unix://{tmp_path}/none")
    for one in (state, bad):
        document = json.loads(json.dumps(described(one)))
        endpoint = parse_endpoint(one.address, origin="test", name=one.name)
        assert restored(document, endpoint) == one
