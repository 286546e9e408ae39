"""Values as plain Python: what the attributes of targets are read with.

Every reader converts first, so a number is a fit string and ``"true"`` a fit bool, as everywhere in
bake files. All raise `ConversionError`, without a place; the caller knows the expression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from bakex.bake.values.convert import convert
from bakex.bake.values.problems import ConversionError
from bakex.bake.values.valuetype import BOOL, ITERABLES, MAPPINGS, NUMBER, STRING, describe

if TYPE_CHECKING:
    from bakex.bake.values.value import Value


def as_string(value: Value) -> str | None:
    """Return the value as text; None for null."""
    return None if value.is_null else convert(value, STRING).text


def as_bool(value: Value) -> bool | None:
    """Return the value as a bool; None for null."""
    return None if value.is_null else convert(value, BOOL).truth


def as_int(value: Value) -> int | None:
    """Return the value as a whole number; None for null."""
    if value.is_null:
        return None
    number = convert(value, NUMBER).number
    if not number.is_whole:
        raise ConversionError(f"a whole number is required, but this is {number}")
    return number.truncate()


def as_list(value: Value) -> list[Value] | None:
    """Return the elements of a list, set or tuple; None for null."""
    if value.is_null:
        return None
    if value.kind not in ITERABLES:
        raise ConversionError(f"a list is required, but this is {describe(value.type)}")
    return list(value.items)


def as_mapping(value: Value) -> dict[str, Value] | None:
    """Return the entries of a map or object in the order of their keys; None for null."""
    if value.is_null:
        return None
    if value.kind not in MAPPINGS:
        raise ConversionError(f"a map is required, but this is {describe(value.type)}")
    return dict(value.mapping)


def as_strings(value: Value) -> list[str | None] | None:
    """Return a list of texts, with None for elements that are null; None for null."""
    items = as_list(value)
    if items is None:
        return None
    return [_text(item, f"[{index}]") for index, item in enumerate(items)]


def as_string_map(value: Value) -> dict[str, str | None] | None:
    """Return texts by key, with None for elements that are null; None for null."""
    entries = as_mapping(value)
    if entries is None:
        return None
    return {key: _text(item, f".{key}") for key, item in entries.items()}


def _text(item: Value, step: str) -> str | None:
    try:
        return as_string(item)
    except ConversionError as error:
        raise error.within(step) from None


Plain: TypeAlias = "str | bool | int | float | list[Plain] | dict[str, Plain] | None"


def to_python(value: Value) -> Plain:
    """Return None, str, bool, int, float, list or dict.

    Whole numbers become int with all digits, others the nearest float.
    """
    if value.is_null:
        return None
    if value.kind == "number":
        number = value.number
        return number.truncate() if number.is_whole else number.to_float()
    if value.kind in ITERABLES:
        return [to_python(item) for item in value.items]
    if value.kind in MAPPINGS:
        return {key: to_python(item) for key, item in value.mapping.items()}
    simple: str | bool = value.raw
    return simple
