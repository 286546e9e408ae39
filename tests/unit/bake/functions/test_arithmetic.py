from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.bake.functions.conftest import Refuse, Run


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("absolute(-1.5)", "1.5"),
        ('absolute("2")', "2"),
        ('add("1", 2)', "3"),
        ("subtract(0.3, 0.1) == 0.2", "false"),
        ("subtract(5, 7)", "-2"),
        ("multiply(0.1, 3)", "0.3"),
        ("divide(1, 4)", "0.25"),
        ("divide(1, 0) > 5", "true"),
        ("modulo(-7, 3)", "-1"),
        ("modulo(5, 0)", "5"),
        ("negate(0)", "-0"),
        ("ceil(-1.2)", "-1"),
        ("ceil(-0.5)", "0"),
        ("ceil(1.2)", "2"),
        ("ceil(3)", "3"),
        ("ceil(1/0) > 5", "true"),
        ("floor(-0.5)", "-1"),
        ("floor(1.9)", "1"),
        ("int(-1.9)", "-1"),
        ('int("3.9")', "3"),
        ("int(4)", "4"),
        ("log(8, 2)", "3"),
        ("log(1000, 10)", "2.9999999999999996"),
        ("log(0, 10) < 0", "true"),
        ("log(10, 1) > 0", "true"),
        ("log(0.5, 1) < 0", "true"),
        ("pow(2, 100)", "1267650600228229400000000000000"),
        ("pow(0, 0)", "1"),
        ("signum(-5)", "-1"),
        ("signum(0)", "0"),
        ('min("10", 9)', "9"),
        ("max(-1, -2)", "-1"),
        ('parseint("ff", 16)', "255"),
        ('parseint("-101", 2)', "-5"),
        ('parseint("+A", 36)', "10"),
        ('parseint("Zz", 62)', "3817"),
        ("range(4, 1)", "[4,3,2]"),
        ("range(-3)", "[0,-1,-2]"),
        ("range(0, 1, 0.25)", "[0,0.25,0.5,0.75]"),
        ("range(5, 1, -2)", "[5,3]"),
        ("range(1, 1, -1)", "[]"),
        ("and(true, false)", "false"),
        ('or(false, "1")', "true"),
        ("not(false)", "true"),
        ('equal("1", 1)', "false"),
        ("equal(null, null)", "true"),
        ("notequal(1, 2)", "true"),
        ("lessthan(1, 2)", "true"),
        ("lessthanorequalto(2, 2)", "true"),
        ("greaterthan(1, 2)", "false"),
        ("greaterthanorequalto(2, 2)", "true"),
    ],
)
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("log(-1, 10)", "not a real number"),
        ("log(1, 1)", "not a real number"),
        ("pow(-8, 1/3)", "not a real number"),
        ("signum(0.5)", "whole number of at most 64 bits"),
        ("signum(1e30)", "whole number of at most 64 bits"),
        ("min()", "at least one number"),
        ("parseint(10, 10)", "a string is required"),
        ('parseint("1", 63)', "from 2 to 62"),
        ('parseint("1", 2.5)', "from 2 to 62"),
        ('parseint("0xff", 16)', '"0xff" is not a whole number of base 16'),
        ('parseint("", 10)', "is not a whole number"),
        (f'parseint("{"9" * 5000}", 10)', "at most 4000 digits"),
        ("range()", "one to three arguments"),
        ("range(1, 2, 3, 4)", "one to three arguments"),
        ("range(1, 5, -1)", "smaller than the start"),
        ("range(5, 1, 1)", "larger than the start"),
        ("range(2000)", "more than 1024"),
        ("range(1, 5, 0)", "more than 1024"),
        ("int(1/0)", "infinity"),
        ("divide(0, 0)", "divide zero by zero"),
        ("multiply(1/0, 0)", "multiply zero by infinity"),
        ("subtract(1/0, 1/0)", "subtract infinity from infinity"),
        ("modulo(1/0, 2)", "remainder with infinity"),
    ],
)
def test_refusal(refuse: Refuse, text: str, reason: str) -> None:
    assert reason in refuse(text).summary
