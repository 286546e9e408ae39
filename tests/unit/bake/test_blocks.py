from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bakex.errors import CycleError, EvaluationError

if TYPE_CHECKING:
    from tests.unit.bake.conftest import Define

FULL = """
target "full" {
  description = "d"
  tags = ["t"]
  pull = true
  args = { a = 1, b = null }
  cache-from = ["x"]
  output = ["type=image"]
  secret = ["id=s"]
  ssh = ["default"]
  attest = ["type=sbom,disabled=true"]
  policy = ["filename=f"]
  resources = { memory = "1g", cpu-quota = 5 }
  inherits = ["empty"]
}
target "empty" {}
group "g" {
  targets = ["full"]
}
"""


def value(define: Define, expression: str) -> object:
    found = define(f'{FULL}\ntarget "x" {{ args = {{ v = jsonencode({expression}) }} }}')
    return json.loads(found.targets["x"].get_mapping("args")["v"])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("target.full.description", "d"),
        ("target.full.name", "full"),
        ("target.full.tags", ["t"]),
        ("target.full.tags[0]", "t"),
        ('target.full["tags"]', ["t"]),
        ("target.full.pull", True),
        ("target.full.args", {"a": "1", "b": None}),
        ("target.full.cache-from", [{"ref": "x", "type": "registry"}]),
        ("target.full.output", [{"dest": "", "type": "image"}]),
        ("target.full.secret", [{"env": "", "id": "s", "src": ""}]),
        ("target.full.ssh", [{"id": "default", "paths": []}]),
        ("target.full.attest", [{"disabled": True, "type": "sbom"}]),
        (
            "target.full.policy",
            [{
                "Disabled": False, "Files": [{"Data": None, "Filename": "f"}], "LogLevel": None,
                "Reset": False, "Strict": None,
            }],
        ),
        ("target.full.inherits", ["empty"]),
        ("target.full.resources.cpu-quota", 5),
        ("target.full.resources.cpuset-cpus", None),
        ("target.empty.resources", None),
        ("target.empty.tags", None),
        ("target.empty.args", None),
        ("target.empty.pull", None),
        ("target.empty.description", ""),
        ("target.empty.output", []),
        ("target.empty.inherits", None),
        ("target.empty.name", "empty"),
        ("group.g.targets", ["full"]),
        ("group.g.description", ""),
        ("try(target.nope.tags, 1)", 1),
        ("can(target.nope.tags)", False),
    ],
)  # fmt: skip
def test_references(define: Define, expression: str, expected: object) -> None:
    assert value(define, expression) == expected


def test_a_whole_target(define: Define) -> None:
    found = value(define, "target.empty")
    assert isinstance(found, dict)
    assert found["name"] == "empty"
    assert found["output"] == []
    assert found["context"] is None
    assert "matrix" not in found


def test_a_reference_sees_only_what_the_block_says(define: Define) -> None:
    text = (
        'target "p" { dockerfile = "D" }\ntarget "a" { inherits = ["p"] }\n'
        'target "b" { target = target.a.dockerfile }'
    )
    assert define(text).targets["b"].values == {}


def test_the_last_block_that_says_it_counts(define: Define) -> None:
    text = (
        'target "a" { context = "1" }\ntarget "a" { context = "2" }\ntarget "a" { tags = [] }\n'
        'target "b" { context = target.a.context }'
    )
    assert define(text).targets["b"].values["context"] == "2"


def test_targets_may_refer_to_different_attributes_of_each_other(define: Define) -> None:
    text = 'target "a" { context = target.b.dockerfile }\ntarget "b" { context = target.a.context }'
    assert define(text).targets["b"].values == {}


def test_instances_of_a_matrix_are_referred_to_by_their_own_names(define: Define) -> None:
    text = (
        'target "b" { tags = target.a-1.tags }\n'
        'target "a" {\nname = "a-${v}"\nmatrix = { v = target.base.tags }\ntags = ["x${v}"]\n}\n'
        'target "base" { tags = ["1"] }'
    )
    assert define(text).targets["b"].values["tags"] == ("x1",)


@pytest.mark.parametrize(
    "expression",
    [
        "target",
        "jsonencode(target)",
        "target.nope.tags",
        "target.a.nope",
        "group.nope.targets",
        "group.g.nope",
        "group.g.name",
        "target[0].tags",
    ],
)
def test_references_to_nothing(define: Define, expression: str) -> None:
    text = f'target "a" {{}}\ngroup "g" {{ targets = [] }}\nx = {expression}'
    with pytest.raises(EvaluationError):
        define(text)


def test_an_unknown_name_suggests(define: Define) -> None:
    with pytest.raises(EvaluationError) as caught:
        define('target "app" {}\nx = target.apps.tags')
    assert "'app'" in caught.value.hint


def test_a_circle(define: Define) -> None:
    with pytest.raises(CycleError) as caught:
        define('target "a" { tags = target.b.tags }\ntarget "b" { tags = target.a.tags }')
    assert caught.value.detail == "target.b.tags -> target.a.tags -> target.b.tags."


@pytest.mark.parametrize(
    "body",
    [
        "",
        'name = "x"\ntargets = []',
        "matrix = {}\ntargets = []",
        'targets = "a"',
        "targets = [null]",
    ],
)
def test_what_is_no_group(define: Define, body: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        define(f'group "g" {{\n{body}\n}}')
    assert caught.value.span is not None


def test_groups(define: Define) -> None:
    found = define(
        'group "g" {\ntargets = null\n}\ngroup "h" {\ntargets = ["a"]\ndescription = "d"\n}'
    )
    assert found.groups["g"].targets is None
    assert (found.groups["h"].targets, found.groups["h"].description) == (("a",), "d")


def test_places_are_kept(define: Define) -> None:
    draft = define('target "a" {\n  tags = ["x"]\n}').targets["a"]
    assert str(draft.spans["tags"]) == "0.hcl:2:10"
