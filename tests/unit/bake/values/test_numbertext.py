from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.values.number import Number
from bakex.bake.values.numbertext import fixed, general, scientific

FLOATS = st.floats(min_value=1e-50, max_value=1e50)


@given(FLOATS, st.integers(0, 20))
def test_like_printf(amount: float, places: int) -> None:
    number = Number.from_float(amount)
    assert fixed(number, places) == f"{amount:.{places}f}"
    assert scientific(number, places) == f"{amount:.{places}e}"


@pytest.mark.parametrize(
    ("text", "precision", "result"),
    [
        ("100000", None, "100000"),
        ("1000000", None, "1e+06"),
        ("123456789", None, "1.23456789e+08"),
        ("0.0001", None, "0.0001"),
        ("0.00001", None, "1e-05"),
        ("1234.5678", 3, "1.23e+03"),
        ("1234.5678", 6, "1234.57"),
        ("15", 0, "2e+01"),
        ("100", 10, "100"),
        ("12345678901", 10, "1.23456789e+10"),
        ("0", 10, "0"),
    ],
)
def test_general(text: str, precision: int | None, result: str) -> None:
    number = Number.parse(text)
    assert number is not None
    assert general(number, precision) == result
    assert general(number, precision, "E") == result.upper()
