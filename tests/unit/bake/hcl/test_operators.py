from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.bake.hcl.conftest import Refuse, Run


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"3" + 4', "7"),
        ("7 - 2 * 3", "1"),
        ("-7 % 3", "-1"),
        ("1 / 4", "0.25"),
        ('"2" < "10"', "true"),
        ("2 <= 2 && 3 > 2 && 2 >= 2", "true"),
        ('1 == "1"', "false"),
        ("null == null", "true"),
        ('null != ""', "true"),
        ('!"true"', "false"),
        ('-"1"', "-1"),
        ("true || NOPE", "true"),
        ("NOPE || true", "true"),
        ("false && NOPE", "false"),
        ("NOPE && false", "false"),
        ("null && true", "false"),
        ("true && null", "false"),
        ("null || true", "true"),
        ('"1" && "0"', "false"),
        ("false || false", "false"),
        ("true && true", "true"),
        ('true ? 1 : "a"', '"1"'),
        ('false ? 1 : "a"', '"a"'),
        ('"1" ? "y" : "n"', '"y"'),
        ("true ? 1 : NOPE", "1"),
        ("false ? NOPE : [1]", "[1]"),
        ("true ? [1] : []", "[1]"),
        ('true ? {a = 1} : {b = "x"}', '{"a":"1"}'),
        ("false ? null : 1", "1"),
        ("true ? null : 1", "null"),
    ],
)
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "summary", "column"),
    [
        ('1 + "x"', '"+" needs a number here', 5),
        ("true + 1", '"+" needs a number here', 1),
        ('"b" > "a"', '">" needs a number here', 1),
        ("1 + null", '"+" cannot be applied to null', 1),
        ("-null", '"-" cannot be applied to null', 1),
        ("!null", '"!" cannot be applied to null', 1),
        ("!1", '"!" needs true or false here', 2),
        ("0 / 0", "cannot divide zero by zero or infinity by infinity", 1),
        ("true && NOPE", 'there is no variable named "NOPE"', 9),
        ("NOPE || false", 'there is no variable named "NOPE"', 1),
        ("NOPE + 1 + 2", 'there is no variable named "NOPE"', 1),
        ('false && "x"', '"&&" needs true or false here', 10),
        ("false || null", '"||" cannot be applied to null', 1),
        ("null || null", '"||" cannot be applied to null', 1),
        ("1 ? 2 : 3", "the condition is neither true nor false", 1),
        ("null ? 2 : 3", "the condition is null", 1),
        ("false ? 1 : NOPE", 'there is no variable named "NOPE"', 13),
        ("true ? 1 : true", "the two results of the conditional do not fit together", 1),
        ("NOPE ? 1 : true", "the two results of the conditional do not fit together", 1),
    ],
)
def test_refusal(refuse: Refuse, text: str, summary: str, column: int) -> None:
    error = refuse(text)
    assert error.summary == summary
    assert error.span is not None
    assert (error.span.line, error.span.column) == (2, column)


def test_joining_strings_is_explained(refuse: Refuse) -> None:
    assert "template" in refuse('"a" + "b"').hint


def test_what_does_not_fit_is_described(refuse: Refuse) -> None:
    detail = refuse("true ? [1] : {}").detail
    assert "a tuple" in detail
    assert "an object" in detail


def test_truth_in_upper_case_is_explained(refuse: Refuse) -> None:
    assert "lower case" in refuse('"True" ? 1 : 2').hint
    assert "lower case" in refuse('!"FALSE"').hint
