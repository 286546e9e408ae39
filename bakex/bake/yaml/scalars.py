"""What scalars mean: the rules of go-yaml, which are YAML 1.2 with some of 1.1.

Octal numbers are written ``0o17`` or ``017``, underscores in numbers are ignored, ``yes`` and
``on`` are texts, and a date is a time (go-yaml resolve.go; specification section 4.3).
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex.errors import SyntaxDefinitionError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "tag:yaml.org,2002:"
_LONGEST_INTEGER = 80  # characters; 64 bits and a sign take no more in any base
_LONGEST_NUMBER = 1000  # characters; a longer one is text
_MIN, _MAX = -(1 << 63), (1 << 64) - 1
_INTEGER = re.compile(r"([+-]?)(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_POINT = re.compile(r"\.[0-9]+(?:[eE][-+]?[0-9]+)?")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:([Tt ])([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.([0-9]{1,9}))?"
    r"(Z|[-+][0-9]{2}:[0-9]{2})?)?"
)
_INFINITE, _NAN = (".inf", ".Inf", ".INF"), (".nan", ".NaN", ".NAN")


@dataclass(frozen=True, slots=True)
class Time:
    """A date or a point in time.

    Attributes:
        text: As Go prints it: ``2024-01-01 00:00:00 +0000 UTC``.
        rfc3339: As YAML and JSON documents hold it: ``2024-01-01T00:00:00Z``.
    """

    text: str
    rfc3339: str


Value = str | int | float | bool | Time | None

_WORDS: Mapping[str, Value] = MappingProxyType(
    {
        **dict.fromkeys(("true", "True", "TRUE"), True),
        **dict.fromkeys(("false", "False", "FALSE"), False),
        **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
        **{sign + word: math.inf for word in _INFINITE for sign in ("", "+")},
        **{f"-{word}": -math.inf for word in _INFINITE},
        **dict.fromkeys(_NAN, math.nan),
    }
)
_KINDS: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "bool": (bool,),
        "int": (int,),
        "float": (float, int),
        "null": (type(None),),
        "timestamp": (Time,),
    }
)


def plain(text: str) -> Value:
    """Return the value of an unquoted scalar without a tag."""
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if len(text) > _LONGEST_NUMBER or not (first.isdigit() or first in "+-."):
        return text
    if first == ".":
        return _decimal(text, _POINT, text)
    time = _time(text)
    if time is not None:
        return time
    digits = text.replace("_", "")
    number = _integer(digits)
    return _decimal(digits, _FLOAT, text) if number is None else number


def tagged(text: str, tag: str) -> Value:
    """Return the value of a scalar with a tag of YAML's own, such as ``!!int``.

    Raises:
        SyntaxDefinitionError: The text is no such value; without a place.
    """
    name = tag.removeprefix(PREFIX)
    if name == "binary":
        return _binary(text)
    kinds = _KINDS.get(name)
    if kinds is None:
        return text
    value = plain(text)
    if type(value) not in kinds:
        raise SyntaxDefinitionError(f"{text!r} is no {name}", hint="remove the tag")
    return float(value) if name == "float" and isinstance(value, int) else value


def written(value: Value) -> str:
    """Return a value as text, the way Go prints it; null is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _written_float(value)
    return value.text if isinstance(value, Time) else str(value)


def _written_float(value: float) -> str:
    # Go prints the shortest digits that read back, with an exponent below -4 and from 6 on.
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{'-' if value < 0 else '+'}Inf"
    mantissa, _, exponent = repr(value).partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return f"{sign}0"
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if -4 <= point - 1 < 6:
        return sign + _positional(digits, point)
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{rest}e{point - 1:+03d}"


def _positional(digits: str, point: int) -> str:
    if point <= 0:
        return f"0.{'0' * -point}{digits}"
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return f"{digits[:point]}.{digits[point:]}"


def _integer(text: str) -> int | None:
    match = _INTEGER.fullmatch(text) if len(text) <= _LONGEST_INTEGER else None
    if match is None:
        return None
    digits = match[2]
    number = int(digits, 8) if digits[:1] == "0" and digits[1:2].isdigit() else int(digits, 0)
    number = -number if match[1] == "-" else number
    return number if _MIN <= number <= _MAX else None


def _decimal(digits: str, form: re.Pattern[str], text: str) -> float | str:
    if not form.fullmatch(digits):
        return text
    number = float(digits)
    return number if math.isfinite(number) else text


def _binary(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise SyntaxDefinitionError("the !!binary value is no base64 of UTF-8 text") from error


def _time(text: str) -> Time | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, separator, hour, minute, second, fraction, zone = match.groups()
    # Only the form with a T may have a zone, and it must.
    if separator and (separator == " ") == (zone is not None):
        return None
    try:
        found = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
            tzinfo=_zone(zone),
        )  # fmt: skip
    except ValueError:
        return None
    offset = f"{found:%z}"
    digits = (fraction or "").rstrip("0")
    name = "UTC" if zone in {None, "Z"} else offset
    clock = f"{found:%H:%M:%S}{'.' if digits else ''}{digits}"
    date = f"{int(year):04d}-{found:%m-%d}"
    short = "Z" if offset == "+0000" else f"{offset[:3]}:{offset[3:]}"
    return Time(f"{date} {clock} {offset} {name}", f"{date}T{clock}{short}")


def _zone(text: str | None) -> timezone:
    if text in {None, "Z"}:
        return UTC
    sign = -1 if text and text[0] == "-" else 1
    hours, minutes = (text or "")[1:].split(":")
    return timezone(sign * timedelta(hours=int(hours), minutes=int(minutes)))
