"""Equality, and the order of the elements of sets."""

from __future__ import annotations

from functools import cmp_to_key
from typing import TYPE_CHECKING

from bakex.bake.values.numbertext import general
from bakex.bake.values.quoting import quote_go
from bakex.bake.values.value import Value, list_value
from bakex.bake.values.valuetype import MAPPINGS, PRIMITIVES, CollectionType, Type

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from bakex.bake.values.number import Number


def equal(left: Value, right: Value) -> bool:
    """Compare as ``==`` does: never converts, so values of different types are not equal.

    All nulls are equal, whatever their types.
    """
    if left.is_null or right.is_null:
        return left.is_null and right.is_null
    return left.type == right.type and identity(left) == identity(right)


def identity(value: Value) -> Hashable:
    """Return what two values of one type have in common exactly if they are equal."""
    if value.raw is None or value.kind in {"string", "bool"}:
        simple: str | bool | None = value.raw
        return simple
    if value.kind == "number":
        return _number_identity(value.number)
    if value.kind in MAPPINGS:
        return tuple((key, identity(item)) for key, item in value.mapping.items())
    return tuple(map(identity, value.items))


def _number_identity(number: Number) -> Hashable:
    """Return the amount of a whole number, and the text of any other; see `Number.equals`."""
    if not number.is_whole:
        return str(number)
    return -number.mantissa if number.negative else number.mantissa, number.exponent


def set_value(element: Type, items: Iterable[Value]) -> Value:
    """Return the set of some elements that all have the type `element` already.

    Order: strings by code point, numbers by amount, false before true, null last; anything else by
    a text that the reference computes of it (go-cty v1.17, `setRules.Less`).

    Raises:
        LimitError: It is too large.
    """
    elements = tuple(items)
    distinct = {identity(item): item for item in reversed(elements)}
    ordered = [item for item in distinct.values() if not item.is_null]
    if element.kind == "number":
        ordered.sort(key=cmp_to_key(_compare_amounts))
    elif element.kind in PRIMITIVES:
        ordered.sort(key=lambda item: item.raw)
    else:
        ordered.sort(key=_order_text)
    ordered.extend(item for item in distinct.values() if item.is_null)
    checked = list_value(element, ordered)
    return Value(CollectionType("set", element), checked.items, checked.weight)


def _compare_amounts(left: Value, right: Value) -> int:
    return left.number.compare(right.number)


def _order_text(value: Value) -> str:
    """Return the text that composite elements are ordered by (go-cty, `makeSetHashBytes`)."""
    if value.is_null:
        return "~"
    kind = value.kind
    if kind in PRIMITIVES:
        return _primitive_text(value)
    if kind == "map":
        inner = [f"{quote_go(key)}:{_order_text(item)};" for key, item in value.mapping.items()]
        return f"{{{''.join(inner)}}}"
    items = value.mapping.values() if kind == "object" else value.items
    text = "".join(_order_text(item) + ";" for item in items)
    return f"<{text}>" if kind in {"object", "tuple"} else f"[{text}]"


def _primitive_text(value: Value) -> str:
    if value.kind == "string":
        return quote_go(value.text)
    if value.kind == "bool":
        return "T" if value.truth else "F"
    number = value.number
    if number.infinite:
        return str(number)
    return ("-" if number.negative else "") + general(number, 10)
