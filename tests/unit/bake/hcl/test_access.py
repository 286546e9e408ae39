from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.hcl.access import attribute_of, index_of
from bakex.bake.values.value import NULL, TRUE, UNKNOWN, number

if TYPE_CHECKING:
    from tests.unit.bake.hcl.conftest import Refuse, Run

HEAD = """
O = {a = 1, "0" = 5, nested = {list = ["x", "y"]}}
L = [1, 2]
N = null
M = convert({k = 1}, map(number))
S = setunion([1])
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("O.a", "1"),
        ('O["a"]', "1"),
        ("O[0]", "5"),
        ("O.nested.list.1", '"y"'),
        ('L["1"]', "2"),
        ("L[1 - 1]", "1"),
        ("M.k", "1"),
        ('M["k"]', "1"),
        ("{a = [1]}.a[0]", "1"),
        ('O["${"a"}"]', "1"),
    ],
)
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text, HEAD) == value


@pytest.mark.parametrize(
    ("text", "summary", "column"),
    [
        ("O.b", 'the object has no attribute "b"', 3),
        ("O.nested.lst", 'the object has no attribute "lst"', 10),
        ('O["b"]', 'the object has no attribute "b"', 2),
        ("M.x", 'the map has no element "x"', 3),
        ("L[2]", "there is no element 2", 2),
        ("L[-1]", "an index cannot be negative, but this is -1", 2),
        ("L[0.5]", "an index must be a whole number, not 0.5", 2),
        ('L["x"]', 'this cannot be an index: a number is required, but this is the text "x"', 2),
        ("[][0]", "there is no element 0", 3),
        ("[1][5]", "there is no element 5", 4),
        ("L[N]", "an index cannot be null", 2),
        ("N[0]", "null has no elements", 2),
        ("N.a", 'null has no attribute "a"', 3),
        ("L.a", 'a tuple has no attribute "a"', 3),
        ('"x".a', 'a string has no attribute "a"', 5),
        ("S[0]", "a set has no order and cannot be indexed", 2),
        ("(1)[0]", "a number cannot be indexed", 4),
    ],
)
def test_refusal(refuse: Refuse, text: str, summary: str, column: int) -> None:
    error = refuse(text, HEAD)
    assert error.summary == summary
    assert error.span is not None
    assert (error.span.line, error.span.column) == (2, column)


def test_names_are_suggested(refuse: Refuse) -> None:
    error = refuse("O.nestd", HEAD)
    assert error.hint == 'did you mean "nested"?'
    assert error.detail == "There are: 0, a, nested."
    assert refuse(f"O.{'x' * 5000}", HEAD).hint == ""


def test_lists_of_objects_hint_at_the_splat(refuse: Refuse) -> None:
    assert "[*]" in refuse("L.a", HEAD).hint


def test_the_unknown_absorbs() -> None:
    assert attribute_of(UNKNOWN, "a") is UNKNOWN
    assert index_of(UNKNOWN, number(0)) is UNKNOWN
    assert index_of(NULL, UNKNOWN) is UNKNOWN
    assert index_of(TRUE, UNKNOWN) is UNKNOWN
