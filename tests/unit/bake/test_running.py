"""Attributes that say where and how a target is built: node, timeout and retries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bakex.bake import show
from bakex.bake.definition import load
from bakex.bake.extensions import strict, strict_targets
from bakex.bake.functions.function import Context
from bakex.bake.resolve import resolve
from bakex.bake.schema import document
from bakex.errors import DefinitionError, OverrideError, UsageError
from bakex.model.bakefile import BakeFile, Syntax

if TYPE_CHECKING:
    from bakex.bake.definition import Definition
    from bakex.model.target import Target
    from tests.unit.bake.conftest import Define

HCL = 'target "a" {\n  node = { zone = "a" }\n  timeout = "30m"\n  retries = 2\n}'
JSON = '{"target": {"a": {"node": {"zone": "a"}, "timeout": "30m", "retries": 2}}}'
YAML = "target:\n  a:\n    node: {zone: a}\n    timeout: 30m\n    retries: 2\n"


def said(target: Target) -> tuple[object, ...]:
    return target.node, target.timeout, target.retries


def built(definition: Definition, *overrides: str, name: str = "a") -> tuple[object, ...]:
    return said(resolve(definition, [name], overrides).targets[name])


@pytest.mark.parametrize("text", [HCL, JSON])
def test_forms(define: Define, text: str) -> None:
    assert built(define(text)) == ({"zone": "a"}, "30m", "2")


def test_yaml() -> None:
    context = Context(now=lambda: datetime(2024, 1, 2, tzinfo=UTC), random_bytes=bytes, home="/h")
    file = BakeFile(name="x.yaml", content=YAML.encode(), syntax=Syntax.YAML)
    found = load([file], variables={}, environ={}, platform="linux/amd64", context=context)
    assert built(found) == ({"zone": "a"}, "30m", "2")


def test_children_add_labels_and_take_the_rest(define: Define) -> None:
    child = 'target "b" {\n inherits = ["a"]\n node = { disk = "ssd" }\n retries = 0\n}'
    assert built(define(f"{HCL}\n{child}"), name="b") == (
        {"zone": "a", "disk": "ssd"},
        "30m",
        "0",
    )
    free = 'target "b" {\n inherits = ["a"]\n node = { zone = "" }\n timeout = "0s"\n}'
    assert built(define(f"{HCL}\n{free}"), name="b") == ({}, "0s", "2")


def test_on_one_platform(define: Define) -> None:
    text = (
        'target "a" {\n platforms = ["linux/amd64", "linux/arm64"]\n retries = 1\n'
        ' platform "linux/arm64" {\n  node = { zone = "b" }\n  timeout = "2h"\n }\n}'
    )
    target = resolve(define(text), ["a"]).targets["a"]
    forms = {str(platform): said(target.for_platform(platform)) for platform in target.variants}
    assert forms == {"linux/arm64": ({"zone": "b"}, "2h", "1")}
    assert said(target) == ({}, None, "1")


def test_the_command_line_wins(define: Define) -> None:
    found = define(HCL)
    overrides = ("a.node.zone=b", "a.node.disk=ssd", "a.timeout=1h", "a.retries=0")
    assert built(found, *overrides) == ({"zone": "b", "disk": "ssd"}, "1h", "0")
    with pytest.raises(OverrideError, match=r"invalid override 'a\.node'"):
        built(found, "a.node=x")


@pytest.mark.parametrize(
    ("line", "summary"),
    [
        ('timeout = "soon"', "target 'a': invalid timeout 'soon'"),
        ("timeout = 30", "target 'a': invalid timeout '30'"),
        ('timeout = "-1s"', "target 'a': invalid timeout '-1s'"),
        ("retries = 101", "target 'a': invalid retries '101'"),
        ("retries = -1", "target 'a': invalid retries '-1'"),
        ("retries = 1.5", "target 'a': invalid retries '1.5'"),
        ('retries = "a lot"', "target 'a': invalid retries 'a lot'"),
    ],
)
def test_values_that_they_cannot_have(define: Define, line: str, summary: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        built(define(f'target "a" {{\n{line}\n}}'))
    assert caught.value.summary == summary
    assert str(caught.value.span).startswith("0.hcl:2:")


def test_printed_they_mean_the_same(define: Define) -> None:
    found = resolve(define(HCL), ["a"])
    text = show.text(found)
    assert '"node": {\n        "zone": "a"\n      },\n      "timeout": "30m"' in text
    assert show.text(resolve(define(text), ["a"])) == text


def test_each_is_an_extension(define: Define) -> None:
    found = define(HCL)
    assert [(e.what, e.span.line if e.span else 0) for e in found.extensions] == [
        ("the attribute 'node'", 2),
        ("the attribute 'timeout'", 3),
        ("the attribute 'retries'", 4),
    ]
    with pytest.raises(DefinitionError, match="the attribute 'node' is no part"):
        strict(found)
    targets = resolve(define('target "a" {}'), ["a"], ["a.timeout=1m"]).targets
    with pytest.raises(UsageError, match=r"--set a\.timeout is no part"):
        strict_targets(targets.values())


def test_in_a_platform_block_the_block_is_the_extension(define: Define) -> None:
    text = (
        'target "a" {\n platforms = ["linux/arm64"]\n platform "linux/arm64" { timeout = "2h" }\n}'
    )
    assert [extension.what for extension in define(text).extensions] == ["a platform block"]


def test_the_schema_marks_them() -> None:
    definitions = document()["$defs"]
    assert isinstance(definitions, dict)
    for name in ("node", "timeout", "retries"):
        assert definitions[f"attribute-{name}"]["x-bakex-extension"] is True
        assert name in definitions["target"]["properties"]
        assert name in definitions["platform"]["properties"]


def test_references_name_them_or_do_without(define: Define) -> None:
    others = 'target "b" {\n timeout = target.a.timeout\n args = { A = jsonencode(target.a) }\n}'
    target = resolve(define(f"{HCL}\n{others}"), ["b"]).targets["b"]
    assert target.timeout == "30m"
    assert '"tags"' in target.args["A"]
    assert "timeout" not in target.args["A"]
