from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.errors import DefinitionError, EvaluationError

if TYPE_CHECKING:
    from tests.unit.bake.conftest import Define


def validated(condition: str, message: str = '"no good"') -> str:
    return (
        'variable "V" {\ndefault = 80\n'
        f"validation {{\ncondition = {condition}\nerror_message = {message}\n}}\n}}"
    )


def test_a_condition_that_holds(define: Define) -> None:
    define(validated("V == 80"))
    define(validated('"true"'))


def test_a_condition_that_does_not_hold(define: Define) -> None:
    with pytest.raises(EvaluationError, match="variable 'V': port 80 too low") as caught:
        define(validated("V > 1024", '"port ${V} too low"'))
    assert str(caught.value.span) == "0.hcl:4:13"


def test_the_first_of_several_is_reported(define: Define) -> None:
    text = (
        'variable "V" {\n'
        'validation {\ncondition = true\nerror_message = "first"\n}\n'
        'validation {\ncondition = false\nerror_message = "second"\n}\n'
        'validation {\ncondition = false\nerror_message = "third"\n}\n}'
    )
    with pytest.raises(EvaluationError, match="second"):
        define(text)


@pytest.mark.parametrize("message", ["5", "null"])
def test_messages_of_other_kinds(define: Define, message: str) -> None:
    with pytest.raises(EvaluationError, match=r"5|validation failed"):
        define(validated("false", message))


@pytest.mark.parametrize("condition", ["null", '"x"', "[]", "NOPE"])
def test_conditions_that_are_none(define: Define, condition: str) -> None:
    with pytest.raises(EvaluationError):
        define(validated(condition))


@pytest.mark.parametrize(
    "rule",
    [
        'error_message = "x"',
        'condition = true\nerror_message = "x"\nother = 1',
        "condition = true\nother {}",
    ],
)
def test_malformed_validations(define: Define, rule: str) -> None:
    with pytest.raises(EvaluationError):
        define(f'variable "V" {{\nvalidation {{\n{rule}\n}}\n}}')


def test_a_condition_sees_everything(define: Define) -> None:
    # The reference hides functions and root attributes that no default has used before.
    text = 'function "f" {\nparams = [a]\nresult = a == A\n}\nA = 80\n'
    define(text + validated("f(V)"))


def test_functions(define: Define) -> None:
    text = (
        'function "f" {\nparams = [a]\nvariadic_params = rest\n'
        'result = "${a}-${length(rest)}-${SUFFIX}"\n}\n'
        'variable "SUFFIX" { default = "s" }\n'
        'target "t" { tags = [f("x"), f("x", "y", "z"), g(1)] }\n'
        'function "g" {\nparams = [n]\nresult = f(n + 1)\n}'
    )
    assert define(text).targets["t"].values["tags"] == ("x-0-s", "x-2-s", "2-0-s")


def test_parameters_hide_global_names(define: Define) -> None:
    text = 'A = 1\nfunction "f" {\nparams = [A]\nresult = A\n}\ntarget "t" { tags = [f(2)] }'
    assert define(text).targets["t"].values["tags"] == ("2",)


def test_standard_functions_cannot_be_replaced(define: Define) -> None:
    text = 'function "upper" {\nparams = [a]\nresult = NOPE\n}\ntarget "t" { tags = [upper("a")] }'
    assert define(text).targets["t"].values["tags"] == ("A",)


@pytest.mark.parametrize(
    "body",
    [
        "params = []",
        "result = 1",
        "params = 5\nresult = 1",
        'params = ["a"]\nresult = 1',
        "params = []\nvariadic_params = [a]\nresult = 1",
        "params = []\nresult = 1\nother = 2",
        "params = []\nresult = 1\nother {}",
        "params = []\nresult = NOPE",
        "params = []\nresult = target.t.tags",
        "params = [COLOR]\nresult = COLR",
    ],
)
def test_malformed_functions(define: Define, body: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        define(f'function "f" {{\n{body}\n}}\ntarget "t" {{}}')
    assert caught.value.span is not None


@pytest.mark.parametrize("call", ["f()", "f(1, 2)", "f(null)"])
def test_calls_with_the_wrong_arguments(define: Define, call: str) -> None:
    with pytest.raises(EvaluationError):
        define(f'function "f" {{\nparams = [a]\nresult = a\n}}\nx = {call}')


def test_descriptions(define: Define) -> None:
    found = define('variable "V" {\ndescription = "a ${1 + 1}"\n}\nvariable "W" {}')
    assert [variable.description for variable in found.variables] == ["a 2", ""]
    with pytest.raises(EvaluationError, match="description"):
        define('variable "V" { description = [] }')


@pytest.mark.parametrize("type_", ['"string"', "foo", "list", "list()"])
def test_what_is_no_type(define: Define, type_: str) -> None:
    with pytest.raises(EvaluationError):
        define(f'variable "V" {{ type = {type_} }}')
