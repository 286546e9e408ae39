"""The one type that values of several types can be converted to.

Needed wherever values meet whose types need not agree: the two results of a conditional, the
elements of ``list(any)``, the arguments of ``coalesce`` (specification section 2.6; go-cty v1.17,
convert.UnifyUnsafe). Nulls without a type fit everything and are not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.values.valuetype import (
    ANY,
    PRIMITIVES,
    CollectionType,
    ObjectType,
    TupleType,
    Type,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Of several candidates for the common type, what is preferred: what keeps most.
_PREFERENCE = {"string": 0, "list": 0, "map": 0, "number": 1, "bool": 1, "tuple": 1, "object": 1}
_LAST = 2


def unify(types: Iterable[Type]) -> Type | None:
    """Return the common type, or None if there is none; ``any`` if nothing has a type."""
    distinct = [kind for kind in dict.fromkeys(types) if kind is not ANY]
    if len(distinct) < 2:
        return distinct[0] if distinct else ANY
    structural = _unify_structures(distinct)
    if structural is not _UNDECIDED:
        return structural
    for candidate in sorted(distinct, key=lambda kind: _PREFERENCE.get(kind.kind, _LAST)):
        if all(kind == candidate or convertible(kind, candidate) for kind in distinct):
            return candidate
    return None


_UNDECIDED = Type("undecided")


def _unify_structures(types: Sequence[Type]) -> Type | None:
    """Return the common type where all are of related kinds."""
    kinds = {kind.kind for kind in types}
    if len(kinds) == 1:
        if "object" in kinds:
            return _unify_objects(types)
        if "tuple" in kinds:
            return _unify_tuples(types)
        if not kinds & PRIMITIVES:
            return _unify_elements(kinds.pop(), types)
    elif kinds in ({"map", "object"}, {"list", "tuple"}):
        return _unify_elements("map" if "map" in kinds else "list", types) or _UNDECIDED
    elif "object" in kinds and "tuple" in kinds:
        return None
    return _UNDECIDED


def _unify_objects(types: Sequence[Type]) -> Type | None:
    """Return an object type if all have the same attributes, else a map type."""
    attributes = [kind.attributes for kind in types if isinstance(kind, ObjectType)]
    names = set(attributes[0])
    if any(set(other) != names for other in attributes):
        return _unify_elements("map", types)
    result: dict[str, Type] = {}
    for name in sorted(names):
        common = unify(other[name] for other in attributes)
        if common is None:
            return None
        result[name] = common
    return ObjectType(result)


def _unify_tuples(types: Sequence[Type]) -> Type | None:
    """Return a tuple type if all have the same length, else a list type."""
    rows = [kind.elements for kind in types if isinstance(kind, TupleType)]
    if any(len(row) != len(rows[0]) for row in rows):
        return _unify_elements("list", types)
    result: list[Type] = []
    for column in zip(*rows, strict=True):
        common = unify(column)
        if common is None:
            return None
        result.append(common)
    return TupleType(result)


def _unify_elements(kind: str, types: Sequence[Type]) -> Type | None:
    """Return a collection type that all elements of all types fit into."""
    common = unify(element for type_ in types for element in element_types(type_))
    return None if common is None else CollectionType(kind, common)


def element_types(type_: Type) -> tuple[Type, ...]:
    """Return the types of what is directly inside a value of a type."""
    if isinstance(type_, CollectionType):
        return (type_.element,)
    if isinstance(type_, TupleType):
        return type_.elements
    if isinstance(type_, ObjectType):
        return tuple(type_.attributes.values())
    return ()


def convertible(source: Type, target: Type) -> bool:
    """Tell whether values of one type can have a form in another; a text may still not fit."""
    if ANY in (source, target) or source == target:
        return True
    if target.kind in PRIMITIVES:
        # A number is no bool, and nothing but text becomes a number or a bool.
        return source.kind in PRIMITIVES and "string" in {source.kind, target.kind}
    if isinstance(target, ObjectType):
        return _fits_object(source, target)
    if isinstance(target, TupleType):
        return (
            isinstance(source, TupleType)
            and len(source.elements) == len(target.elements)
            and all(map(convertible, source.elements, target.elements))
        )
    if isinstance(target, CollectionType):
        return _fits_collection(source, target)
    return False


def _fits_object(source: Type, target: ObjectType) -> bool:
    if isinstance(source, CollectionType):
        return source.kind == "map" and all(
            convertible(source.element, kind) for kind in target.attributes.values()
        )
    return isinstance(source, ObjectType) and all(
        convertible(source.attributes[name], kind)
        if name in source.attributes
        else name in target.optional
        for name, kind in target.attributes.items()
    )


def _fits_collection(source: Type, target: CollectionType) -> bool:
    wanted = ("map", "object") if target.kind == "map" else ("list", "set", "tuple")
    if source.kind not in wanted:
        return False
    elements = element_types(source)
    if target.element is ANY:
        return unify(elements) is not None
    return all(convertible(element, target.element) for element in elements)
