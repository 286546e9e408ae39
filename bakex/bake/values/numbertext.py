"""The other ways to write a number: ``%e``, ``%f`` and ``%g`` of Go's math/big."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakex.bake.values.number import Number


def fixed(number: Number, places: int) -> str:
    """Return the digits with so many places behind the point, without a sign."""
    exact = number.exact_digits()
    return exact.rounded(exact.point + places).plain(places)


def scientific(number: Number, places: int, mark: str = "e") -> str:
    """Return one digit, so many places, and an exponent, without a sign."""
    return number.exact_digits().rounded(places + 1).scientific(places, mark)


def general(number: Number, precision: int | None = None, mark: str = "e") -> str:
    """Return the shorter of the two forms, without a sign.

    Args:
        number: What to write; finite.
        precision: How many digits at most; None for as few as read back as the same number.
        mark: What comes before an exponent.
    """
    if precision is None:
        digits = number.digits()
        limit = 6
    else:
        precision = precision or 1
        digits = number.exact_digits().rounded(precision)
        count = len(digits.digits)
        limit = count if precision > count >= digits.point else precision
    power = digits.point - 1
    if power < -4 or power >= limit:
        return digits.scientific(max(len(digits.digits) - 1, 0), mark)
    return digits.plain()
