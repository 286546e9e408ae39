from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.yaml.scalars import PREFIX, Time, Value, plain, tagged, written
from bakex.errors import SyntaxDefinitionError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None), ("~", None), ("null", None), ("NULL", None), ("true", True), ("TRUE", True),
        ("False", False), ("yes", "yes"), ("on", "on"), ("y", "y"), ("nULL", "nULL"),
        ("12", 12), ("+12", 12), ("-0", 0), ("010", 8), ("00", 0), ("-010", -8), ("0o17", 15),
        ("0O17", 15), ("0b11", 3), ("0B11", 3), ("-0b11", -3), ("0x1F", 31), ("0X1f", 31),
        ("+0x10", 16), ("0x_1", 1), ("1_000", 1000), ("1__0", 10), ("1_", 1), ("_1", "_1"),
        ("0b2", "0b2"), ("0x", "0x"), ("08", 8.0), ("1.0", 1.0), ("1.", 1.0), (".5", 0.5),
        (".5e3", 500.0), ("._5", "._5"), (".", "."), ("1e3", 1000.0), ("1E-2", 0.01),
        ("1_0.5", 10.5), ("1e400", "1e400"), ("-.5", -0.5), ("1.5.6", "1.5.6"),
        ("18446744073709551615", 18446744073709551615), ("-9223372036854775808", -(1 << 63)),
        ("99999999999999999999", 1e20), ("9" * 400, "9" * 400), ("9" * 2000, "9" * 2000),
        ("12:30:45", "12:30:45"), ("1.2.3.4", "1.2.3.4"), ("-", "-"), ("+", "+"), ("٣", "٣"),
        (".inf", math.inf), ("+.Inf", math.inf), ("-.INF", -math.inf),
    ],
)  # fmt: skip
def test_plain_scalars(text: str, expected: Value) -> None:
    found = plain(text)
    assert (type(found), found) == (type(expected), expected)


def test_not_a_number() -> None:
    found = plain(".NaN")
    assert isinstance(found, float)
    assert math.isnan(found)


@pytest.mark.parametrize(
    ("text", "printed", "rfc3339"),
    [
        ("2024-01-01", "2024-01-01 00:00:00 +0000 UTC", "2024-01-01T00:00:00Z"),
        ("2024-1-2", "2024-01-02 00:00:00 +0000 UTC", "2024-01-02T00:00:00Z"),
        ("2024-01-01T10:00:00Z", "2024-01-01 10:00:00 +0000 UTC", "2024-01-01T10:00:00Z"),
        (
            "2024-01-01t1:02:03.50-02:30",
            "2024-01-01 01:02:03.5 -0230 -0230",
            "2024-01-01T01:02:03.5-02:30",
        ),
        ("2001-12-14 21:59:43", "2001-12-14 21:59:43 +0000 UTC", "2001-12-14T21:59:43Z"),
    ],
)
def test_times(text: str, printed: str, rfc3339: str) -> None:
    assert plain(text) == Time(printed, rfc3339)
    assert written(plain(text)) == printed


@pytest.mark.parametrize(
    "text", ["2024-13-01", "2024-01-01T10:00:00", "2024-01-01 10:00:00Z", "0000-01-01", "24-01-01"]
)
def test_what_is_no_time_is_text(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("tag", "text", "expected"),
    [
        ("str", "12", "12"), ("int", "12", 12), ("float", "3", 3.0), ("bool", "true", True),
        ("null", "~", None), ("binary", "aGk=", "hi"), ("binary", "aG\n k=", "hi"),
        ("foo", "12", "12"), ("timestamp", "2024-01-01", plain("2024-01-01")),
    ],
)  # fmt: skip
def test_tagged_scalars(tag: str, text: str, expected: Value) -> None:
    found = tagged(text, PREFIX + tag)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("tag", "text"),
    [("int", "foo"), ("float", "foo"), ("bool", "yes"), ("null", "x"), ("timestamp", "1"),
     ("binary", "a"), ("binary", "/w=="), ("int", "1.5")],
)  # fmt: skip
def test_tags_that_do_not_fit(tag: str, text: str) -> None:
    with pytest.raises(SyntaxDefinitionError):
        tagged(text, PREFIX + tag)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""), (True, "true"), (False, "false"), (5, "5"), ("x", "x"), (1.0, "1"),
        (1.5, "1.5"), (0.1, "0.1"), (1000.0, "1000"), (123456.0, "123456"), (1e6, "1e+06"),
        (123456789.0, "1.23456789e+08"), (1e20, "1e+20"), (1e21, "1e+21"), (0.0001, "0.0001"),
        (0.00001, "1e-05"), (1e-7, "1e-07"), (-0.5, "-0.5"), (-1e6, "-1e+06"), (0.0, "0"),
        (-0.0, "-0"), (1.5e100, "1.5e+100"), (math.inf, "+Inf"), (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)  # fmt: skip
def test_values_as_go_prints_them(value: Value, expected: str) -> None:
    assert written(value) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back(number: float) -> None:
    assert float(written(number)) == number


@given(st.text())
def test_any_text_has_a_value(text: str) -> None:
    written(plain(text))
