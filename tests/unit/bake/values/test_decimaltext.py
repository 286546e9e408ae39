from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bakex.bake.values.decimaltext import Decimal as Digits
from bakex.bake.values.decimaltext import expand, shortest
from bakex.bake.values.number import Number


@given(st.integers(0, 10**30), st.integers(-200, 200))
def test_expand_gives_all_digits(mantissa: int, exponent: int) -> None:
    exact = Context(prec=1000).multiply(
        Decimal(mantissa), Context(prec=1000).power(Decimal(2), Decimal(exponent))
    )
    assert Decimal(expand(mantissa, exponent).plain()) == exact


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_shortest_of_a_double_is_what_python_prints(amount: float) -> None:
    number = Number.from_float(amount)
    assume(number.mantissa != 1)  # at powers of two Go's digits are not the nearest
    digits = shortest(number.mantissa, number.exponent, 53)
    found, printed = Decimal(digits.plain()), Decimal(repr(amount))
    if found != printed:
        # Go cuts off instead of rounding up where the upper end of the interval has no more digits.
        assert float(found) == amount
        count = len(printed.normalize().as_tuple().digits)
        assert expand(number.mantissa, number.exponent).digits[:count] == digits.digits
        shift = 54 - number.mantissa.bit_length()
        above = expand((number.mantissa << shift) + 1, number.exponent - shift)
        assert len(above.digits) < count


def test_the_reference_cuts_off_where_the_interval_ends() -> None:
    # pow(447239534176325568, 1) in a bake file, by buildx 0.29.1; Python prints ...570.
    number = Number.from_float(4.4723953417632557e17)
    assert shortest(number.mantissa, number.exponent, 53).plain() == "447239534176325560"


@given(st.decimals(1, 10**20, places=10), st.integers(1, 25))
def test_rounding_is_half_to_even(amount: Decimal, count: int) -> None:
    text = format(amount, "f")
    whole, _, fraction = text.partition(".")
    rounded = Digits(whole + fraction, len(whole)).rounded(count)
    assert Decimal(rounded.plain()) == Context(count, ROUND_HALF_EVEN).create_decimal(amount)


@pytest.mark.parametrize(
    ("digits", "point", "plain", "scientific"),
    [
        ("", 5, "0", "0e+00"),
        ("12", 1, "1.2", "1.2e+00"),
        ("12", 4, "1200", "1.2e+03"),
        ("12", -1, "0.012", "1.2e-02"),
        ("1200", 4, "1200", "1.2e+03"),
    ],
)
def test_layout(digits: str, point: int, plain: str, scientific: str) -> None:
    number = Digits(digits, point)
    assert number.plain() == plain
    assert number.scientific(max(len(number.digits) - 1, 0)) == scientific


def test_places() -> None:
    assert Digits("12", 1).plain(0) == "1"
    assert Digits("12", 1).plain(3) == "1.200"
    assert Digits("12", 1).scientific(3, "E") == "1.200E+00"


def test_rounding_at_the_ends() -> None:
    assert Digits("999", 3).rounded(2).plain() == "1000"
    assert Digits("5", 0).rounded(0).plain() == "0"
    assert Digits("6", 0).rounded(0).plain() == "1"
    assert Digits("9", 0).rounded(-1).plain() == "0"
    assert shortest(0, 0, 53).plain() == "0"


def test_numbers_longer_than_python_prints_at_once() -> None:
    assert expand(10**9000 + 7, 0).plain() == "1" + "0" * 8999 + "7"
