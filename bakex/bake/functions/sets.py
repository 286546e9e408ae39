"""Functions on sets (specification section 2.15, "Collections").

The arguments are converted to sets of the one type that all their elements can have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.functions.function import FunctionError
from bakex.bake.values.compare import equal, identity, set_value
from bakex.bake.values.convert import convert
from bakex.bake.values.unify import unify
from bakex.bake.values.value import Value, boolean
from bakex.bake.values.valuetype import ANY, CollectionType, Type, set_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_Elements = dict["Hashable", Value]


def setunion(first: Value, *others: Value) -> Value:
    """Return the elements of any of the sets."""
    return _combine((first, *others), lambda a, b: {**a, **b})


def setintersection(first: Value, *others: Value) -> Value:
    """Return the elements that all sets have."""
    return _combine(
        (first, *others), lambda a, b: {key: item for key, item in a.items() if key in b}
    )


def setsubtract(a: Value, b: Value) -> Value:
    """Return the elements of one set that another does not have."""
    return _combine((a, b), lambda a, b: {key: item for key, item in a.items() if key not in b})


def setsymmetricdifference(first: Value, *others: Value) -> Value:
    """Return the elements that an odd number of the sets have."""
    return _combine(
        (first, *others),
        lambda a, b: {key: item for key, item in (a | b).items() if (key in a) is not (key in b)},
    )


def sethaselement(set_: Value, elem: Value) -> Value:
    """Return whether a set has an element of exactly that type."""
    return boolean(any(equal(item, elem) for item in set_.items))


def _element(value: Value) -> Type:
    return value.type.element if isinstance(value.type, CollectionType) else ANY


def _combine(
    sets: tuple[Value, ...], operation: Callable[[_Elements, _Elements], _Elements]
) -> Value:
    # An empty set literal has no element type; it fits every other.
    common = unify(_element(value) for value in sets)
    if common is None:
        raise FunctionError("the sets must have types of elements that fit together")
    converted = [convert(value, set_of(common)) for value in sets]
    result: _Elements | None = None
    for value in converted:
        elements = {identity(item): item for item in value.items}
        result = elements if result is None else operation(result, elements)
    return set_value(common, (result or {}).values())
