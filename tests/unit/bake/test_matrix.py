from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.resolve import resolve
from bakex.errors import EvaluationError

if TYPE_CHECKING:
    from tests.unit.bake.conftest import Define


def block(matrix: str, name: str = '"app-${v}"', rest: str = "") -> str:
    return f'target "app" {{\nname = {name}\nmatrix = {matrix}\n{rest}\n}}'


def test_one_target_for_each_combination(define: Define) -> None:
    text = block(
        '{ v = ["1", "2"], item = [{ n = "x" }, { n = "y" }] }',
        '"app-${v}-${item.n}"',
        "args = { V = v, N = item.n }",
    )
    found = define(text)
    assert {name: draft.values["args"] for name, draft in found.targets.items()} == {
        "app-1-x": {"N": "x", "V": "1"},
        "app-2-x": {"N": "x", "V": "2"},
        "app-1-y": {"N": "y", "V": "1"},
        "app-2-y": {"N": "y", "V": "2"},
    }


def test_axes_are_taken_in_alphabetical_order(define: Define) -> None:
    text = block('{ x = ["1", "2"], a = ["p", "q"] }', '"${a}${x}"')
    assert define(text).groups["app"].targets == ("p1", "p2", "q1", "q2")


@pytest.mark.parametrize(
    ("matrix", "names"),
    [
        ('{ v = ["b", "a"] }', ("app-b", "app-a")),
        ('{ v = toset(["b", "a"]) }', ("app-a", "app-b")),
        ('{ v = { x = "b", w = "a" } }', ("app-a", "app-b")),
        ("{ v = [1, true] }", ("app-1", "app-true")),
    ],
)
def test_kinds_of_axes(define: Define, matrix: str, names: tuple[str, ...]) -> None:
    matrix = matrix.replace("toset(", "convert(").replace('"])', '"], set(string))')
    assert define(block(matrix)).groups["app"].targets == names


def test_the_group_of_a_matrix_is_selected_like_any_other(define: Define) -> None:
    resolution = resolve(define(block('{ v = ["1", "2"] }')), ["app"])
    assert resolution.requested == ("app-1", "app-2")
    assert resolution.groups["app"].targets == ("app-1", "app-2")


def test_one_instance_under_the_label_makes_no_group(define: Define) -> None:
    found = define('target "app" {\nmatrix = {}\n}')
    assert list(found.targets) == ["app"]
    assert found.groups == {}


def test_an_empty_axis_makes_no_target_and_no_group(define: Define) -> None:
    found = define(block("{ v = [] }"))
    assert (found.targets, found.groups) == ({}, {})


def test_an_instance_joins_a_block_of_its_name(define: Define) -> None:
    found = define(block('{ v = ["1"] }', rest='tags = ["m"]') + '\ntarget "app-1" { pull = true }')
    assert found.targets["app-1"].values == {"tags": ("m",), "pull": True}


def test_axes_hide_global_names(define: Define) -> None:
    found = define("v = 5\n" + block('{ v = ["1"] }', rest="tags = [v]"))
    assert found.targets["app-1"].values["tags"] == ("1",)


@pytest.mark.parametrize(
    ("matrix", "name"),
    [
        ('["a"]', '"x"'),
        ('"a"', '"x"'),
        ("null", '"x"'),
        ('{ v = "a" }', '"x"'),
        ("{ v = null }", '"x"'),
        ('{ v = ["1", "2"] }', '"same"'),
        ('{ v = ["a.b"] }', '"app-${v}"'),
        ('{ v = ["1"] }', "null"),
        ('{ v = ["1"] }', "[]"),
        ("{ v = range(0, 1000), w = range(0, 1000) }", '"${v}-${w}"'),
    ],
)
def test_what_is_no_matrix(define: Define, matrix: str, name: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        define(block(matrix, name))
    assert caught.value.span is not None


def test_combinations_need_a_name(define: Define) -> None:
    with pytest.raises(EvaluationError, match="'app'"):
        define('target "app" {\nmatrix = { v = ["1", "2"] }\n}')


def test_a_name_needs_a_matrix(define: Define) -> None:
    with pytest.raises(EvaluationError, match="matrix"):
        define('target "app" { name = "x" }')


@pytest.mark.parametrize(
    ("matrix", "name"),
    [
        ('{ v = ["1", "1"] }', '"app-${v}"'),
        ('["1"]', '"app"'),
        ("null", '"app"'),
        ('{ v = "1" }', '"app"'),
        ('{ v = ["1"] }', '"app.${v}"'),
        ('{ v = ["1"] }', "null"),
        ('{ v = ["1"] }', "[]"),
    ],
)
def test_faults_are_reported_at_the_label(matrix: str, name: str, define: Define) -> None:
    with pytest.raises(EvaluationError) as caught:
        define("\n" + block(matrix, name))
    assert caught.value.span is not None
    assert (caught.value.span.line, caught.value.span.column) == (2, 8)


def test_expressions_without_a_value_are_reported_where_they_are(define: Define) -> None:
    with pytest.raises(EvaluationError) as caught:
        define(block('{ v = ["1"] }', "UNDEFINED"))
    assert caught.value.span is not None
    assert caught.value.span.line == 2
