"""How large values may get: far above real files, and low enough to stop hostile ones early."""

from __future__ import annotations

from bakex.bake.values.problems import LimitError

MAX_TEXT = 16 * 1024 * 1024  # characters of one string
MAX_WEIGHT = 1 << 20  # elements of one value, counting shared parts each time, plus text / 64
MAX_STEPS = 1_000_000  # loop turns, calls and elements touched while one file is evaluated
MAX_EXPONENT = 1 << 15  # binary exponent of a number: about 9,800 decimal digits
MAX_DIGITS = 4_000  # digits of a number as text; Python itself refuses more than 4,300


def check_text(size: int) -> None:
    """Refuse a string of `size` characters before it is built.

    Raises:
        LimitError: It would be too long.
    """
    if size > MAX_TEXT:
        raise LimitError(
            "the text is too long",
            detail=f"It would have {size} characters; the limit is {MAX_TEXT}.",
        )


def check_weight(weight: int) -> None:
    """Refuse a collection of `weight` elements, counted through all levels.

    Raises:
        LimitError: It would be too large.
    """
    if weight > MAX_WEIGHT:
        raise LimitError(
            "the value is too large",
            detail=f"It would hold more than {MAX_WEIGHT} elements, counted through all levels.",
        )
