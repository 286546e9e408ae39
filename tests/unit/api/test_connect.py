from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bakex.api import connect as module
from bakex.api.connect import Connected, Connector, places
from bakex.config import Settings, load
from bakex.errors import DialError, EngineStartError, NodeError
from bakex.events import NodeChosen, WarningRaised
from bakex.nodes.address import parse_endpoint
from bakex.nodes.discovery import Candidate
from bakex.testing.buildkitd import FakeBuildkitd
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import EventRecorder, FakeEngine, fake_node
from bakex.testing.keychain import StaticKeychain
from tests.unit.api.conftest import docker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bakex.events import Event

USER = """\
builders:
  farm:
    nodes:
      one: {endpoint: 'unix://HOME/one'}
      two: {endpoint: 'unix://HOME/two', platforms: [ONLY], max-jobs: 3}
"""


def settings(home: Path, only: str = "linux/arm64", **environ: str) -> Settings:
    folder = home / ".config" / "bakex"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "builders.yaml").write_text(USER.replace("HOME", str(home)).replace("ONLY", only))
    return load({"HOME": str(home), **environ}, cwd=home)


def connector(found: Settings, events: EventRecorder) -> Connector:
    return Connector(settings=found, keychain=StaticKeychain(), clock=ManualClock(), events=events)


def warnings(events: EventRecorder) -> list[tuple[str, str]]:
    found = (e.diagnostic for e in events.events if isinstance(e, WarningRaised))
    return [(diagnostic.code, diagnostic.summary) for diagnostic in found]


async def test_the_nodes_of_a_builder_come_in_its_order(tmp_path: Path) -> None:
    events = EventRecorder()
    async with FakeBuildkitd(tmp_path / "one"), FakeBuildkitd(tmp_path / "two"):
        nodes = await connector(settings(tmp_path), events).connect("farm")
        assert [node.info.name for node in nodes] == ["one", "two"]
        assert [node.info.terms.max_jobs for node in nodes] == [0, 3]
        assert [str(p) for p in nodes[0].info.platforms] == ["linux/amd64", "linux/arm64"]
        assert [str(p) for p in nodes[1].info.platforms] == ["linux/arm64"]
        for node in nodes:
            await node.aclose()
    chosen = [e for e in events.events if isinstance(e, NodeChosen)]
    assert {(e.node, e.reason) for e in chosen} == {
        ("one", "builder farm"), ("two", "builder farm"),
    }  # fmt: skip
    assert warnings(events) == []


async def test_a_node_that_does_not_answer_is_left_out(tmp_path: Path) -> None:
    events = EventRecorder()
    async with FakeBuildkitd(tmp_path / "two"):
        (node,) = await connector(settings(tmp_path), events).connect("farm")
        assert node.info.name == "two"
        await node.aclose()
    ((code, summary),) = warnings(events)
    assert code == "BX3511"
    assert summary.startswith("the node one is left out: unix://")


async def test_one_node_at_least_must_answer(tmp_path: Path) -> None:
    events = EventRecorder()
    with pytest.raises(NodeError, match="none of the 2 nodes can be used") as caught:
        await connector(settings(tmp_path), events).connect("farm")
    lines = caught.value.detail.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["one", "two"]
    assert warnings(events) == []


async def test_of_a_single_node_its_own_error_is_shown(tmp_path: Path) -> None:
    with pytest.raises(DialError, match="there is no such socket"):
        await connector(settings(tmp_path), EventRecorder()).connect(f"unix://{tmp_path}/one")


async def test_a_node_that_builds_nothing_that_it_is_used_for(tmp_path: Path) -> None:
    events = EventRecorder()
    async with FakeBuildkitd(tmp_path / "one"), FakeBuildkitd(tmp_path / "two") as two:
        found = connector(settings(tmp_path, only="linux/s390x"), events)
        (node,) = await found.connect("farm")
        await node.aclose()
        assert await closed(two)
    ((_, summary),) = warnings(events)
    assert summary == (
        "the node two is left out: two builds none of the platforms that it is used for"
    )


async def closed(daemon: FakeBuildkitd) -> bool:
    """Wait until every connection to a daemon has ended."""
    assert daemon._transports
    async with asyncio.timeout(5):
        while not all(transport.is_closing() for transport in daemon._transports):  # noqa: ASYNC110 - the loop has to see the end itself
            await asyncio.sleep(0)
    return True


class Waiting(EventRecorder):
    """Tells when a node has been chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.chosen = asyncio.Event()

    def emit(self, event: Event) -> None:
        super().emit(event)
        if isinstance(event, NodeChosen):
            self.chosen.set()


@asynccontextmanager
async def mute(path: Path) -> AsyncIterator[asyncio.Event]:
    """Listen without ever saying anything; yields what tells that somebody has connected."""
    came, over = asyncio.Event(), asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await over.wait()
        writer.close()

    async with await asyncio.start_unix_server(serve, path):
        yield came
        over.set()


async def test_nothing_stays_connected_when_connecting_is_cancelled(tmp_path: Path) -> None:
    events = Waiting()
    async with FakeBuildkitd(tmp_path / "one") as one, mute(tmp_path / "two") as came:
        found = connector(settings(tmp_path), events)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(found.connect("farm"))
            await events.chosen.wait()
            await came.wait()
            task.cancel()
        assert task.cancelled()
        assert await closed(one)


async def test_nothing_stays_connected_when_something_unforeseen_happens(tmp_path: Path) -> None:
    class Broken(Waiting):
        def emit(self, event: Event) -> None:
            super().emit(event)
            if isinstance(event, NodeChosen) and event.node == "two":
                raise RuntimeError("no")

    async with FakeBuildkitd(tmp_path / "one") as one, FakeBuildkitd(tmp_path / "two") as two:
        with pytest.raises(RuntimeError, match="no"):
            await connector(settings(tmp_path), Broken()).connect("farm")
        assert await closed(one)
        assert await closed(two)


async def test_docker_tells_how_many_processors_a_node_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = connector(settings(tmp_path), EventRecorder())

    async def processors(address: str) -> int:
        info = replace(fake_node("n"), endpoint=parse_endpoint(address, origin="test"))
        connected = Connected(info=info, engine=FakeEngine(info))
        return (await found._counted(connected)).info.processors

    address = f"docker://{tmp_path}/d"
    for told, count in ((6, 6), (-1, 0), ("six", 0), (None, 0)):
        async with docker(tmp_path / "d", NCPU=told):
            assert await processors(address) == count
    assert await processors(f"docker://{tmp_path}/none") == 0
    assert await processors(f"unix://{tmp_path}/d") == 0
    monkeypatch.setattr(module, "_EXTRA_S", 0.01)
    async with mute(tmp_path / "slow"):
        assert await processors(f"docker://{tmp_path}/slow") == 0


async def test_only_nodes_among_others_are_asked_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def counted(_self: Connector, connected: Connected) -> Connected:
        asked.append(connected.info.name)
        return connected

    monkeypatch.setattr(Connector, "_counted", counted)
    found = connector(settings(tmp_path), EventRecorder())
    async with FakeBuildkitd(tmp_path / "one"), FakeBuildkitd(tmp_path / "two"):
        for builder in (f"unix://{tmp_path}/one", "farm"):
            for node in await found.connect(builder):
                await node.aclose()
    assert sorted(asked) == ["one", "two"]


async def test_the_builder_in_use_is_taken(tmp_path: Path) -> None:
    found = settings(tmp_path)
    found.state.mkdir(parents=True)
    (found.state / "builder.json").write_text('{"builder": "farm"}')
    assert [choice.name for choice in places(found, "").choices] == ["one", "two"]
    assert [choice.name for choice in places(found, "private").choices] == ["private"]
    host = settings(tmp_path, BUILDKIT_HOST="tcp://h:1")
    assert [choice.name for choice in places(host, "").choices] == ["buildkitd"]
    assert places(found, "").named


async def test_a_private_engine_of_a_builder_keeps_its_terms(tmp_path: Path) -> None:
    found = settings(tmp_path)
    (found.config / "builders.yaml").write_text(
        "builders: {own: {nodes: {mine: {endpoint: private, max-jobs: 2}}}}\n"
    )
    (choice,) = places(found, "own").choices
    assert choice.endpoint is None
    assert (choice.name, choice.terms.max_jobs) == ("mine", 2)


async def test_usual_places_are_passed_over_until_one_answers(tmp_path: Path) -> None:
    def at(name: str) -> Candidate:
        return Candidate(endpoint=parse_endpoint(f"unix://{tmp_path}/{name}", origin="usual"))

    events = EventRecorder()
    found, notes = connector(settings(tmp_path), events), list[str]()
    assert await found._try(at("missing"), notes) is None
    assert notes == []
    (tmp_path / "dead").touch()
    assert await found._try(at("dead"), notes) is None
    assert notes[0].startswith(f"unix://{tmp_path}/dead: ")
    async with FakeBuildkitd(tmp_path / "good"):
        node = await found._try(at("good"), notes)
        assert node is not None
        await node.aclose()
    (chosen,) = events.events
    assert isinstance(chosen, NodeChosen)
    assert (chosen.node, chosen.note) == ("good", notes[0])


async def test_a_private_engine_that_cannot_be_started(tmp_path: Path) -> None:
    found = connector(settings(tmp_path, PATH=str(tmp_path)), EventRecorder())
    with pytest.raises(EngineStartError):
        await found._try(Candidate(endpoint=None), [])
