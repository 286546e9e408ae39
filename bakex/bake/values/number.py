"""Numbers: binary floating point in which every number carries its own precision.

Literals, numeric strings and JSON numbers have 512 bits, counts 64, environment overrides and
the results of `pow` and `log` 53. A result gets the larger precision of its operands, rounded to
nearest even; text is the shortest decimal that reads back as the same number *at that precision*.
These are the rules of Go's math/big.Float as used by go-cty v1.17, which other digits would betray
(specification section 2.5).
"""

from __future__ import annotations

import re

from bakex.bake.values.decimaltext import Decimal, expand, shortest
from bakex.bake.values.limits import MAX_DIGITS, MAX_EXPONENT
from bakex.bake.values.problems import LimitError, ValueProblem

LITERAL_PRECISION = 512
COUNT_PRECISION = 64
DOUBLE_PRECISION = 53

_NUMBER = re.compile(r"([+-]?)(?:(\d+)\.?(\d*)|\.(\d+))(?:([eEpP])([+-]?\d+))?\Z", re.ASCII)
_INFINITIES = {"Inf": False, "inf": False, "+Inf": False, "+inf": False, "-Inf": True, "-inf": True}


class Number:
    """``mantissa * 2**exponent``, or an infinity; immutable.

    Attributes:
        negative: The sign; zero has one too.
        mantissa: Odd, or 0.
        exponent: The power of two; 0 for zero.
        precision: How many bits results of computing with this may have.
        infinite: Whether this is an infinity.
    """

    __slots__ = ("exponent", "infinite", "mantissa", "negative", "precision")

    def __init__(
        self,
        mantissa: int,
        exponent: int = 0,
        precision: int = LITERAL_PRECISION,
        *,
        negative: bool = False,
        infinite: bool = False,
    ) -> None:
        if mantissa:
            mantissa, exponent = _round(mantissa, exponent, precision)
            if not -MAX_EXPONENT < exponent + mantissa.bit_length() <= MAX_EXPONENT:
                raise LimitError(
                    "the number is out of range",
                    detail="Numbers may have about 9,800 digits before or behind the point.",
                )
        else:
            exponent = 0
        self.mantissa = mantissa
        self.exponent = exponent
        self.precision = precision
        self.negative = negative
        self.infinite = infinite

    def __repr__(self) -> str:
        return f"Number({self})"

    @classmethod
    def from_int(cls, amount: int, precision: int | None = None) -> Number:
        """Return a whole number; of 64 bits of precision, or as many as it needs."""
        if precision is None:
            precision = max(amount.bit_length(), COUNT_PRECISION)
        return cls(abs(amount), 0, precision, negative=amount < 0)

    @classmethod
    def from_float(cls, amount: float) -> Number:
        """Return a double, with a double's precision.

        Raises:
            ValueProblem: It is not a number.
        """
        if amount != amount:  # noqa: PLR0124 - the test for NaN that needs no import
            raise ValueProblem("the result is not a number")
        negative = str(amount).startswith("-")
        if amount in (float("inf"), float("-inf")):
            return cls(0, 0, DOUBLE_PRECISION, negative=negative, infinite=True)
        top, bottom = abs(amount).as_integer_ratio()
        return cls(top, 1 - bottom.bit_length(), DOUBLE_PRECISION, negative=negative)

    @classmethod
    def parse(cls, text: str) -> Number | None:
        """Return the number that a text is, or None if it is none.

        Raises:
            LimitError: It is out of range.
        """
        if (sign := _INFINITIES.get(text)) is not None:
            return cls(0, negative=sign, infinite=True)
        match = _NUMBER.match(text)
        if match is None:
            return None
        sign_text, whole, fraction, only_fraction, mark, power = match.groups()
        fraction = only_fraction or fraction or ""
        digits = (whole or "") + fraction
        negative = sign_text == "-"
        if not digits.strip("0"):
            return cls(0, negative=negative)
        if len(digits) > MAX_DIGITS or (power and len(power) > 7):
            raise LimitError(
                "the number is too long", detail=f"It may have at most {MAX_DIGITS} digits."
            )
        ten, two = -len(fraction), 0
        if mark and mark in "eE":
            ten += int(power)
        elif mark:
            two = int(power)
        return _from_decimal(int(digits), ten, two, negative=negative)

    # -- what it is

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing behind the point."""
        return self.exponent >= 0 and not self.infinite

    @property
    def is_zero(self) -> bool:
        """Whether it is 0 or -0."""
        return not self.mantissa and not self.infinite

    @property
    def sign(self) -> int:
        """Return -1, 0 or 1."""
        if self.is_zero:
            return 0
        return -1 if self.negative else 1

    def truncate(self) -> int:
        """Return the whole part, towards zero.

        Raises:
            ValueProblem: It is an infinity.
        """
        if self.infinite:
            raise ValueProblem("infinity is not a whole number")
        if self.exponent >= 0:
            amount = self.mantissa << self.exponent
        else:
            amount = self.mantissa >> -self.exponent
        return -amount if self.negative else amount

    def to_float(self) -> float:
        """Return the nearest double; an infinity if it is out of a double's range."""
        infinity = float("-inf" if self.negative else "inf")
        if self.infinite:
            return infinity
        try:
            if self.exponent >= 0:
                magnitude = float(self.mantissa << self.exponent)
            else:
                magnitude = self.mantissa / (1 << -self.exponent)
        except OverflowError:
            return infinity
        return -magnitude if self.negative else magnitude

    def compare(self, other: Number) -> int:
        """Return -1, 0 or 1 as this is less than, equal to or greater than the other."""
        if self.infinite or other.infinite:
            left = self.sign if self.infinite else 0
            right = other.sign if other.infinite else 0
        else:
            base = min(self.exponent, other.exponent)
            left, right = self._scaled(base), other._scaled(base)
        return (left > right) - (left < right)

    def equals(self, other: Number) -> bool:
        """Compare as ``==`` does: whole numbers exactly, others by their text.

        So 0.1 from the environment, a double, equals the literal 0.1.
        """
        if self.is_whole and other.is_whole:
            return self.compare(other) == 0
        return self.is_whole == other.is_whole and str(self) == str(other)

    # -- computing

    def __neg__(self) -> Number:
        return Number(
            self.mantissa,
            self.exponent,
            self.precision,
            negative=not self.negative,
            infinite=self.infinite,
        )

    def __abs__(self) -> Number:
        return -self if self.negative else self

    def __add__(self, other: Number) -> Number:
        return self.add(other, max(self.precision, other.precision))

    def __sub__(self, other: Number) -> Number:
        return self + -other

    def add(self, other: Number, precision: int) -> Number:
        """Return the sum, rounded to a precision.

        Raises:
            ValueProblem: The operands are opposite infinities.
        """
        if self.infinite or other.infinite:
            if self.infinite and other.infinite and self.negative != other.negative:
                raise ValueProblem("cannot subtract infinity from infinity")
            return self if self.infinite else other
        base = min(self.exponent, other.exponent)
        total = self._scaled(base) + other._scaled(base)
        # The sum of two negative zeros is the only negative zero that a sum can be.
        negative = total < 0 or (
            self.is_zero and other.is_zero and self.negative and other.negative
        )
        return Number(abs(total), base, precision, negative=negative)

    def __mul__(self, other: Number) -> Number:
        negative = self.negative != other.negative
        precision = max(self.precision, other.precision)
        if self.infinite or other.infinite:
            if self.is_zero or other.is_zero:
                raise ValueProblem("cannot multiply zero by infinity")
            return Number(0, 0, precision, negative=negative, infinite=True)
        product = Number(
            self.mantissa * other.mantissa,
            self.exponent + other.exponent,
            LITERAL_PRECISION,
            negative=negative,
        )
        # A product keeps all its bits, up to 512, even if its operands had fewer.
        product.precision = max(precision, product.mantissa.bit_length())
        return product

    def __truediv__(self, other: Number) -> Number:
        precision = max(self.precision, other.precision)
        negative = self.negative != other.negative
        if (self.infinite and other.infinite) or (self.is_zero and other.is_zero):
            raise ValueProblem("cannot divide zero by zero or infinity by infinity")
        if self.infinite or other.is_zero:
            return Number(0, 0, precision, negative=negative, infinite=True)
        if other.infinite or self.is_zero:
            return Number(0, 0, precision, negative=negative)
        quotient, shift = _divide(self.mantissa, other.mantissa, precision)
        return Number(
            quotient, self.exponent - other.exponent - shift, precision, negative=negative
        )

    def __mod__(self, other: Number) -> Number:
        """Return the remainder with the sign of this number; of a division by zero, this number."""
        if other.is_zero:
            return self
        if self.infinite or other.infinite:
            raise ValueProblem("cannot compute a remainder with infinity")
        quotient = Number.from_int((self / other).truncate(), self.precision)
        product = Number(
            quotient.mantissa * other.mantissa,
            quotient.exponent + other.exponent,
            self.precision,
            negative=quotient.negative != other.negative,
        )
        return self.add(-product, self.precision)

    def _scaled(self, base: int) -> int:
        amount = self.mantissa << (self.exponent - base)
        return -amount if self.negative else amount

    # -- text

    def digits(self) -> Decimal:
        """Return the shortest digits that read back as this number."""
        if self.is_whole and self.mantissa.bit_length() + self.exponent <= self.precision:
            return expand(self.mantissa, self.exponent)
        return shortest(self.mantissa, self.exponent, self.precision)

    def exact_digits(self) -> Decimal:
        """Return all digits."""
        return expand(self.mantissa, self.exponent)

    def __str__(self) -> str:
        """Return the number as text, never with an exponent."""
        if self.infinite:
            return "-Inf" if self.negative else "+Inf"
        return ("-" if self.negative else "") + self.digits().plain()


def _round(mantissa: int, exponent: int, precision: int) -> tuple[int, int]:
    """Return the same number in at most `precision` bits, half to even, with an odd mantissa."""
    extra = mantissa.bit_length() - precision
    if extra > 0:
        rest = mantissa & ((1 << extra) - 1)
        half = 1 << (extra - 1)
        mantissa >>= extra
        exponent += extra
        if rest > half or (rest == half and mantissa & 1):
            mantissa += 1
    zeros = (mantissa & -mantissa).bit_length() - 1
    return mantissa >> zeros, exponent + zeros


def _divide(top: int, bottom: int, precision: int) -> tuple[int, int]:
    """Return a quotient with enough bits to be rounded, and how far it is shifted up."""
    shift = max(0, precision + 2 + bottom.bit_length() - top.bit_length())
    quotient, rest = divmod(top << shift, bottom)
    if not rest:
        return quotient, shift
    # One more bit stands for all that follows, so that rounding sees it is no exact half.
    return quotient << 1 | 1, shift + 1


def _from_decimal(digits: int, ten: int, two: int, *, negative: bool) -> Number:
    # log2(10) < 4: far outside the range even 10**ten would take long to compute.
    if abs(ten) > MAX_EXPONENT or abs(two) > 4 * MAX_EXPONENT:
        raise LimitError(
            "the number is out of range",
            detail="Numbers may have about 9,800 digits before or behind the point.",
        )
    if ten >= 0:
        return Number(digits * 5**ten, ten + two, negative=negative)
    quotient, shift = _divide(digits, 5**-ten, LITERAL_PRECISION)
    return Number(quotient, ten + two - shift, negative=negative)
