"""Logarithm and power of doubles, digit for digit as Go computes them.

Libraries of different systems disagree in the last bit, and the results end up in printed
definitions. Algorithms: Go's math package, log.go and pow.go (after FreeBSD's e_log.c).
"""

from __future__ import annotations

import math

_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_EVEN = (3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01)
_ODD = (
    6.666666666666735130e-01,
    2.857142874366239149e-01,
    1.818357216161805012e-01,
    1.479819860511658591e-01,
)
_HALF_ROOT = math.sqrt(2) / 2
_LARGE_EXPONENT = 1 << 12  # beyond this the result is out of range whatever follows


def log(x: float) -> float:
    """Return the natural logarithm; NaN of a negative number."""
    if x == math.inf:
        return x
    if x < 0:
        return math.nan
    if x == 0:
        return -math.inf
    fraction, power = math.frexp(x)
    if fraction < _HALF_ROOT:
        fraction *= 2
        power -= 1
    f = fraction - 1
    s = f / (2 + f)
    s2 = s * s
    s4 = s2 * s2
    odd = s2 * (_ODD[0] + s4 * (_ODD[1] + s4 * (_ODD[2] + s4 * _ODD[3])))
    even = s4 * (_EVEN[0] + s4 * (_EVEN[1] + s4 * _EVEN[2]))
    half = 0.5 * f * f
    return power * _LN2_HIGH - ((half - (s * (half + odd + even) + power * _LN2_LOW)) - f)


def power(x: float, y: float) -> float:
    """Return x to the power of y; NaN for a fractional power of a negative number."""
    if y == 1:
        return x
    special = _special_power(x, y)
    if special is not None:
        return special
    fraction, whole = math.modf(abs(y))
    if fraction and x < 0:
        return math.nan
    if whole >= 2.0**63:
        return _limit(x, rising=y > 0)
    result = 1.0
    if fraction:
        if fraction > 0.5:
            fraction -= 1
            whole += 1
        result = math.exp(fraction * log(x))
    result, exponent = _whole_power(result, x, int(whole))
    if y < 0:
        result, exponent = 1 / result, -exponent
    try:
        return math.ldexp(result, exponent)
    except OverflowError:
        return math.copysign(math.inf, result)


def _whole_power(result: float, x: float, times: int) -> tuple[float, int]:
    """Return ``result * x**times`` as a factor and a binary exponent."""
    exponent = 0
    factor, power_of_factor = math.frexp(x)
    while times:
        if abs(power_of_factor) > _LARGE_EXPONENT:
            exponent += power_of_factor
            break
        if times & 1:
            result *= factor
            exponent += power_of_factor
        factor *= factor
        power_of_factor <<= 1
        if factor < 0.5:
            factor += factor
            power_of_factor -= 1
        times >>= 1
    return result, exponent


def _special_power(x: float, y: float) -> float | None:
    """Return the power where no computing is needed."""
    if y == 0 or x == 1:
        return 1.0
    if x == 0:
        return _power_of_zero(x, y)
    if math.isinf(y):
        return _limit(x, rising=y > 0)
    if math.isinf(x):
        return _power_of_zero(1 / x, -y)
    if abs(y) == 0.5 and x > 0:
        root = math.sqrt(x)
        return root if y > 0 else 1 / root
    return None


def _power_of_zero(zero: float, y: float) -> float:
    odd = y.is_integer() and abs(y) < 2**53 and int(y) % 2 == 1
    size = math.inf if y < 0 else 0.0
    return math.copysign(size, zero) if odd else size


def _limit(x: float, *, rising: bool) -> float:
    """Return what ever larger powers of x go to."""
    if x == -1:
        return 1.0
    return 0.0 if (abs(x) < 1) == rising else math.inf
