"""Arguments of functions as plain Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.functions.function import FunctionError
from bakex.bake.values.valuetype import ITERABLES, SEQUENCES, describe

if TYPE_CHECKING:
    from bakex.bake.values.value import Value

_LARGEST = 2**63 - 1


def whole(value: Value, argument: int, name: str) -> int:
    """Return a number that must be whole and fit in 64 bits.

    Args:
        value: The number.
        argument: Which argument it is, counted from 0.
        name: What to call it.

    Raises:
        FunctionError: It is not.
    """
    number = value.number
    if number.is_whole:
        amount = number.truncate()
        if -_LARGEST - 1 <= amount <= _LARGEST:
            return amount
    raise FunctionError(
        f'"{name}" must be a whole number of at most 64 bits, but this is {number}', argument
    )


def sequence(value: Value, argument: int, name: str) -> tuple[Value, ...]:
    """Return the elements of what must be a list or tuple.

    Raises:
        FunctionError: It is none.
    """
    if value.kind not in SEQUENCES:
        raise FunctionError(
            f'"{name}" must be a list or tuple, but this is {describe(value.type)}', argument
        )
    return value.items


def iterable(value: Value, argument: int, name: str) -> tuple[Value, ...]:
    """Return the elements of what must be a list, tuple or set.

    Raises:
        FunctionError: It is none.
    """
    if value.kind not in ITERABLES:
        raise FunctionError(
            f'"{name}" must be a list, tuple or set, but this is {describe(value.type)}', argument
        )
    return value.items
