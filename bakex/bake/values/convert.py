"""Conversion of values to a required type (specification section 2.6; go-cty v1.17, convert)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from bakex.bake.values.compare import set_value
from bakex.bake.values.number import Number
from bakex.bake.values.problems import ConversionError, LimitError
from bakex.bake.values.unify import convertible, unify
from bakex.bake.values.value import (
    FALSE,
    NULL,
    TRUE,
    UNKNOWN,
    Value,
    list_value,
    map_value,
    null,
    number,
    object_value,
    string,
    tuple_value,
)
from bakex.bake.values.valuetype import (
    ANY,
    ITERABLES,
    MAPPINGS,
    CollectionType,
    ObjectType,
    TupleType,
    Type,
    describe,
    has_any,
    without_optional,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TRUTHS = {"true": TRUE, "1": TRUE, "false": FALSE, "0": FALSE}


def convert(value: Value, type_: Type) -> Value:
    """Return the value in the form of a type.

    Strings, numbers and bools convert to strings, strings that look like one to numbers and bools.
    A null becomes the null of the type. ``any`` leaves a value as it is; inside a collection it
    stands for the one type that all elements can have.

    Raises:
        ConversionError: It has none.
        LimitError: The result would be too large.
    """
    try:
        return _convert(value, type_)
    except RecursionError:
        raise LimitError("the value is nested too deeply") from None


def _convert(value: Value, type_: Type) -> Value:
    if type_ is ANY or not value.is_known or value.type == type_:
        return value
    if value.is_null:
        if value.type is not ANY and not convertible(value.type, type_):
            _mismatch(value, type_)
        return null(without_optional(type_))
    return _CONVERSIONS[type_.kind](value, type_)


def _mismatch(value: Value, type_: Type) -> NoReturn:
    raise ConversionError(f"{describe(type_)} is required, but this is {describe(value.type)}")


# -- primitives


def _to_string(value: Value, type_: Type) -> Value:
    if value.kind == "number":
        return string(str(value.number))
    if value.kind == "bool":
        return string("true" if value.truth else "false")
    _mismatch(value, type_)


def _to_number(value: Value, type_: Type) -> Value:
    if value.kind != "string":
        _mismatch(value, type_)
    parsed = Number.parse(value.text)
    if parsed is None:
        raise ConversionError(f"a number is required, but this is the text {_shown(value.text)}")
    return number(parsed)


def _to_bool(value: Value, type_: Type) -> Value:
    if value.kind != "string":
        _mismatch(value, type_)
    truth = _TRUTHS.get(value.text)
    if truth is None:
        lower = value.text.lower()
        hint = f'write "{lower}" in lower case' if lower in _TRUTHS else ""
        raise ConversionError(
            f"true or false is required, but this is the text {_shown(value.text)}", hint=hint
        )
    return truth


def _shown(text: str) -> str:
    return f'"{text}"' if len(text) <= 40 else f'"{text[:40]}…"'


def _impossible(value: Value, type_: Type) -> Value:
    _mismatch(value, type_)


# -- collections


def _to_list(value: Value, type_: Type) -> Value:
    element, items = _elements(value, type_)
    return list_value(element, items)


def _to_set(value: Value, type_: Type) -> Value:
    element, items = _elements(value, type_)
    return set_value(element, items)


def _to_map(value: Value, type_: Type) -> Value:
    if not isinstance(type_, CollectionType) or value.kind not in MAPPINGS:
        _mismatch(value, type_)
    keys = list(value.mapping)
    element, items = _unified(
        list(value.mapping.values()), type_, [f".{key}" for key in keys], value.type
    )
    return map_value(element, dict(zip(keys, items, strict=True)))


def _elements(value: Value, type_: Type) -> tuple[Type, Sequence[Value]]:
    """Return the elements of a sequence in the element type of a collection."""
    if not isinstance(type_, CollectionType) or value.kind not in ITERABLES:
        _mismatch(value, type_)
    steps = [f"[{index}]" for index in range(len(value.items))]
    return _unified(value.items, type_, steps, value.type)


def _unified(
    items: Sequence[Value], target: CollectionType, steps: Sequence[str], source: Type
) -> tuple[Type, Sequence[Value]]:
    """Return elements converted to the element type of a collection, and that type.

    Where the element type leaves something open (``any``), all elements get the same type.
    """
    element = target.element
    if not items and isinstance(source, CollectionType):
        if not convertible(source.element, element):
            raise ConversionError(f"{describe(target)} is required, but this is {describe(source)}")
        element = source.element if element is ANY else element
    converted = [_step(item, element, step) for item, step in zip(items, steps, strict=True)]
    if not has_any(element):
        return without_optional(element), converted
    common = unify([item.type for item in converted])
    if common is None:
        raise ConversionError(f"all elements of a {target.kind} must have the same type")
    if not converted:
        return element, converted
    final = [_step(item, common, step) for item, step in zip(converted, steps, strict=True)]
    return common, final


def _step(item: Value, type_: Type, step: str) -> Value:
    try:
        return _convert(item, type_)
    except ConversionError as error:
        raise error.within(step) from None


def _to_tuple(value: Value, type_: Type) -> Value:
    if not isinstance(type_, TupleType) or value.kind != "tuple":
        _mismatch(value, type_)
    wanted, given = len(type_.elements), len(value.items)
    if wanted != given:
        raise ConversionError(f"a tuple of {wanted} elements is required, but this has {given}")
    pairs = zip(value.items, type_.elements, strict=True)
    return tuple_value(_step(item, kind, f"[{at}]") for at, (item, kind) in enumerate(pairs))


def _to_object(value: Value, type_: Type) -> Value:
    if not isinstance(type_, ObjectType) or value.kind not in MAPPINGS:
        _mismatch(value, type_)
    entries: dict[str, Value] = {}
    for name, kind in type_.attributes.items():
        item = value.mapping.get(name)
        if item is None and name not in type_.optional:
            raise ConversionError(f'the attribute "{name}" is required')
        entries[name] = _step(NULL if item is None else item, kind, f".{name}")
    return object_value(entries)


_CONVERSIONS: dict[str, Callable[[Value, Type], Value]] = {
    "string": _to_string,
    "number": _to_number,
    "bool": _to_bool,
    "bytes": _impossible,
    "list": _to_list,
    "set": _to_set,
    "map": _to_map,
    "tuple": _to_tuple,
    "object": _to_object,
}


def unified(values: Sequence[Value]) -> list[Value] | None:
    """Return values converted to the one type that all can have, or None if there is none.

    Raises:
        LimitError: A result would be too large.
    """
    common = unify([value.type for value in values])
    if common is None:
        return None
    return [UNKNOWN if not value.is_known else convert(value, common) for value in values]
