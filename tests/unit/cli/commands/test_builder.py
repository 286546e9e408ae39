"""`bakex builder`: that options arrive; tests of `bakex.cli.builders` look at the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bakex.cli.main import entry

if TYPE_CHECKING:
    import pytest

    from tests.unit.cli.conftest import FakeBackend


def test_the_life_of_a_builder(backend: FakeBackend, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*argv: str, code: int = 0) -> str:
        assert entry(["builder", *argv], backend=backend) == code
        out, err = capsys.readouterr()
        return out if code == 0 else err

    assert "none" in said("create", "farm", "unix:///none", code=4)
    assert said("create", "farm", "unix:///none", "--no-check", "--use").startswith("created farm")
    assert said("ls").splitlines()[1].startswith("farm *")
    assert json.loads(said("ls", "--format", "json"))["builders"][0]["inUse"] is True
    assert said("inspect").startswith("name:    farm\n")
    assert json.loads(said("inspect", "farm", "--format", "json"))["from"] == "user"
    assert said("use", "private") == "private is in use\n"
    assert said("use", "--none").startswith("no builder is in use")
    assert said("rm", "farm") == "removed farm\n"
    assert "there is no builder 'farm'" in said("rm", "farm", code=2)
