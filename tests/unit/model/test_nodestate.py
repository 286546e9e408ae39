from __future__ import annotations

from datetime import UTC, datetime

from bakex.model.node import Speed
from bakex.model.nodestate import NodeState
from bakex.model.platform import Platform

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLATFORMS = {
    Platform.parse("linux/amd64"): Speed.NATIVE,
    Platform.parse("linux/386"): Speed.NATIVE,
    Platform.parse("linux/amd64/v2"): Speed.NATIVE,
    Platform.parse("linux/arm64"): Speed.EMULATED,
}


def texts(platforms: tuple[Platform, ...]) -> list[str]:
    return [str(platform) for platform in platforms]


def test_how_platforms_run() -> None:
    machine = Platform.parse("linux/amd64")
    state = NodeState(name="n", address="a", checked=NOW, platforms=PLATFORMS, machine=machine)
    assert texts(state.native) == ["linux/amd64", "linux/amd64/v2"]
    assert texts(state.compatible) == ["linux/386"]
    assert texts(state.emulated) == ["linux/arm64"]


def test_of_an_unknown_machine_nothing_is_merely_compatible() -> None:
    state = NodeState(name="n", address="a", checked=NOW, platforms=PLATFORMS)
    assert texts(state.native) == ["linux/amd64", "linux/386", "linux/amd64/v2"]
    assert state.compatible == ()


def test_status() -> None:
    assert NodeState(name="n", address="a", checked=NOW).status == "ready"
    assert NodeState(name="n", address="a", checked=NOW, asleep=True).status == "asleep"
    assert NodeState(name="n", address="a", checked=NOW, error="no").status == "unusable"
