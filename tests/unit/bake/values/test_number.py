from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.values.limits import MAX_DIGITS
from bakex.bake.values.number import Number
from bakex.bake.values.problems import LimitError, ValueProblem

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(10**40), 10**40)
THIRD = "0." + "3" * 154 + "5"


def parsed(text: str) -> Number:
    number = Number.parse(text)
    assert number is not None
    return number


def exact(number: Number) -> Fraction:
    amount = number.mantissa * Fraction(2) ** number.exponent
    return -amount if number.negative else amount


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("007", "7"),
        ("1.50", "1.5"),
        ("5.", "5"),
        (".5", "0.5"),
        ("+5", "5"),
        ("1e3", "1000"),
        ("1E-7", "0.0000001"),
        ("1p4", "16"),
        ("-0", "-0"),
        ("0e99999999999", "0"),
        ("1e100", "1" + "0" * 100),
        ("inf", "+Inf"),
        ("-Inf", "-Inf"),
        ("123456789012345678901234567890.5", "123456789012345678901234567890.5"),
    ],
)
def test_parse(text: str, printed: str) -> None:
    assert str(parsed(text)) == printed


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "1_000", "0x10", "1e", "e1", ".", "--1", "nan", "\u0661", "1\n"]
)
def test_what_is_no_number(text: str) -> None:
    assert Number.parse(text) is None


@pytest.mark.parametrize(
    "text", ["9" * (MAX_DIGITS + 1), "1e99999999", "1e99999", "1e-99999", "1e9999", "1p999999"]
)
def test_what_is_out_of_range(text: str) -> None:
    with pytest.raises(LimitError):
        Number.parse(text)


@given(INTEGERS, INTEGERS)
def test_whole_numbers_are_exact(a: int, b: int) -> None:
    left, right = Number.from_int(a, 512), Number.from_int(b, 512)
    assert (left + right).truncate() == a + b
    assert (left - right).truncate() == a - b
    assert (left * right).truncate() == a * b
    assert left.compare(right) == (a > b) - (a < b)
    assert left.equals(right) is (a == b)
    assert str(left) == str(a)
    if b:
        assert (left % right).truncate() == math.fmod(a, b) if abs(a) < 2**50 > abs(b) else True


@given(FLOATS)
def test_doubles_keep_their_amount(amount: float) -> None:
    number = Number.from_float(amount)
    assert exact(number) == Fraction(amount)
    assert number.to_float() == amount
    assert float(str(number)) == amount or number.mantissa == 1  # see `decimaltext.shortest`


@given(FLOATS, FLOATS)
def test_arithmetic_of_doubles_is_that_of_the_machine(a: float, b: float) -> None:
    if not all(1e-100 < abs(x) < 1e100 for x in (a, b)):
        return
    left, right = Number.from_float(a), Number.from_float(b)
    assert (left + right).to_float() == a + b
    assert (left / right).to_float() == a / b


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_text_reads_back(amount: object) -> None:
    number = parsed(format(amount, "f"))
    again = parsed(str(number))
    assert again.equals(number)
    assert again.compare(number) == 0


@pytest.mark.parametrize(
    ("left", "operator", "right", "result"),
    [
        ("1", "/", "3", THIRD),
        ("0.1", "+", "0.2", "0.3"),
        ("7.5", "%", "2", "1.5"),
        ("-7", "%", "3", "-1"),
        ("7", "%", "-3", "1"),
        ("5", "%", "0", "5"),
        ("1", "/", "0", "+Inf"),
        ("1", "/", "-inf", "-0"),
        ("0", "/", "-5", "-0"),
        ("0", "*", "-1", "-0"),
        ("inf", "*", "-2", "-Inf"),
        ("inf", "+", "1", "+Inf"),
        ("1", "-", "inf", "-Inf"),
        ("-0", "+", "-0", "-0"),
        ("0", "+", "-0", "0"),
        ("1", "-", "1", "0"),
    ],
)
def test_arithmetic(left: str, operator: str, right: str, result: str) -> None:
    a, b = parsed(left), parsed(right)
    computed = {"+": Number.__add__, "-": Number.__sub__, "*": Number.__mul__}
    computed |= {"/": Number.__truediv__, "%": Number.__mod__}
    assert str(computed[operator](a, b)) == result


@pytest.mark.parametrize(
    ("left", "operator", "right"),
    [
        ("0", "/", "0"),
        ("inf", "/", "inf"),
        ("0", "*", "inf"),
        ("inf", "-", "inf"),
        ("inf", "%", "2"),
        ("2", "%", "inf"),
    ],
)
def test_what_cannot_be_computed(left: str, operator: str, right: str) -> None:
    computed = {"-": Number.__sub__, "*": Number.__mul__, "/": Number.__truediv__}
    computed["%"] = Number.__mod__
    with pytest.raises(ValueProblem):
        computed[operator](parsed(left), parsed(right))


def test_precision_of_results() -> None:
    counted = Number.from_int(1) / Number.from_int(3)
    assert str(counted) == "0.33333333333333333334"
    double = Number.from_float(1.0) / Number.from_float(3.0)
    assert str(double) == "0.3333333333333333"
    assert str(Number.from_float(2.0**64)) == "18446744073709550000"
    assert str(Number.from_float(2.0**100) + Number.from_int(1, 512)) == str(2**100 + 1)
    tenth = "0.1000000000000000055511151231257827021181583404541015625"
    assert str(Number.from_float(0.1) + parsed("0")) == tenth
    assert Number.from_float(0.1).equals(parsed("0.1"))
    assert not parsed("0.1").equals(parsed("1"))
    product = Number.from_int(2**63 + 1) * Number.from_int(2**63 + 1)
    assert product.truncate() == (2**63 + 1) ** 2


def test_infinities() -> None:
    infinity = parsed("inf")
    assert infinity.compare(parsed("1e4000")) == 1
    assert (-infinity).compare(infinity) == -1
    assert infinity.equals(parsed("Inf"))
    assert not infinity.equals(-infinity)
    assert infinity.to_float() == math.inf
    assert Number.from_float(-math.inf).to_float() == -math.inf
    assert not infinity.is_whole
    assert infinity.sign == 1
    with pytest.raises(ValueProblem):
        infinity.truncate()
    with pytest.raises(ValueProblem):
        Number.from_float(math.nan)


def test_amounts_beyond_a_double() -> None:
    assert parsed("1e4000").to_float() == math.inf
    assert parsed("-1e4000").to_float() == -math.inf
    assert parsed("1e-4000").to_float() == 0.0


def test_very_long_numbers_are_printed() -> None:
    assert str(parsed("1e9000")) == "1" + "0" * 9000
    assert str(parsed("1e-9000")) == "0." + "0" * 8999 + "1"
    assert repr(parsed("2")) == "Number(2)"


def test_sign() -> None:
    assert [parsed(text).sign for text in ("-3", "-0", "0", "2")] == [-1, 0, 0, 1]
    assert str(abs(parsed("-3"))) == "3"
    assert str(abs(parsed("3"))) == "3"
    assert parsed("-1.5").truncate() == -1
