from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bakex.cli.backend import Invocation
from bakex.cli.builders import created, inspected, listed, removed, used
from bakex.errors import ConfigError, NodeError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import FakeBackend


@pytest.fixture
def run(backend: FakeBackend) -> Invocation:
    return Invocation(backend)


def make(run: Invocation, name: str, *endpoints: str, use: bool = False) -> str:
    return created(run, name, endpoints, use=use, check_nodes=False)


def test_a_builder_is_made(run: Invocation) -> None:
    said = make(run, "farm", "tcp://big:1", "ssh://me@big", "tcp://10.0.0.1:1", "private", use=True)
    assert said == (
        "created farm with big, big-2, node-10.0.0.1, own\nit is used where no builder is named\n"
    )
    (first, *_) = listed(run, as_json=False).splitlines()[1:]
    assert first.split() == [
        *("farm", "*", "user", "4"),
        *("tcp://big:1,", "ssh://me@big,", "tcp://10.0.0.1:1,", "private"),
    ]


def test_nodes_are_asked_before_anything_is_written(run: Invocation, tmp_path: Path) -> None:
    with pytest.raises(NodeError, match=r"^none: .*there is no such socket") as caught:
        created(run, "farm", [f"unix://{tmp_path}/none"], use=True, check_nodes=True)
    assert caught.value.hint.startswith("start it, or add --no-check")
    assert not (tmp_path / ".config").exists()
    with pytest.raises(ConfigError, match="the endpoint: addresses that begin with http"):
        make(run, "farm", "http://h")


def test_the_name_is_checked_before_the_nodes(run: Invocation) -> None:
    make(run, "farm", "private")
    with pytest.raises(UsageError, match="there is a builder 'farm' already"):
        created(run, "farm", ["unix:///none"], use=False, check_nodes=True)


def test_the_private_engine_need_not_run(run: Invocation) -> None:
    assert created(run, "farm", ["private"], use=False, check_nodes=True).startswith("created")


def test_listing(run: Invocation) -> None:
    assert listed(run, as_json=False).endswith(
        "\n\nno builder is in use: a bake takes what is found in the usual places\n"
    )
    make(run, "farm", "tcp://h:1")
    document: dict[str, Any] = json.loads(listed(run, as_json=True))
    assert document["schemaVersion"] == 1
    assert document["builders"][0] == {
        "name": "farm",
        "from": "user",
        "file": str(run.backend.settings().config / "builders.yaml"),
        "inUse": False,
        "hidden": False,
        "problem": "",
        "nodes": [{"name": "h", "endpoint": "tcp://h:1"}],
    }
    assert document["builders"][1]["file"] is None


def test_what_goes_before_a_builder_in_use_is_said(
    run: Invocation, backend: FakeBackend, tmp_path: Path
) -> None:
    file = tmp_path / ".local" / "state" / "bakex" / "builder.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"builder": "gone"}')
    text = listed(run, as_json=False)
    assert "'gone' is in use but is no longer there\n  hint: choose another one" in text
    backend.environ["BUILDKIT_HOST"] = "tcp://h:1"
    assert listed(run, as_json=False).endswith("\n\nBUILDKIT_HOST says where a bake builds\n")


def test_what_is_hidden_or_broken_is_said(run: Invocation, tmp_path: Path) -> None:
    make(run, "farm", "tcp://h:1")
    (tmp_path / "bakex.yaml").write_text("builders: {farm: {nodes: {n: {endpoint: private}}}}\n")
    folder = tmp_path / ".docker" / "buildx" / "instances"
    folder.mkdir(parents=True)
    (folder / "odd").write_text("{")
    rows = [line.split(maxsplit=3) for line in listed(run, as_json=False).splitlines()]
    assert ["farm", "project", "(hidden)", "1      private"] in rows
    assert any(row[0] == "odd" and "is not valid JSON" in row[-1] for row in rows if row)


def test_a_builder_is_shown_with_its_nodes(run: Invocation) -> None:
    make(run, "farm", "private", use=True)
    lines = inspected(run, "", as_json=False).splitlines()
    assert lines[0] == "name:    farm"
    assert lines[1].startswith("from:    user, /")
    assert lines[2] == "in use:  yes"
    assert lines[5].split()[:2] == ["own", "asleep"]
    assert "in use:  no" in inspected(run, "private", as_json=False)
    document = json.loads(inspected(run, "farm", as_json=True))
    assert (document["name"], document["nodes"][0]["status"]) == ("farm", "asleep")
    with pytest.raises(UsageError, match="there is no builder 'fram'"):
        inspected(run, "fram", as_json=False)


def test_without_a_builder_the_usual_places_are_shown(run: Invocation) -> None:
    text = inspected(run, "", as_json=False)
    assert text.startswith("name:    none: what is found in the usual places\n\nNODE")
    document = json.loads(inspected(run, "", as_json=True))
    assert document["name"] == ""


def test_choosing(run: Invocation, backend: FakeBackend, tmp_path: Path) -> None:
    make(run, "farm", "private")
    assert used(run, "farm", none=False) == "farm is in use\n"
    assert used(run, "", none=True).startswith("no builder is in use")
    (tmp_path / "bakex.yaml").write_text("builders: {ci: {nodes: {n: {endpoint: private}}}}\n")
    assert used(run, "ci", none=False) == f"ci is in use in the project of {tmp_path}/bakex.yaml\n"
    backend.environ["BAKEX_BUILDER"] = "x"
    assert "note: BAKEX_BUILDER is set and goes before it" in used(run, "farm", none=False)
    for name, none in (("", False), ("farm", True)):
        with pytest.raises(UsageError, match="say which builder"):
            used(run, name, none=none)


def test_removing(run: Invocation) -> None:
    make(run, "farm", "private", use=True)
    make(run, "box", "private")
    assert removed(run, ["box", "farm", "box"]) == (
        "removed box\nremoved farm\n"
        "it was in use: a bake now takes what is found in the usual places\n"
    )
    with pytest.raises(UsageError, match="there is no builder 'box'"):
        removed(run, ["box"])
