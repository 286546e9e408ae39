from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.functions.moments import Moment, days_from_civil, parse_duration, parse_moment
from bakex.bake.values.problems import ValueProblem

OFFSETS = st.integers(-23 * 60, 23 * 60)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), OFFSETS)  # noqa: DTZ001 - the zone is added
def test_calendar_agrees_with_the_standard_library(naive: datetime, minutes: int) -> None:
    expected = naive.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    moment = Moment((expected - EPOCH) // timedelta(seconds=1), minutes * 60)
    assert moment.rfc3339() == expected.isoformat().replace("+00:00", "Z")
    assert moment.weekday == expected.isoweekday() % 7
    assert moment.year_day == expected.timetuple().tm_yday
    assert moment.iso_week == expected.isocalendar()[:2]
    assert parse_moment(expected.isoformat())[0].unix == moment.unix


def test_years_outside_of_the_standard_library() -> None:
    assert Moment(253_402_300_800).rfc3339() == "10000-01-01T00:00:00Z"
    assert Moment(days_from_civil(0, 12, 31) * 86_400).rfc3339() == "0000-12-31T00:00:00Z"
    assert Moment(days_from_civil(-1, 2, 3) * 86_400).rfc3339() == "-0001-02-03T00:00:00Z"


def test_fractions_of_a_second() -> None:
    moment, nanoseconds = parse_moment("2024-02-29T01:02:03.25-00:30")
    assert (moment.hour, moment.offset, nanoseconds) == (1, -1800, 250_000_000)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2024-03-05", "is not a time of RFC 3339"),
        ("2024-03-05 10:00:00Z", "is not a time of RFC 3339"),
        ("2024-03-05T7:00:00Z", "is not a time of RFC 3339"),
        ("2024-03-05T10:00:00Z\n", "is not a time of RFC 3339"),
        ("2024-13-05T00:00:00Z", "there is no month 13"),
        ("2023-02-29T00:00:00Z", "there is no day 29 in February 2023"),
        ("1900-02-29T00:00:00Z", "there is no day 29"),
        ("2024-02-01T24:00:00Z", "does not exist"),
        ("2024-02-01T00:00:60Z", "does not exist"),
        ("2024-02-01T00:00:00+24:00", "does not exist"),
    ],
)
def test_what_is_no_time(text: str, reason: str) -> None:
    with pytest.raises(ValueProblem, match=reason):
        parse_moment(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h30m", 5_400),
        ("-24h", -86_400),
        ("+1.5s", 1.5),
        (".5h", 1_800),
        ("1.h", 3_600),
        ("0", 0),
        ("-0", 0),
        ("1µs1us1ns", 2.001e-6),
        ("100ms", 0.1),
    ],
)
def test_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == round(seconds * 1e9)


@pytest.mark.parametrize("text", ["", "+", "10", "1d", "1h 1m", ".h", "h", "1h10"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueProblem, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["2562048h", "9" * 1000 + "ns"])
def test_duration_that_is_too_long(text: str) -> None:
    with pytest.raises(ValueProblem, match="is too long"):
        parse_duration(text)
