"""Binary numbers as decimal digits: exact, shortest, and laid out as text."""

from __future__ import annotations

_CHUNK = 4_000  # digits converted at a time; Python refuses to print more than 4,300 at once
_CHUNK_BITS = 13_000


class Decimal:
    """``0.digits * 10**point``.

    Attributes:
        digits: Without zeros at either end; empty for zero.
        point: Where the point is, counted from the start of the digits.
    """

    __slots__ = ("digits", "point")

    def __init__(self, digits: str, point: int) -> None:
        self.digits = digits.rstrip("0")
        self.point = point if self.digits else 0

    def rounded(self, count: int) -> Decimal:
        """Return the nearest number of at most `count` digits, half to even."""
        digits = self.digits
        if count >= len(digits):
            return self
        if count < 0:
            return Decimal("", 0)
        following, rest = digits[count], digits[count + 1 :]
        odd = count > 0 and int(digits[count - 1]) & 1
        if following > "5" or (following == "5" and (rest or odd)):
            return self.raised(count)
        return Decimal(digits[:count], self.point)

    def raised(self, count: int) -> Decimal:
        """Return the first `count` digits, plus one in the last place."""
        kept = self.digits[:count].rstrip("9")
        if not kept:
            return Decimal("1", self.point + 1)
        return Decimal(kept[:-1] + chr(ord(kept[-1]) + 1), self.point)

    def plain(self, places: int | None = None) -> str:
        """Return digits and a point; `places` digits behind it, or as many as there are."""
        digits, point = self.digits, self.point
        whole = digits[:point].ljust(point, "0") if point > 0 else "0"
        fraction = "0" * -point + digits if point < 0 else digits[max(point, 0) :]
        if places is not None:
            fraction = fraction[:places].ljust(places, "0")
        return f"{whole}.{fraction}" if fraction else whole

    def scientific(self, places: int, mark: str = "e") -> str:
        """Return one digit, a point, `places` digits, and an exponent of two digits or more."""
        head = self.digits[:1] or "0"
        tail = self.digits[1 : 1 + places].ljust(places, "0")
        power = self.point - 1 if self.digits else 0
        sign = "-" if power < 0 else "+"
        return f"{head}{'.' if tail else ''}{tail}{mark}{sign}{abs(power):02d}"


def expand(mantissa: int, exponent: int) -> Decimal:
    """Return all digits of ``mantissa * 2**exponent``."""
    if exponent >= 0:
        text = _text(mantissa << exponent)
        return Decimal(text, len(text))
    # A negative power of two is the same power of five, moved behind the point.
    text = _text(mantissa * 5**-exponent)
    return Decimal(text, len(text) + exponent)


def shortest(mantissa: int, exponent: int, precision: int) -> Decimal:
    """Return the fewest digits that round to this number at a precision.

    The decimals of the number and of the two ends of the interval that rounds to it are compared
    digit by digit: the first place at which rounding down or up stays inside the interval is
    enough (Go's math/big, `roundShortest`). Like Go, it takes the interval to be symmetric, which
    it is not at a power of two: there the last digit may be one off.
    """
    if not mantissa:
        return Decimal("", 0)
    shift = precision + 1 - mantissa.bit_length()
    mantissa, exponent = mantissa << shift, exponent - shift  # the last bit is half a unit
    number = expand(mantissa, exponent)
    lower = expand(mantissa - 1, exponent).digits
    upper = expand(mantissa + 1, exponent).digits
    inclusive = not mantissa & 2  # an even mantissa also owns the ends of its interval
    for place, digit in enumerate(number.digits):
        low = lower[place : place + 1] or "0"
        high = upper[place : place + 1] or "0"
        down = low != digit or (inclusive and place + 1 == len(lower))
        up = digit != high and (inclusive or ord(digit) + 1 < ord(high) or place + 1 < len(upper))
        if down and up:
            return number.rounded(place + 1)
        if down:
            return Decimal(number.digits[: place + 1], number.point)
        if up:
            return number.raised(place + 1)
    return number


def _text(amount: int) -> str:
    parts: list[str] = []
    while amount.bit_length() > _CHUNK_BITS:
        amount, rest = divmod(amount, 10**_CHUNK)
        parts.append(str(rest).zfill(_CHUNK))
    parts.append(str(amount))
    return "".join(reversed(parts))
