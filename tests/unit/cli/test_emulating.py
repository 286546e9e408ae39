from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from bakex.api.emulators import Emulators, Pending
from bakex.api.machine import Interpreter, Platforms
from bakex.api.nodes import Nodes
from bakex.api.trials import Trial, Trials
from bakex.cli.main import entry
from bakex.model.node import NodeName, Speed
from bakex.model.nodestate import NodeState
from bakex.model.platform import Platform
from bakex.platforms.binfmt import Handler
from bakex.platforms.handlers import Change, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.unit.cli.conftest import FakeBackend

OFF = Change(kind=Kind.DISABLE, name="old", program="qemu-s390x")
ARM64 = Platform.parse("linux/arm64")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    log: list[str] = []

    async def planned(*_: object) -> Pending:
        return Pending(place="this machine", boot="b", changes=[OFF] if not log else [])

    async def work(_: object, pending: Pending, *__: object) -> None:
        log.append(pending.boot)

    monkeypatch.setattr(Emulators, "planned", planned)
    monkeypatch.setattr(Emulators, "undoing", planned)
    monkeypatch.setattr(Emulators, "install", work)
    monkeypatch.setattr(Emulators, "uninstall", work)
    return log


@pytest.mark.parametrize(
    ("command", "change", "end", "again"),
    [
        ("install", "disable the handler old", "this machine runs linux/s390x now",
         "this machine runs linux/s390x already"),
        ("uninstall", "enable the handler old", "this machine is as it was",
         "bakex has installed nothing of that on this machine since it was started"),
    ],
)  # fmt: skip
def test_there_and_back(
    backend: FakeBackend,
    capsys: pytest.CaptureFixture[str],
    done: list[str],
    command: str,
    change: str,
    end: str,
    again: str,
) -> None:
    assert entry(["platform", command, "s390x"], backend=backend) == 2
    captured = capsys.readouterr()
    assert captured.out == f"on this machine:\n  {change}\n"
    assert "add --yes if you mean it" in captured.err
    assert done == []
    assert entry(["platform", command, "s390x", "--yes"], backend=backend) == 0
    assert capsys.readouterr().out.splitlines()[-1] == end
    assert done == ["b"]
    assert entry(["platform", command, "s390x", "--yes"], backend=backend) == 0
    assert capsys.readouterr().out == f"{again}\n"


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_the_answer_is_no(
    backend: FakeBackend,
    capsys: pytest.CaptureFixture[str],
    done: list[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    monkeypatch.setattr("bakex.cli.keeping.confirm", lambda *_, **__: False)
    assert entry(["platform", command, "s390x"], backend=backend) == 0
    assert capsys.readouterr().out.endswith("nothing was changed\n")
    assert done == []


def test_an_image_is_for_nodes(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry(["platform", "install", "arm64", "--image", "x"], backend=backend) == 2
    assert "--image is for nodes" in capsys.readouterr().err


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    seen: list[Any] = []

    async def run(_: object, platforms: Sequence[Platform], **where: str) -> list[Trial]:
        seen.append((list(platforms), where))
        node = NodeName("n")
        good = Trial(
            node=node, platform=ARM64, speed=Speed.EMULATED, start_s=0.2, work_s=1.0, factor=5.0
        )
        bad = Trial(
            node=node,
            platform=Platform.parse("linux/s390x"),
            speed=None,
            error="it failed",
            hint="do something",
        )
        return [good, bad] if len(platforms) != 1 else [good]

    monkeypatch.setattr(Trials, "run", run)
    return seen


def test_a_trial(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str], trials: list[Any]
) -> None:
    assert entry(["platform", "test", "aarch64", "--node", "n"], backend=backend) == 0
    assert trials == [([ARM64], {"builder": "", "node": "n"})]
    assert capsys.readouterr().out.splitlines()[1].split() == [
        *("n", "linux/arm64", "emulated", "runs", "0.20", "s", "1.00", "s", "5.0")
    ]


def test_a_trial_that_fails(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str], trials: list[Any]
) -> None:
    assert entry(["platform", "test"], backend=backend) == 1
    assert trials[0][0] == []
    assert capsys.readouterr().out.splitlines()[2:] == [
        "n     linux/s390x  missing   fails   -       -       -",
        "n: linux/s390x: it failed",
        "  hint: do something",
    ]
    assert entry(["platform", "test", "--format", "json"], backend=backend) == 1
    good, bad = json.loads(capsys.readouterr().out)["trials"]
    assert (good["runs"], good["factor"]) == (True, 5.0)
    assert (bad["runs"], bad["how"], bad["error"], bad["work"]) == (
        False,
        "missing",
        "it failed",
        None,
    )


def test_by_which_interpreter_a_node_runs_it(
    backend: FakeBackend,
    capsys: pytest.CaptureFixture[str],
    node: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    emulation = backend.platforms(backend.settings()).catalogue.profiles[ARM64].emulation
    assert emulation is not None
    handler = Handler(
        name="qemu-aarch64",
        enabled=True,
        interpreter="/usr/bin/qemu-aarch64",
        flags="F",
        offset=0,
        magic=emulation.magic,
        mask=emulation.mask,
    )

    async def handlers_of(*_: object) -> list[Interpreter]:
        return [Interpreter(handler=handler, version="")]

    monkeypatch.setattr(Platforms, "handlers_of", handlers_of)
    node["platforms"][Platform.parse("linux/s390x")] = Speed.EMULATED
    assert entry(["platform", "ls", "--node", "n"], backend=backend) == 0
    rows = {line.split()[0]: line.split()[1:5] for line in capsys.readouterr().out.splitlines()}
    assert rows["PLATFORM"] == ["THERE", "INTERPRETER", "VERSION", "FLAGS"]
    assert rows["linux/arm64"] == ["emulated", "/usr/bin/qemu-aarch64", "unknown", "F"]
    assert rows["linux/s390x"] == ["emulated", "unknown", "unknown", "unknown"]
    assert rows["linux/amd64/v2"][1:] == ["-", "-", "-"]
    assert entry(["platform", "ls", "--node", "n", "--format", "json"], backend=backend) == 0
    found = {p["platform"]: p for p in json.loads(capsys.readouterr().out)["platforms"]}
    assert found["linux/arm64"]["handler"] == {
        "name": "qemu-aarch64",
        "interpreter": "/usr/bin/qemu-aarch64",
        "version": None,
        "flags": "F",
    }


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "platforms": {
            Platform.parse("linux/amd64/v2"): Speed.NATIVE,
            ARM64: Speed.EMULATED,
        },
        "machine": Platform.parse("linux/amd64"),
    }

    async def states(*_: object, **__: object) -> list[NodeState]:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        return [NodeState(name="n", address="unix:///s", checked=now, **fields)]

    monkeypatch.setattr(Nodes, "states", states)
    return fields


def test_what_a_node_runs(
    backend: FakeBackend, capsys: pytest.CaptureFixture[str], node: dict[str, Any]
) -> None:
    assert entry(["platform", "ls", "--node", "n"], backend=backend) == 0
    rows = {line.split()[0]: line.split()[1] for line in capsys.readouterr().out.splitlines()}
    assert rows["PLATFORM"] == "THERE"
    assert rows["linux/amd64/v2"] == "native"
    assert rows["linux/386"] == "compatible"
    assert rows["linux/arm/v7"] == rows["linux/arm64"] == "emulated"
    assert rows["linux/amd64/v3"] == rows["linux/s390x"] == "missing"
    assert entry(["platform", "ls", "--node", "n", "--format", "json"], backend=backend) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["node"] == "n"
    unknown = {"platform": "linux/arm64", "there": "emulated", "handler": None}
    assert unknown in document["platforms"]  # nothing is known of a docker daemon there
    assert entry(["platform", "ls", "--node", "m"], backend=backend) == 2
    node["error"] = "it is away"
    assert entry(["platform", "ls", "--node", "n"], backend=backend) == 4
    assert "it is away" in capsys.readouterr().err
