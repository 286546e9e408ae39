"""Sizes as people write them: ``512mb`` is 536870912 bytes."""

from __future__ import annotations

import re

_POWER = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+) *(?:(b?)|([kmgtp])(?:i?b)?)", re.IGNORECASE)


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
