"""A host application can evaluate texts that are in no file; the documentation shows how."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

PAGE = Path(__file__).parents[3] / "docs" / "bake-language.md"


def test_the_example_of_the_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    section = PAGE.read_text().partition("## As a library")[2]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    exec(compile(found[1], str(PAGE), "exec"), {})
    targets = json.loads(capsys.readouterr().out)["target"]
    assert targets["app"]["tags"] == ["app:v1", "app:2024"]
