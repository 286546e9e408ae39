from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
