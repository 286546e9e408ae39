"""`bakex node`: that options arrive; tests of `bakex.cli.noding` look at the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bakex.cli.main import entry

if TYPE_CHECKING:
    import pytest

    from tests.unit.cli.conftest import FakeBackend

OPTIONS = (
    *("--name", "two", "--platform", "linux/arm64", "--label", "a=b", "--max-jobs", "2"),
    *("--weight", "3", "--server-name", "s", "--ca", "ca.pem", "--cert", "c", "--key", "k"),
)


def test_the_life_of_a_node(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*argv: str, code: int = 0) -> str:
        assert entry(list(argv), backend=backend) == code
        out, err = capsys.readouterr()
        return out or err

    said("builder", "create", "farm", "private", "--use")
    assert "tcp://h:1" in said("node", "add", "farm", "tcp://h:1", "--option", "a=b", code=2)
    assert said("node", "add", "farm", "unix:///none", code=4)
    assert (
        said("node", "add", "farm", "tcp://127.0.0.1:1", *OPTIONS, "--no-check")
        == "added two to farm\n"
    )
    nodes = json.loads(said("node", "ls", "--format", "json"))["nodes"]
    assert [node["name"] for node in nodes] == ["own", "two"]
    assert [node["maxJobs"] for node in nodes] == [0, 2]
    assert said("node", "ls", "farm").startswith("NODE")
    assert said("node", "probe", code=4).startswith("NODE")
    assert said("node", "probe", "farm", "--format", "json", code=4).startswith("{")
    assert said("node", "inspect", "farm", "two").startswith("name:         two\n")
    assert json.loads(said("node", "inspect", "farm", "two", "--format", "json"))["weight"] == 3
    assert said("node", "rm", "farm", "two") == "removed two from farm\n"
    assert "would have no node left" in said("node", "rm", "farm", "own", code=2)
