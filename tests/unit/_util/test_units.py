from __future__ import annotations

import pytest

from bakex._util.units import parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("128", 128),
        ("128b", 128),
        ("1k", 1024),
        ("1KB", 1024),
        ("128MiB", 128 << 20),
        ("10 mb", 10 << 20),
        ("1.5g", 3 << 29),
        (".5k", 512),
        ("1t", 1 << 40),
        ("1p", 1 << 50),
        ("9007199254740993", 9007199254740993),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "-1", "1x", "1ki", "1kbb", "k", "1.2.3", " 1", "1 k b"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="invalid size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90s", 90), ("1h30m", 5400), ("24h", 86400), ("2d", 172800), ("1.5h", 5400), ("250ms", 0.25)],
)
def test_durations(text: str, expected: float) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "5", "h", "1h 2m", "-1h", "1y", "1hx"])
def test_texts_that_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        parse_duration(text)
