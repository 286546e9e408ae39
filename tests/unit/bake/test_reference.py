from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from bakex.bake.functions.standard import STANDARD_NAMES
from bakex.bake.hcl.parser import parse
from bakex.bake.hcl.source import Source
from bakex.bake.merge import ATTRIBUTES
from bakex.bake.reference import text

if TYPE_CHECKING:
    from bakex.model.attributes import Attr


@pytest.fixture(scope="module")
def page() -> str:
    return text()


def test_every_attribute_has_a_section(page: str) -> None:
    titles = re.findall(r"^### `(.+)`$", page, re.MULTILINE)
    assert set(ATTRIBUTES) <= set(titles)
    assert {"matrix", "inherits", "targets", "default", "condition", "params"} <= set(titles)


def test_every_function_has_a_row(page: str) -> None:
    names = re.findall(r"^\| `(\w+)\(", page, re.MULTILINE)
    assert sorted(names) == sorted(STANDARD_NAMES)
    assert f"There are {len(names)}." in page


def test_what_examples_give(page: str) -> None:
    assert '`upper("Hello")` → `"HELLO"`' in page
    assert '`cidrhost("10.0.0.0/8", 5)` → `"10.0.0.5"`' in page
    assert "`log(num: number, base: number)`" in page


def test_extensions_are_marked(page: str) -> None:
    # `include`, `platforms` of groups, and `platform` blocks are no attributes of targets.
    own = sum(attr.extension for attr in ATTRIBUTES.values())
    assert page.count("*Extension.*") == own + 3
    assert "*Extension.* Other bake files" in page


@pytest.mark.parametrize("attr", ATTRIBUTES.values(), ids=lambda attr: attr.name)
def test_every_attribute_has_a_sentence_and_an_example(attr: Attr) -> None:
    assert attr.doc.endswith(".")
    body, problems = parse(Source("x.hcl", attr.example + "\n"))
    assert not problems
    inside = {block.type: list(block.body.attributes) for block in body.blocks}
    assert (list(body.attributes), inside) == (
        ([], {attr.block: [attr.key]}) if attr.block else ([attr.name], {})
    )
