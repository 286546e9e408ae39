from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bakex.cli.backend import Invocation
from bakex.cli.builders import created
from bakex.cli.declaring import Properties
from bakex.cli.noding import added, clock, inspected, listed, overview, probed, removed
from bakex.errors import ConfigError, NodeError, UsageError
from bakex.model.node import Speed
from bakex.model.nodestate import NodeState
from bakex.model.platform import Platform
from bakex.testing.clock import ManualClock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import FakeBackend

AMD64 = Platform.parse("linux/amd64")
STATE = NodeState(
    name="big",
    address="unix:///b.sock",
    checked=ManualClock().now(),
    platforms={
        AMD64: Speed.NATIVE,
        Platform.parse("linux/386"): Speed.NATIVE,
        Platform.parse("linux/arm/v7"): Speed.EMULATED,
        Platform.parse("windows/amd64"): Speed.EMULATED,
    },
    machine=AMD64,
    version="v1",
    running=2,
    cache=1_500_000,
    free=2_000_000_000,
    skew_s=-3.0,
)


@pytest.fixture
def run(backend: FakeBackend) -> Invocation:
    found = Invocation(backend)
    created(found, "farm", ["private"], use=True, check_nodes=False)
    return found


def test_a_node_in_a_table() -> None:
    head, row = overview([STATE], STATE.checked).splitlines()
    assert head.split() == [
        *("NODE", "STATUS", "NATIVE", "COMPATIBLE", "EMULATED"),
        *("VERSION", "RUNNING", "CACHE", "FREE", "CLOCK"),
    ]
    assert row.split() == [
        *("big", "ready", "amd64", "386", "arm/v7", "windows/amd64"),
        *("v1", "2", "1.50MB", "2.00GB", "-3.0s"),
    ]


def test_what_is_not_known_and_what_is_wrong() -> None:
    bad = NodeState(name="pi", address="a", checked=STATE.checked, error="no\x1b[2J", hint="mend")
    text = overview([replace(STATE, skew_s=0.1), bad, replace(bad, hint="")])
    _, first, second, third, *rest = text.splitlines()
    assert first.split()[-1] == "ok"
    assert second.split() == ["pi", "unusable", *"--------"]
    assert second == third
    assert rest == ["", "pi: no", "  hint: mend", "", "pi: no"]
    assert overview([]) == "there are no nodes\n"


def test_the_age_of_what_is_shown_is_told() -> None:
    old = replace(STATE, checked=STATE.checked - timedelta(seconds=12))
    told = overview([STATE, old], STATE.checked)
    assert told.endswith("\nas of 12.0s ago; bakex node probe asks anew\n")
    assert "ago" not in overview([STATE, old])


def test_listing(run: Invocation) -> None:
    assert listed(run, "", as_json=False).splitlines()[1].split()[:2] == ["own", "asleep"]
    document = json.loads(listed(run, "farm", as_json=True))
    assert document["schemaVersion"] == 1
    assert [node["name"] for node in document["nodes"]] == ["own"]


def test_probing_tells_whether_all_can_be_used(run: Invocation, tmp_path: Path) -> None:
    text, code = probed(run, "", as_json=False)
    assert (text.splitlines()[1].split()[0], code) == ("own", 0)
    text, code = probed(run, f"private,unix://{tmp_path}/none", as_json=True)
    assert code == 4
    assert [node["status"] for node in json.loads(text)["nodes"]] == ["asleep", "unusable"]


def test_a_builder_of_the_environment(run: Invocation, backend: FakeBackend) -> None:
    backend.environ["BAKEX_BUILDER"] = "unix:///none"
    assert listed(run, "", as_json=False).splitlines()[1].split()[0] == "none"


def test_all_about_a_node(run: Invocation, tmp_path: Path) -> None:
    about = Properties(
        builder="farm", endpoint=f"unix://{tmp_path}/none", name="far", label=["disk=ssd"],
        platform=["linux/arm64"], max_jobs=2, weight=3, check=False,
    )  # fmt: skip
    assert added(run, about) == "added far to farm\n"
    text = inspected(run, "farm", "far", as_json=False)
    found = dict(line.split(":", 1) for line in text.splitlines())
    assert found["labels"].strip() == "disk=ssd"
    assert found["used for"].strip() == "linux/arm64"
    assert (found["max jobs"].strip(), found["weight"].strip()) == ("2", "3")
    assert "there is no such socket" in found["error"]
    assert found["hint"].strip()
    document = json.loads(inspected(run, "farm", "far", as_json=True))
    assert document["only"] == ["linux/arm64"]
    assert document["labels"] == {"disk": "ssd"}
    own = inspected(run, "farm", "own", as_json=False)
    assert "status:       asleep\n" in own
    assert "hint:" not in own
    with pytest.raises(UsageError, match="has no node 'x'") as caught:
        inspected(run, "farm", "x", as_json=False)
    assert caught.value.hint == "it has own, far"


@pytest.mark.parametrize(
    ("skew", "words"), [(0.2, "in step"), (61, "1m01s ahead"), (-2, "2.0s behind")]
)
def test_clocks_in_words(skew: float, words: str) -> None:
    assert clock(skew, short=False) == words


def test_adding_and_removing(run: Invocation, tmp_path: Path) -> None:
    def properties(endpoint: str, *, check: bool = False) -> Properties:
        return Properties(builder="farm", endpoint=endpoint, check=check)

    assert added(run, properties("ssh://me@pi")) == "added pi to farm\n"
    assert added(run, properties("tcp://7.7.7.7:1")) == "added node-7.7.7.7 to farm\n"
    assert added(run, properties("default")) == "added default to farm\n"
    with pytest.raises(UsageError, match="has a node 'pi' already"):
        added(run, properties("ssh://me@pi"))
    with pytest.raises(ConfigError):
        added(run, properties("nowhere"))
    with pytest.raises(NodeError, match="no such socket"):
        added(run, properties(f"unix://{tmp_path}/none", check=True))
    assert removed(run, "farm", ["pi", "own", "pi"]) == "removed pi, own from farm\n"
    with pytest.raises(UsageError, match="has no node 'pi'"):
        removed(run, "farm", ["pi"])
