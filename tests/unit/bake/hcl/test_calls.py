from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.bake.hcl.conftest import Refuse, Run


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('upper("a")', '"A"'),
        ("pair(2)", "[2,2]"),
        ("strings()", "[]"),
        ("strings(1, null, true)", '["1",null,"true"]'),
        ("strings([1, 2]...)", '["1","2"]'),
        ("max(setunion([1, 3])...)", "3"),
        ("max(1, [2, 3]...)", "3"),
        ('can(1 / "x")', "false"),
        ("can(null)", "true"),
        ('try(NOPE, {}.a, "d")', '"d"'),
        ("try(null, 1)", "null"),
        ('convert("1", number)', "1"),
        ("convert(null, string)", "null"),
        ("convert({a = 1}, object({a = string, b = optional(list(bool))}))", '{"a":"1","b":null}'),
        ("coalesce(null, convert(null, list(string)), [])", "[]"),
    ],
)
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "summary", "column"),
    [
        ("1 + nope(1)", 'there is no function named "nope"', 5),
        ("ns::upper(1)", 'there is no function named "ns::upper"', 1),
        ("upper()", "too few arguments for the function", 7),
        ('upper("a", "b")', "too many arguments for the function", 12),
        ("can()", "too few arguments for the function", 5),
        ("can(1, 2)", "too many arguments for the function", 8),
        ("convert(1)", "too few arguments for the function", 10),
        ("setunion()", "too few arguments for the function", 10),
        ("uuidv4(1)", "too many arguments for the function", 8),
        ("upper([])", 'function "upper": wrong argument "str"', 7),
        ("upper(null)", 'function "upper": wrong argument "str"', 7),
        ('max(1, "x")', 'function "max": wrong argument "numbers"', 8),
        ("max(null...)", 'an argument with "..." must be a list', 5),
        ("max(1...)", 'an argument with "..." must be a list', 5),
        ("try()", 'the function "try" needs an argument', 1),
        ("try([1]...)", '"..." cannot be used with the function "try"', 1),
        ('try(NOPE, 1 / "x")', 'function "try": none of the expressions has a value', 1),
        ('1 + convert("x", number)', ('function "convert": a number is required, but this is the '
         'text "x"'), 13),
        ("convert(1, strin)", 'there is no type named "strin"', 12),
        ('1 + regex("x", "y")', 'function "regex": the text does not match the regular expression',
         16),
        ("1 + range(1, 9, 0)[0]", 'function "range": there would be more than 1024 numbers', 5),
        ('max(["1", "x"]...)', 'function "max": wrong argument "numbers"', 5),
        ("merge([{}, 1]...)", ('function "merge": a map or object is required, but this is a '
         "number"), 7),
    ],
)  # fmt: skip
def test_refusal(refuse: Refuse, text: str, summary: str, column: int) -> None:
    error = refuse(text)
    assert error.summary == summary
    assert error.span is not None
    assert (error.span.line, error.span.column) == (2, column)


def test_names_are_suggested(refuse: Refuse) -> None:
    assert refuse("uper(1)").hint == 'did you mean "upper"?'
    assert refuse("pairs(1)").hint == 'did you mean "pair"?'
    assert refuse(f"{'x' * 5000}()").hint == ""
    assert "namespaces" in refuse("ns::upper(1)").detail


def test_counts_are_described(refuse: Refuse) -> None:
    details = {
        "upper()": '"upper" takes one argument, but this call has 0; "str" is missing.',
        "setunion()": '"setunion" takes at least one argument, but this call has 0; "first_set" '
        "is missing.",
        "uuidv4(1)": '"uuidv4" takes no arguments, but this call has 1.',
        "convert(1)": '"convert" takes 2 arguments, but this call has 1.',
    }
    for text, detail in details.items():
        assert refuse(text).detail == detail


def test_all_that_was_tried_is_told(refuse: Refuse) -> None:
    detail = refuse("try(NOPE,\n{}.a)").detail
    assert detail == (
        'line 2: there is no variable named "NOPE"\nline 3: the object has no attribute "a"'
    )


def test_errors_inside_of_functions_keep_their_place(refuse: Refuse) -> None:
    assert str(refuse('pair("x")').span) == "function.hcl:1:14"
