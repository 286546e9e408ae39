from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.progress.text import clean, count, cut, decode, seconds, size, width


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("plain", "plain"),
        ("größe 日本", "größe 日本"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdcs\x1b\\x", "x"),
        ("\x1b]0;never ends", ""),
        ("\x1b(Bx\x1bcy", "xy"),
        ("\x9b31mx", "x"),
        ("a\x1b", "a"),
        ("\x1b[", ""),
        ("bell\x07 back\x08", "bell\ufffd back\ufffd"),
        ("a\tb", "a       b"),
        ("10%\r50%\r100%", "100%"),
        ("100%\r", "100%"),
        ("\r\r", ""),
        ("a\u202eb", "a\ufffdb"),
        ("a\nb", "a\ufffdb"),
    ],
)
def test_clean(raw: str, expected: str) -> None:
    assert clean(raw) == expected


@given(st.binary(max_size=200))
def test_whatever_a_step_writes_is_harmless(data: bytes) -> None:
    text = decode(data)
    assert all(unicodedata.category(char) != "Cc" for char in text)
    assert clean(text) == text


def test_decode_replaces_what_is_not_utf8() -> None:
    assert decode(b"a\xff\xe2\x82b") == "a\ufffd\ufffdb"


@given(st.text(max_size=60), st.integers(min_value=0, max_value=40))
def test_cut_never_exceeds_the_columns(raw: str, columns: int) -> None:
    text = clean(raw)
    assert width(cut(text, columns)) <= columns
    if width(text) <= columns:
        assert cut(text, columns) == text


def test_width_counts_columns() -> None:
    assert [width(text) for text in ("abc", "日本", "e\u0301", "\u200b")] == [3, 4, 1, 0]
    assert cut("日本語", 5) == "日..."


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0B"),
        (999, "999B"),
        (1000, "1.00kB"),
        (1_234_567, "1.23MB"),
        (5_000_000_000, "5.00GB"),
        (7_000_000_000_000, "7.00TB"),
    ],
)
def test_size(number: int, expected: str) -> None:
    assert size(number) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(-1, "0.0s"), (0.04, "0.0s"), (59.94, "59.9s"), (185, "3m05s"), (3720, "1h02m")],
)
def test_seconds(value: float, expected: str) -> None:
    assert seconds(value) == expected


def test_count() -> None:
    assert [count(n, "cell") for n in (0, 1, 2)] == ["0 cells", "1 cell", "2 cells"]
