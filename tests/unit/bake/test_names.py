from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.resolve import resolve
from bakex.errors import EvaluationError

if TYPE_CHECKING:
    from tests.unit.bake.conftest import Define


def test_each_expression_is_evaluated_once(define: Define) -> None:
    # A random value that is the same wherever it is used.
    text = 'variable "V" { default = uuidv4() }\ntarget "t" { tags = [V, V] }\nx = V'
    tags = define(text).targets["t"].get_texts("tags")
    assert tags[0] == tags[1]


def test_an_unknown_name_is_reported_each_time(define: Define) -> None:
    # The reference takes the second mention for a circle.
    text = 'target "t" { args = { a = try(NOPE, "1"), b = try(NOPE, "2") } }'
    assert define(text).targets["t"].values["args"] == {"a": "1", "b": "2"}
    with pytest.raises(EvaluationError, match="NOPE"):
        define("x = try(NOPE, 1)\ny = NOPE")


def test_an_unknown_name_suggests(define: Define) -> None:
    with pytest.raises(EvaluationError) as caught:
        define('variable "COLOR" {}\nx = COLR')
    assert "COLOR" in caught.value.hint


def test_variables_cannot_refer_to_targets(define: Define) -> None:
    with pytest.raises(EvaluationError):
        define('variable "V" { default = target.t.tags }\ntarget "t" {}')


def test_root_attributes_can_refer_to_targets(define: Define) -> None:
    found = define('x = target.t.tags\ntarget "t" { tags = ["a"] }\ntarget "u" { tags = x }')
    assert found.targets["u"].values["tags"] == ("a",)


def test_a_default_is_evaluated_even_if_something_else_was_given(define: Define) -> None:
    with pytest.raises(EvaluationError):
        define('variable "V" { default = NOPE }', variables={"V": "x"})


def test_a_value_that_cannot_be_read_points_at_the_variable(define: Define) -> None:
    with pytest.raises(EvaluationError, match="variable 'V'") as caught:
        define('variable "V" { default = 5 }', environ={"V": "x"})
    assert str(caught.value.span) == "0.hcl:1:14"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("self.name", "t"),
        ('"${self.name}-x"', "t-x"),
        ("jsonencode(self)", '{"name":"t"}'),
        ('[for self in ["x"] : self][0]', "x"),
        ('tag("x")', "x"),
    ],
)
def test_self(define: Define, expression: str, value: str) -> None:
    function = 'function "tag" {\n  params = [self]\n  result = self\n}'
    found = define(f'target "t" {{ args = {{ v = {expression} }} }}\n{function}')
    assert found.targets["t"].values["args"] == {"v": value}


def test_parents_call_themselves_self(define: Define) -> None:
    found = define('target "p" { tags = [self.name] }\ntarget "t" { inherits = ["p"] }')
    assert resolve(found, ["t"]).targets["t"].tags == ("p",)


@pytest.mark.parametrize(
    "text",
    [
        'variable "self" { default = { name = "mine" } }\ntarget "t" { tags = [self.name] }',
        'self = { name = "mine" }\ntarget "t" { tags = [self.name] }',
        'target "t" {\n  matrix = { self = [{ name = "mine" }] }\n  tags = [self.name]\n}',
    ],
)
def test_what_the_files_call_self_goes_first(define: Define, text: str) -> None:
    found = define(text)
    assert found.targets["t"].values["tags"] == ("mine",)
    assert found.extensions == ()


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ('target "t" { tags = [self.nam] }', "self has no 'nam'"),
        ('target "t" { tags = self[0] }', "no attribute|key|index"),
        ('variable "v" { default = self.name }', "no variable"),
        ('function "f" {\n  params = []\n  result = self.name\n}', "no variable"),
        ('group "g" { targets = [self.name] }', "no variable"),
        ("x = self.name", "no variable"),
        ('target "t" {\n  matrix = { x = [self.name] }\n}', "no variable"),
    ],
)
def test_self_is_of_targets_only(define: Define, text: str, summary: str) -> None:
    with pytest.raises(EvaluationError, match=summary) as caught:
        define(text)
    assert caught.value.span is not None


def test_a_slip_of_self_suggests_it(define: Define) -> None:
    with pytest.raises(EvaluationError) as caught:
        define('target "t" { tags = [slf.name] }')
    assert "self" in caught.value.hint


def test_each_use_of_self_is_an_extension_once(define: Define) -> None:
    text = (
        'target "t" {\n  name = x\n  matrix = { x = ["a", "b"] }\n  tags = [self.name, self.name]\n'
        '  args = { f = fn("x") }\n}\nfunction "fn" {\n  params = [y]\n  result = y\n}'
    )
    found = define(text)
    assert [str(e.span) for e in found.extensions] == ["0.hcl:4:11", "0.hcl:4:22"]
