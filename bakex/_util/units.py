"""Sizes and durations as people write them: ``512mb`` is 536870912 bytes, ``1h30m`` 5400 s."""

from __future__ import annotations

import re

_POWER = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+) *(?:(b?)|([kmgtp])(?:i?b)?)", re.IGNORECASE)

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[smhdw])")


def parse_duration(text: str) -> float:
    """Read a duration in seconds: numbers with the units ms, s, m, h, d and w, such as ``1h30m``.

    As Go's ``time.ParseDuration``, without its smallest units, and with days and weeks.

    Raises:
        ValueError: Not a duration.
    """
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"invalid duration {text!r}")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def parse_size(text: str) -> int:
    """Read a size in bytes: a decimal number, then optionally k, m, g, t or p, then ``b``/``ib``.

    Units are powers of 1024 whatever their spelling, as in docker/go-units ``RAMInBytes``. Parts of
    a byte are cut off.

    Raises:
        ValueError: Not a size, or a negative one.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid size {text!r}")
    scale = 1 << 10 * _POWER[(match[3] or "").lower()]
    whole, _, fraction = match[1].partition(".")
    # Integers throughout: a float would lose the last digits of large sizes.
    divisor: int = 10 ** len(fraction)
    return int(whole or "0") * scale + int(fraction or "0") * scale // divisor
