"""Functions on maps and objects (specification section 2.15, "Collections")."""

from __future__ import annotations

from bakex.bake.functions.function import FunctionError
from bakex.bake.functions.strings import strings
from bakex.bake.values.convert import convert
from bakex.bake.values.problems import ConversionError
from bakex.bake.values.value import (
    Value,
    list_value,
    map_value,
    object_value,
    string,
    tuple_value,
)
from bakex.bake.values.valuetype import ANY, MAPPINGS, CollectionType, Type, describe


def _entries(value: Value, argument: int) -> dict[str, Value]:
    if value.kind not in MAPPINGS:
        raise FunctionError(
            f"a map or object is required, but this is {describe(value.type)}", argument
        )
    return value.mapping


def _element_type(map_: Value) -> Type:
    return map_.type.element if isinstance(map_.type, CollectionType) else ANY


def keys(map_: Value) -> Value:
    """Return the keys, sorted."""
    entries = _entries(map_, 0)
    return strings(entries) if map_.kind == "map" else tuple_value(map(string, entries))


def values(map_: Value) -> Value:
    """Return the values in the order of their keys."""
    items = _entries(map_, 0).values()
    return list_value(_element_type(map_), items) if map_.kind == "map" else tuple_value(items)


def lookup(map_: Value, key: Value, default: Value) -> Value:
    """Return the value of a key, or a default."""
    entries = _entries(map_, 0)
    if map_.kind == "map":
        try:
            default = convert(default, _element_type(map_))
        except ConversionError as error:
            raise FunctionError(
                f"the default must have the type of the map's values: {error.summary}", 2
            ) from None
    return entries.get(key.text, default)


def merge(*maps: Value) -> Value:
    """Return the entries of all maps and objects; of equal keys the last counts."""
    given = [(at, value) for at, value in enumerate(maps) if not value.is_null]
    entries: dict[str, Value] = {}
    for at, value in given:
        entries.update(_entries(value, at))
    types = {value.type for _, value in given}
    if len(types) == 1 and given[0][1].kind == "map":
        return map_value(_element_type(given[0][1]), entries)
    return object_value(entries)


def zipmap(keys_: Value, values_: Value) -> Value:
    """Return a map or object of keys and values by position; of equal keys the last counts."""
    if values_.kind not in {"list", "tuple"}:
        raise FunctionError(f"a list is required, but this is {describe(values_.type)}", 1)
    names, items = keys_.items, values_.items
    if len(names) != len(items):
        raise FunctionError(f"there are {len(names)} keys, but {len(items)} values", 1)
    for at, name in enumerate(names):
        if name.is_null:
            raise FunctionError(f"key {at} is null", 0)
    entries = {name.text: item for name, item in zip(names, items, strict=True)}
    if values_.kind == "list":
        return map_value(_element_type(values_), entries)
    return object_value(entries)
