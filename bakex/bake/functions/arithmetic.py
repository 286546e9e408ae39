"""Functions on numbers and bools (specification section 2.15, "Numbers", "Booleans")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.functions import doubles
from bakex.bake.functions.arguments import whole
from bakex.bake.functions.function import FunctionError
from bakex.bake.values.compare import equal as values_equal
from bakex.bake.values.limits import MAX_DIGITS
from bakex.bake.values.number import Number
from bakex.bake.values.value import Value, boolean, list_value, number
from bakex.bake.values.valuetype import NUMBER, describe

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_RANGE = 1024  # elements, as in the reference
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def absolute(num: Value) -> Value:
    """Return the amount without its sign."""
    return number(abs(num.number))


def add(a: Value, b: Value) -> Value:
    """Return the sum."""
    return number(a.number + b.number)


def subtract(a: Value, b: Value) -> Value:
    """Return the difference."""
    return number(a.number - b.number)


def multiply(a: Value, b: Value) -> Value:
    """Return the product."""
    return number(a.number * b.number)


def divide(a: Value, b: Value) -> Value:
    """Return the quotient; an infinity if the divisor is 0."""
    return number(a.number / b.number)


def modulo(a: Value, b: Value) -> Value:
    """Return the remainder, with the sign of the dividend."""
    return number(a.number % b.number)


def negate(num: Value) -> Value:
    """Return the number with the other sign."""
    return number(-num.number)


def ceil(num: Value) -> Value:
    """Return the next whole number up."""
    return number(_rounded(num.number, up=True))


def floor(num: Value) -> Value:
    """Return the next whole number down."""
    return number(_rounded(num.number, up=False))


def _rounded(amount: Number, *, up: bool) -> Number:
    if amount.is_whole or amount.infinite:
        return amount
    whole_part = amount.truncate()
    if up is not amount.negative:
        whole_part += 1 if up else -1
    return Number.from_int(whole_part, amount.precision)


def truncate(num: Value) -> Value:
    """Return the whole part, towards zero."""
    return num if num.number.is_whole else number(num.number.truncate())


def log(num: Value, base: Value) -> Value:
    """Return the logarithm to a base, with the precision of a double."""
    top, bottom = doubles.log(num.number.to_float()), doubles.log(base.number.to_float())
    if bottom == 0 and top == top and top != 0:  # noqa: PLR0124 - NaN
        return number(Number.from_float(float("inf") if top > 0 else float("-inf")))
    return number(_defined(top / bottom if bottom else float("nan"), "logarithm"))


def power(num: Value, power_: Value) -> Value:
    """Return a power, with the precision of a double."""
    return number(_defined(doubles.power(num.number.to_float(), power_.number.to_float()), "power"))


def _defined(result: float, what: str) -> float:
    if result != result:  # noqa: PLR0124 - NaN
        raise FunctionError(f"this {what} is not a real number")
    return result


def signum(num: Value) -> Value:
    """Return -1, 0 or 1."""
    amount = whole(num, 0, "num")
    return number((amount > 0) - (amount < 0))


def smallest(*numbers: Value) -> Value:
    """Return the smallest number."""
    return _extreme(numbers, lambda order: order < 0)


def largest(*numbers: Value) -> Value:
    """Return the largest number."""
    return _extreme(numbers, lambda order: order > 0)


def _extreme(numbers: tuple[Value, ...], better: Callable[[int], bool]) -> Value:
    if not numbers:
        raise FunctionError("at least one number is needed")
    best = numbers[0]
    for candidate in numbers[1:]:
        if better(candidate.number.compare(best.number)):
            best = candidate
    return best


def parseint(number_: Value, base: Value) -> Value:
    """Return the whole number that digits of a base of 2 to 62 say."""
    if number_.kind != "string":
        raise FunctionError(f"a string is required, but this is {describe(number_.type)}", 0)
    if not base.number.is_whole or not 2 <= base.number.truncate() <= 62:
        raise FunctionError("the base must be a whole number from 2 to 62", 1)
    radix = base.number.truncate()
    digits = number_.text.lower() if radix <= 36 else number_.text
    sign = digits[:1] if digits[:1] in {"+", "-"} else ""
    digits = digits[len(sign) :]
    if len(digits) > MAX_DIGITS:
        raise FunctionError(f"there may be at most {MAX_DIGITS} digits", 0)
    allowed = _DIGITS[:radix]
    if not digits or not set(digits) <= set(allowed):
        raise FunctionError(f'"{number_.text}" is not a whole number of base {radix}', 0)
    amount = 0
    for digit in digits:
        amount = amount * radix + allowed.index(digit)
    return number(-amount if sign == "-" else amount)


def series(*params: Value) -> Value:
    """Return numbers from a start to an end that is not reached, by a step."""
    if not 1 <= len(params) <= 3:
        raise FunctionError("one to three arguments are needed: an end, or start, end and step")
    start = params[0].number if len(params) > 1 else Number.from_int(0)
    end = params[min(len(params) - 1, 1)].number
    down = end.compare(start) < 0
    step = params[2].number if len(params) > 2 else Number.from_int(-1 if down else 1)
    if len(params) > 2 and end.compare(start) and step.sign and (step.sign < 0) != down:
        direction = "smaller than the start if the step is negative"
        if step.sign > 0:
            direction = "larger than the start if the step is positive"
        raise FunctionError(f"the end must be {direction}", 1)
    down = step.sign < 0
    found: list[Value] = []
    current = start
    while current.compare(end) > 0 if down else current.compare(end) < 0:
        if len(found) >= _MAX_RANGE:
            raise FunctionError(f"there would be more than {_MAX_RANGE} numbers")
        found.append(number(current))
        current = current + step
    return list_value(NUMBER, found)


# -- bools and comparison


def both(a: Value, b: Value) -> Value:
    """Return whether both are true."""
    return boolean(a.truth and b.truth)


def either(a: Value, b: Value) -> Value:
    """Return whether one is true."""
    return boolean(a.truth or b.truth)


def negation(val: Value) -> Value:
    """Return the other truth."""
    return boolean(not val.truth)


def equal(a: Value, b: Value) -> Value:
    """Return whether two values are equal; values of different types are not."""
    return boolean(values_equal(a, b))


def notequal(a: Value, b: Value) -> Value:
    """Return whether two values are not equal."""
    return boolean(not values_equal(a, b))


def lessthan(a: Value, b: Value) -> Value:
    """Return whether a number is less than another."""
    return boolean(a.number.compare(b.number) < 0)


def lessthanorequalto(a: Value, b: Value) -> Value:
    """Return whether a number is less than another, or equal."""
    return boolean(a.number.compare(b.number) <= 0)


def greaterthan(a: Value, b: Value) -> Value:
    """Return whether a number is greater than another."""
    return boolean(a.number.compare(b.number) > 0)


def greaterthanorequalto(a: Value, b: Value) -> Value:
    """Return whether a number is greater than another, or equal."""
    return boolean(a.number.compare(b.number) >= 0)
