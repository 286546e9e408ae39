"""Indexes and attributes of values (specification section 2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.hcl.suggestion import did_you_mean
from bakex.bake.hcl.syntax import AttributeStep
from bakex.bake.values.convert import convert
from bakex.bake.values.problems import ConversionError, ValueProblem
from bakex.bake.values.value import UNKNOWN, Value
from bakex.bake.values.valuetype import MAPPINGS, NUMBER, SEQUENCES, STRING, describe
from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.bake.hcl.syntax import Step
    from bakex.bake.values.valuetype import Type


def apply_steps(value: Value, steps: Sequence[Step]) -> Value:
    """Return what constant steps lead to.

    Raises:
        ValueProblem: There is no such thing; the place is that of the step.
    """
    for step in steps:
        try:
            if isinstance(step, AttributeStep):
                value = attribute_of(value, step.name)
            else:
                value = index_of(value, step.key)
        except DefinitionError as error:
            error.span, error.source = step.span, step.source.text
            raise
    return value


def attribute_of(value: Value, name: str) -> Value:
    """Return an attribute of an object, or the element of a map.

    Raises:
        ValueProblem: There is none.
    """
    if not value.is_known:
        return UNKNOWN
    if value.is_null:
        raise ValueProblem(
            f'null has no attribute "{name}"', detail="The value before the dot is null."
        )
    if value.kind in MAPPINGS:
        return _entry(value, name)
    hint = "write [*] before the dot for that attribute of every element"
    raise ValueProblem(
        f'{describe(value.type)} has no attribute "{name}"',
        detail="Only objects and maps have attributes.",
        hint=hint if value.kind in SEQUENCES else "",
    )


def _entry(value: Value, name: str) -> Value:
    found = value.mapping.get(name)
    if found is not None:
        return found
    known = ", ".join(value.mapping) if len(value.mapping) <= 20 else ""
    what = f'the object has no attribute "{name}"'
    raise ValueProblem(
        what if value.kind == "object" else f'the map has no element "{name}"',
        detail=f"There are: {known}." if known else "",
        hint=did_you_mean(name, value.mapping),
    )


def index_of(value: Value, key: Value) -> Value:
    """Return the element of a collection.

    Raises:
        ValueProblem: There is none.
    """
    if not value.is_known or not key.is_known:
        return UNKNOWN
    if value.is_null:
        raise ValueProblem("null has no elements", detail="The value before the bracket is null.")
    if key.is_null:
        raise ValueProblem("an index cannot be null")
    if value.kind in SEQUENCES:
        return _element(value.items, key)
    if value.kind in MAPPINGS:
        return _entry(value, _key(key, STRING).text)
    raise _no_index(value)


def _no_index(value: Value) -> ValueProblem:
    if value.kind == "set":
        return ValueProblem(
            "a set has no order and cannot be indexed",
            hint="convert(value, list(string)) makes a list of it",
        )
    return ValueProblem(f"{describe(value.type)} cannot be indexed")


def _key(key: Value, type_: Type) -> Value:
    try:
        return convert(key, type_)
    except ConversionError as error:
        raise ValueProblem(f"this cannot be an index: {error.reason}") from None


def _element(items: Sequence[Value], key: Value) -> Value:
    number = _key(key, NUMBER).number
    if not number.is_whole:
        raise ValueProblem(f"an index must be a whole number, not {number}")
    position = number.truncate()
    if position < 0:
        raise ValueProblem(
            f"an index cannot be negative, but this is {position}",
            hint="use length(list) - 1 for the last element",
        )
    if position >= len(items):
        what = f"{len(items)} elements" if len(items) != 1 else "one element"
        raise ValueProblem(
            f"there is no element {position}",
            detail=f"The list has {what}; the first has the index 0."
            if items
            else "The list is empty.",
        )
    return items[position]
