"""Functions on time (specification section 2.15, "Dates", and 2.15.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bakex.bake.functions.function import Context, FunctionError
from bakex.bake.functions.moments import (
    MONTHS,
    NANOSECONDS,
    WEEKDAYS,
    Moment,
    parse_duration,
    parse_moment,
)
from bakex.bake.values.problems import ValueProblem
from bakex.bake.values.value import Value, number, object_value, string
from bakex.bake.values.valuetype import describe

if TYPE_CHECKING:
    from collections.abc import Callable

_TOKEN = re.compile(r"('')|'((?:[^']|'')*)'|(')|([a-zA-Z])\4*|[^a-zA-Z']+", re.ASCII)
_UNIX_SECONDS = "X"

_VERBS: dict[str, Callable[[Moment], str]] = {
    "YYYY": lambda at: f"{at.year:04d}",
    "YY": lambda at: f"{at.year % 100:02d}",
    "M": lambda at: str(at.month),
    "MM": lambda at: f"{at.month:02d}",
    "MMM": lambda at: MONTHS[at.month - 1][:3],
    "MMMM": lambda at: MONTHS[at.month - 1],
    "D": lambda at: str(at.day),
    "DD": lambda at: f"{at.day:02d}",
    "EEE": lambda at: WEEKDAYS[at.weekday][:3],
    "EEEE": lambda at: WEEKDAYS[at.weekday],
    "h": lambda at: str(at.hour),
    "hh": lambda at: f"{at.hour:02d}",
    "H": lambda at: str(at.hour % 12 or 12),
    "HH": lambda at: f"{at.hour % 12 or 12:02d}",
    "AA": lambda at: "AM" if at.hour < 12 else "PM",
    "aa": lambda at: "am" if at.hour < 12 else "pm",
    "m": lambda at: str(at.minute),
    "mm": lambda at: f"{at.minute:02d}",
    "s": lambda at: str(at.second),
    "ss": lambda at: f"{at.second:02d}",
    "Z": lambda at: at.zone(":") if at.offset else "Z",
    "ZZZ": lambda at: at.zone("") if at.offset else "UTC",
    "ZZZZ": lambda at: at.zone(""),
    "ZZZZZ": lambda at: at.zone(":"),
}


def timestamp(context: Context) -> Value:
    """Return the current time in UTC, in whole seconds."""
    now = context.now().utctimetuple()
    date = f"{now.tm_year:04d}-{now.tm_mon:02d}-{now.tm_mday:02d}"
    return string(f"{date}T{now.tm_hour:02d}:{now.tm_min:02d}:{now.tm_sec:02d}Z")


def formatdate(template: Value, time: Value) -> Value:
    """Return a time in a format such as ``YYYY-MM-DD``."""
    return string(_format(template.text, _moment(time.text, 1)))


def formattimestamp(template: Value, time: Value) -> Value:
    """Return a time, or a number of seconds since 1970, in a format; ``X`` is those seconds."""
    if time.kind == "number":
        moment = Moment(_seconds(time, 1))
    elif time.kind == "string":
        moment = _moment(time.text, 1)
    else:
        raise FunctionError(
            f"a time or a number of seconds is required, but this is {describe(time.type)}", 1
        )
    if template.text == _UNIX_SECONDS:
        return string(str(moment.unix))
    return string(_format(template.text, moment))


def timeadd(time: Value, duration: Value) -> Value:
    """Return a time that is a duration later, in whole seconds and in the same zone."""
    moment, fraction = _parsed(time.text, 0)
    try:
        nanoseconds = fraction + parse_duration(duration.text)
    except ValueProblem as error:
        raise FunctionError(error.summary, 1, hint=error.hint) from None
    return string(Moment(moment.unix + nanoseconds // NANOSECONDS, moment.offset).rfc3339())


def unixtimestampparse(unix: Value) -> Value:
    """Return what calendar and clock show at a number of seconds since 1970, in UTC."""
    at = Moment(_seconds(unix, 0))
    iso_year, iso_week = at.iso_week
    numbers = {
        "year": at.year,
        "year_day": at.year_day,
        "day": at.day,
        "month": at.month,
        "weekday": at.weekday,
        "hour": at.hour,
        "minute": at.minute,
        "second": at.second,
        "iso_year": iso_year,
        "iso_week": iso_week,
    }
    texts = {
        "month_name": MONTHS[at.month - 1],
        "weekday_name": WEEKDAYS[at.weekday],
        "rfc3339": at.rfc3339(),
    }
    return object_value(
        {name: number(amount) for name, amount in numbers.items()}
        | {name: string(text) for name, text in texts.items()}
    )


def _seconds(value: Value, argument: int) -> int:
    amount = value.number
    if not amount.is_whole or amount.exponent + amount.mantissa.bit_length() > 63:
        raise FunctionError(f"a whole number of seconds is required, not {amount}", argument)
    return amount.truncate()


def _moment(text: str, argument: int) -> Moment:
    return _parsed(text, argument)[0]


def _parsed(text: str, argument: int) -> tuple[Moment, int]:
    try:
        return parse_moment(text)
    except ValueProblem as error:
        raise FunctionError(error.summary, argument, hint=error.hint) from None


def _format(template: str, moment: Moment) -> str:
    parts: list[str] = []
    for token in _TOKEN.finditer(template):
        quote, quoted, unquoted, letter = token.groups()
        if unquoted:
            raise FunctionError("the format has a quote that is not closed", 0)
        if quote:
            parts.append("'")
        elif quoted is not None:
            parts.append(quoted.replace("''", "'"))
        elif letter is None:
            parts.append(token.group())
        else:
            parts.append(_shown(token.group(), moment))
    return "".join(parts)


def _shown(verb: str, moment: Moment) -> str:
    show = _VERBS.get(verb)
    if show is None:
        near = [known for known in _VERBS if known[0] == verb[0]]
        hint = f"there are {', '.join(near)}" if near else "put plain text in single quotes"
        raise FunctionError(f'the format has no meaning for "{verb[:20]}"', 0, hint=hint)
    return show(moment)
