"""The block itself, in each form, and what is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bakex.bake.definition import load
from bakex.bake.extensions import strict
from bakex.bake.functions.function import Context
from bakex.bake.publishing import TABLE
from bakex.bake.schema import document
from bakex.errors import DefinitionError, EvaluationError
from bakex.model.bakefile import BakeFile, Syntax

if TYPE_CHECKING:
    from tests.unit.bake.conftest import Define

JSON = '{"target": {"a": {"publish": {"requires": ["t", "u"]}}}}'
YAML = "target:\n  a:\n    publish:\n      requires: [t, u]\n"
HCL = 'target "a" {\n  publish {\n    requires = ["t", "u"]\n  }\n}'


def requires(define: Define, text: str) -> object:
    return define(text).targets["a"].values.get("publish.requires")


@pytest.mark.parametrize("text", [HCL, JSON])
def test_forms(define: Define, text: str) -> None:
    assert requires(define, text) == ("t", "u")


def test_yaml() -> None:
    context = Context(now=lambda: datetime(2024, 1, 2, tzinfo=UTC), random_bytes=bytes, home="/h")
    file = BakeFile(name="x.yaml", content=YAML.encode(), syntax=Syntax.YAML)
    found = load([file], variables={}, environ={}, platform="linux/amd64", context=context)
    assert found.targets["a"].values == {"publish.requires": ("t", "u")}


def test_several_blocks_are_merged_in_order(define: Define) -> None:
    text = (
        'target "a" {\n publish { requires = ["t"] }\n publish {}\n publish { requires = ["u"] }\n}'
    )
    assert requires(define, text) == ("u",)


@pytest.mark.parametrize(
    ("block", "summary", "hint"),
    [
        ('publish "x" {}', "a publish block has no name", ""),
        ("publish { require = [] }", "unknown attribute 'require' in a publish block",
         "did you mean 'requires'?"),
        ("publish { rollback = 1 }", "unknown attribute 'rollback' in a publish block",
         f"the attributes are {', '.join(TABLE)}"),
        ("publish {\n inner {}\n}", "a publish block has no blocks inside", ""),
    ],
)  # fmt: skip
def test_a_block_that_would_be_overlooked_is_an_error(
    define: Define, block: str, summary: str, hint: str
) -> None:
    with pytest.raises(EvaluationError) as caught:
        define(f'target "a" {{\n{block}\n}}')
    assert (caught.value.summary, caught.value.hint) == (summary, hint)
    assert str(caught.value.span).startswith("0.hcl:")


def test_it_is_a_block_and_no_attribute(define: Define) -> None:
    found = define('target "a" {\n publish = { requires = ["t"] }\n requires = ["t"]\n}')
    assert found.targets["a"].values == {}
    assert [(w.summary, w.hint) for w in found.warnings] == [
        ("unknown target attribute 'publish' is ignored", "write it as a block, without ="),
        ("unknown target attribute 'requires' is ignored", ""),
    ]


def test_references_do_not_reach_into_it(define: Define) -> None:
    with pytest.raises(EvaluationError, match="no attribute 'publish'"):
        define(HCL + '\ntarget "b" { tags = target.a.publish.requires }')


def test_it_is_an_extension(define: Define) -> None:
    found = define(HCL)
    assert [(e.what, e.span.line if e.span else 0) for e in found.extensions] == [
        ("a publish block", 2)
    ]
    with pytest.raises(DefinitionError, match="a publish block is no part"):
        strict(found)


def test_the_schema_knows_the_block() -> None:
    definitions = document()["$defs"]
    assert isinstance(definitions, dict)
    assert list(definitions["publish"]["properties"]) == [*TABLE, "//"]
    assert definitions["target"]["properties"]["publish"]["x-bakex-extension"] is True
    assert "publish.requires" not in definitions["target"]["properties"]
