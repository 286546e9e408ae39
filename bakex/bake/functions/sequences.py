"""Functions on lists, tuples and whatever has elements (specification section 2.15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.functions.arguments import iterable, sequence, whole
from bakex.bake.functions.function import FunctionError
from bakex.bake.functions.strings import strings
from bakex.bake.values.compare import equal, identity, set_value
from bakex.bake.values.convert import convert, unified
from bakex.bake.values.limits import check_weight
from bakex.bake.values.unify import unify
from bakex.bake.values.value import (
    Value,
    boolean,
    list_value,
    number,
    tuple_value,
)
from bakex.bake.values.valuetype import (
    ANY,
    ITERABLES,
    SEQUENCES,
    CollectionType,
    Type,
    describe,
    list_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_COUNTABLE = frozenset({"list", "set", "map", "tuple"})


def _element_type(list_: Value) -> Type:
    return list_.type.element if isinstance(list_.type, CollectionType) else ANY


def _like(list_: Value, items: Iterable[Value]) -> Value:
    """Return elements of a list as a list, of a tuple or set as a tuple or list."""
    if isinstance(list_.type, CollectionType):
        return list_value(list_.type.element, items)
    return tuple_value(items)


def length(collection: Value) -> Value:
    """Return how many elements a list, set, map or tuple has."""
    if collection.kind not in _COUNTABLE:
        hint = ""
        if collection.kind == "string":
            hint = "use strlen for a string"
        elif collection.kind == "object":
            hint = "use length(keys(value)) for an object"
        raise FunctionError(
            f"a list, map, set or tuple is required, but this is {describe(collection.type)}",
            0,
            hint=hint,
        )
    return number(len(collection.raw))


def element(list_: Value, index: Value) -> Value:
    """Return an element; positions beyond the end start again at the beginning."""
    items = sequence(list_, 0, "list")
    position = whole(index, 1, "index")
    if not items:
        raise FunctionError("an empty list has no elements", 0)
    return items[position % len(items)]


def _position(collection: Value, key: Value) -> int | str | None:
    """Return a fit key of a list, tuple or map; None if it is of another type."""
    if collection.kind not in _COUNTABLE - {"set"}:
        raise FunctionError(
            f"a list, map or tuple is required, but this is {describe(collection.type)}", 0
        )
    if collection.kind == "map":
        return key.text if key.kind == "string" else None
    if key.kind != "number" or not key.number.is_whole:
        return None
    return key.number.truncate()


def index_(collection: Value, key: Value) -> Value:
    """Return the element at a key of exactly the right type."""
    position = _position(collection, key)
    if position is None:
        kind = "string" if collection.kind == "map" else "whole number"
        raise FunctionError(f"the key must be a {kind}", 1)
    if isinstance(position, str):
        found = collection.mapping.get(position)
        if found is None:
            raise FunctionError(f'the map has no element "{position}"', 1)
        return found
    if not 0 <= position < len(collection.items):
        raise FunctionError(f"there is no element {position}", 1)
    return collection.items[position]


def hasindex(collection: Value, key: Value) -> Value:
    """Return whether there is an element at a key of exactly the right type."""
    position = _position(collection, key)
    if isinstance(position, int):
        return boolean(0 <= position < len(collection.items))
    return boolean(position is not None and position in collection.mapping)


def indexof(list_: Value, value: Value) -> Value:
    """Return the position of the first element that equals a value."""
    for at, item in enumerate(sequence(list_, 0, "list")):
        if equal(item, value):
            return number(at)
    raise FunctionError("the list has no such element", 1)


def contains(list_: Value, value: Value) -> Value:
    """Return whether an element equals a value."""
    return boolean(any(equal(item, value) for item in iterable(list_, 0, "list")))


def concat(*seqs: Value) -> Value:
    """Return the elements of all lists: a list if all are lists of one type, else a tuple."""
    if not seqs:
        raise FunctionError("at least one list is needed")
    items = [item for at, seq in enumerate(seqs) for item in sequence(seq, at, "seqs")]
    if all(seq.kind == "list" for seq in seqs):
        common = unify(_element_type(seq) for seq in seqs)
        if common is not None:
            return list_value(common, [convert(item, common) for item in items])
    return tuple_value(items)


def flatten(list_: Value) -> Value:
    """Return the elements of a list, and of all lists inside it, as one tuple."""
    found: list[Value] = []
    pending = list(reversed(iterable(list_, 0, "list")))
    while pending:
        item = pending.pop()
        if item.kind in ITERABLES and not item.is_null:
            pending.extend(reversed(item.items))
        else:
            found.append(item)
    return tuple_value(found)


def distinct(list_: Value) -> Value:
    """Return the elements without repetitions."""
    first = {identity(item): item for item in reversed(list_.items)}
    kept = {identity(item): first[identity(item)] for item in list_.items}
    return list_value(_element_type(list_), kept.values())


def compact(list_: Value) -> Value:
    """Return the strings that are neither null nor empty."""
    return strings(item.text for item in list_.items if not item.is_null and item.text)


def coalesce(*vals: Value) -> Value:
    """Return the first value that is not null, in the type that all values can have."""
    converted = unified(vals) if vals else None
    if converted is None:
        raise FunctionError("the arguments must have types that fit together")
    for value in converted:
        if not value.is_null:
            return value
    raise FunctionError("all arguments are null")


def coalescelist(*vals: Value) -> Value:
    """Return the first list that is not empty."""
    for at, value in enumerate(vals):
        if value.kind not in SEQUENCES or value.is_null:
            raise FunctionError("all arguments must be lists or tuples", at)
        if value.items:
            return value
    raise FunctionError("all lists are empty")


def chunklist(list_: Value, size: Value) -> Value:
    """Return the elements in lists of a size; the last one may be shorter."""
    step = whole(size, 1, "size")
    if step < 0:
        raise FunctionError("the size cannot be negative", 1)
    items = list_.items
    inner = list_of(_element_type(list_))
    step = step or max(len(items), 1)
    chunks = [list_value(inner.element, items[at : at + step]) for at in range(0, len(items), step)]
    return list_value(inner, chunks)


def reverselist(list_: Value) -> Value:
    """Return the elements in the opposite order."""
    return _like(list_, reversed(iterable(list_, 0, "list")))


def slice_(list_: Value, start_index: Value, end_index: Value) -> Value:
    """Return the elements from a position up to, not including, another one."""
    items = sequence(list_, 0, "list")
    start, end = whole(start_index, 1, "start_index"), whole(end_index, 2, "end_index")
    if start < 0:
        raise FunctionError("the start cannot be negative", 1)
    if end > len(items):
        raise FunctionError(f"the end is {end}, but there are {len(items)} elements", 2)
    if start > end:
        raise FunctionError(f"the start is {start}, which is behind the end {end}", 1)
    return _like(list_, items[start:end])


def sort(list_: Value) -> Value:
    """Return the strings in the order of their code points."""
    for at, item in enumerate(list_.items):
        if item.is_null:
            raise FunctionError(f"element {at} is null", 0)
    return strings(sorted(item.text for item in list_.items))


def setproduct(*sets: Value) -> Value:
    """Return all combinations of one element of each list."""
    if len(sets) < 2:
        raise FunctionError("at least two lists are needed")
    factors = [_factor(factor, at) for at, factor in enumerate(sets)]
    total = 1
    for factor in factors:
        total *= len(factor)
        check_weight(total * len(factors))
    rows: list[tuple[Value, ...]] = [()]
    for factor in factors:
        rows = [(*row, item) for row in rows for item in factor]
    combined = [tuple_value(row) for row in rows]
    if not combined:
        return list_value(ANY, ())
    if any(factor.kind in SEQUENCES for factor in sets):
        return list_value(combined[0].type, combined)
    return set_value(combined[0].type, combined)


def _factor(factor: Value, at: int) -> Sequence[Value]:
    items = unified(iterable(factor, at, "sets"))
    if items is None:
        raise FunctionError("the elements must have types that fit together", at)
    return items
