"""The examples of docs/bake-language.md mean something, and every extension is on the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex.bake.resolve import resolve

if TYPE_CHECKING:
    from tests.unit.bake.conftest import Define

PAGE = (Path(__file__).parents[3] / "docs" / "bake-language.md").read_text()
BLOCKS = re.findall(r"```hcl\n(.*?)```", PAGE, re.DOTALL)
HEADINGS = re.findall(r"^### (.*)$", PAGE.partition("## Extensions")[2], re.MULTILINE)


@pytest.mark.parametrize("text", BLOCKS)
def test_examples_can_be_resolved(define: Define, text: str) -> None:
    found = define(text, others={"common/a.hcl": "x = 1", "../base.hcl": "y = 1"})
    assert found.targets or found.extensions
    for name in (*found.targets, *found.groups):
        resolve(found, [name])


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('target "t" {\n  platform "linux/arm64" {}\n}', "`platform` blocks"),
        ('target "t" {\n  publish {}\n}', "`publish` blocks"),
        ('target "t" { node = { zone = "a" } }', "`node`"),
        ('target "t" { timeout = "1m" }', "`timeout`"),
        ('target "t" { retries = 1 }', "`retries`"),
        ('target "t" { device = "rpi4" }', "`device`"),
        ('include = ["common/a.hcl"]', "`include`"),
        ('target "t" { tags = [self.name] }', "`self.name`"),
        ('group "g" {\n  targets = []\n  platforms = ["linux/arm64"]\n}', "Groups for some"),
    ],
)
def test_every_extension_has_a_section(define: Define, text: str, word: str) -> None:
    assert len(define(text, others={"common/a.hcl": "x = 1"}).extensions) == 1
    assert sum(word in heading for heading in HEADINGS) == 1
