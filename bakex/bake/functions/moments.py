"""Points in time without the limits of `datetime`, which ends at the year 9999.

The Gregorian calendar in both directions without end, no leap seconds, as Go's time package.
"""

from __future__ import annotations

import re

from bakex.bake.values.problems import ValueProblem

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
NANOSECONDS = 1_000_000_000

_DAY = 86_400
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
_DURATION_PART = re.compile(r"(\d*)(?:\.(\d*))?([^\d.]+)", re.ASCII)
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": NANOSECONDS,
    "m": 60 * NANOSECONDS,
    "h": 3_600 * NANOSECONDS,
}


class Moment:
    """A second, seen from a time zone.

    Attributes:
        unix: Seconds since 1970-01-01T00:00:00Z.
        offset: Seconds that the time zone is ahead of UTC.
        year, month, day, hour, minute, second: What calendar and clock show there.
    """

    __slots__ = ("day", "hour", "minute", "month", "offset", "second", "unix", "year")

    def __init__(self, unix: int, offset: int = 0) -> None:
        self.unix = unix
        self.offset = offset
        days, seconds = divmod(unix + offset, _DAY)
        self.year, self.month, self.day = _civil(days)
        self.hour, seconds = divmod(seconds, 3_600)
        self.minute, self.second = divmod(seconds, 60)

    @property
    def weekday(self) -> int:
        """The day of the week; Sunday is 0."""
        return ((self.unix + self.offset) // _DAY + 4) % 7

    @property
    def year_day(self) -> int:
        """The day of the year; the first is 1."""
        return (
            days_from_civil(self.year, self.month, self.day) - days_from_civil(self.year, 1, 1) + 1
        )

    @property
    def iso_week(self) -> tuple[int, int]:
        """Year and week of ISO 8601: a week belongs to the year that its Thursday is in."""
        days = (self.unix + self.offset) // _DAY
        thursday = days - (self.weekday + 6) % 7 + 3
        year, _, _ = _civil(thursday)
        return year, (thursday - days_from_civil(year, 1, 1)) // 7 + 1

    def zone(self, separator: str) -> str:
        """Return the offset as hours and minutes."""
        minutes = abs(self.offset) // 60
        sign = "-" if self.offset < 0 else "+"
        return f"{sign}{minutes // 60:02d}{separator}{minutes % 60:02d}"

    def rfc3339(self) -> str:
        """Return date, time and zone; ``Z`` for UTC."""
        date = f"{_year(self.year)}-{self.month:02d}-{self.day:02d}"
        time = f"{self.hour:02d}:{self.minute:02d}:{self.second:02d}"
        return f"{date}T{time}{self.zone(':') if self.offset else 'Z'}"


def _year(year: int) -> str:
    return f"{year:04d}" if year >= 0 else f"-{-year:04d}"


def days_from_civil(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a date of the Gregorian calendar."""
    # Years are counted from March, so that the leap day is the last of a year.
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _civil(days: int) -> tuple[int, int, int]:
    era, of_era = divmod(days + 719_468, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year + era * 400 + (month <= 2), month, day


def parse_moment(text: str) -> tuple[Moment, int]:
    """Return the moment that a text of RFC 3339 says, and the nanoseconds behind it.

    Raises:
        ValueProblem: It says none.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueProblem(
            f'"{text[:60]}" is not a time of RFC 3339', hint="write it like 2024-12-31T23:59:59Z"
        )
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    sign, zone_hour, zone_minute = match[8], int(match[9] or 0), int(match[10] or 0)
    _check(year, month, day)
    if hour > 23 or minute > 59 or second > 59 or zone_hour > 23 or zone_minute > 59:
        raise ValueProblem(f'"{text}" has an hour, minute or second that does not exist')
    offset = (zone_hour * 3_600 + zone_minute * 60) * (-1 if sign == "-" else 1)
    seconds = hour * 3_600 + minute * 60 + second
    unix = days_from_civil(year, month, day) * _DAY + seconds - offset
    return Moment(unix, offset), int((match[7] or "0")[:9].ljust(9, "0"))


def _check(year: int, month: int, day: int) -> None:
    if not 1 <= month <= 12:
        raise ValueProblem(f"there is no month {month}")
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= day <= _LENGTHS[month - 1] + leap:
        raise ValueProblem(f"there is no day {day} in {MONTHS[month - 1]} {year}")


def parse_duration(text: str) -> int:
    """Return the nanoseconds of a duration such as ``1h30m`` or ``-1.5s``.

    Raises:
        ValueProblem: It is none, or beyond 292 years.
    """
    body = text[1:] if text[:1] in {"+", "-"} else text
    total = 0
    if body != "0":
        pos = 0
        while pos < len(body) or not body:
            match = _DURATION_PART.match(body, pos)
            if match is None or not (match[1] or match[2]) or match[3] not in _UNITS:
                raise ValueProblem(
                    f'"{text[:60]}" is not a duration',
                    hint="write it like 1h30m; the units are ns, us, ms, s, m and h",
                )
            total += _amount(match)
            pos = match.end()
    if total >= 2**63:
        raise ValueProblem(f'the duration "{text[:60]}" is too long', hint="the limit is 292 years")
    return -total if text.startswith("-") else total


def _amount(match: re.Match[str]) -> int:
    unit = _UNITS[match[3]]
    # More digits than these change nothing within 292 years and a nanosecond.
    whole, fraction = match[1].lstrip("0")[:40] or "0", (match[2] or "")[:20]
    return int(whole) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
