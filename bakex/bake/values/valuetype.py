"""The types of values: string, number, bool, any; list, set, map of one; tuple, object.

A literal ``[1, "a"]`` is a tuple and ``{a = 1}`` an object; lists, sets and maps come from
conversions and functions only (HCL specification, "Types and values").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Type:
    """A type; compare with ``==``.

    Attributes:
        kind: ``string``, ``number``, ``bool``, ``any``, ``bytes``, ``list``, ``set``, ``map``,
            ``tuple`` or ``object``. The value null on its own has the type ``any``.
    """

    __slots__ = ("kind",)

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Type) and self._same(other))

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        """Return the type as a type expression, such as ``list(string)``."""
        return self.kind

    def __repr__(self) -> str:
        return f"<type {self}>"

    def _same(self, other: Type) -> bool:
        return self.kind == other.kind


class CollectionType(Type):
    """A list, set or map whose elements all have one type."""

    __slots__ = ("element",)

    def __init__(self, kind: str, element: Type) -> None:
        super().__init__(kind)
        self.element = element

    __hash__ = Type.__hash__

    def __str__(self) -> str:
        return f"{self.kind}({self.element})"

    def _same(self, other: Type) -> bool:
        return (
            isinstance(other, CollectionType)
            and self.kind == other.kind
            and self.element == other.element
        )


class TupleType(Type):
    """A sequence with a type per position."""

    __slots__ = ("elements",)

    def __init__(self, elements: Iterable[Type]) -> None:
        super().__init__("tuple")
        self.elements = tuple(elements)

    __hash__ = Type.__hash__

    def __str__(self) -> str:
        return f"tuple([{', '.join(map(str, self.elements))}])"

    def _same(self, other: Type) -> bool:
        return isinstance(other, TupleType) and self.elements == other.elements


class ObjectType(Type):
    """Named attributes with a type each.

    Attributes:
        attributes: Name to type.
        optional: Names that a conversion may leave out; they become null.
    """

    __slots__ = ("attributes", "optional")

    def __init__(
        self, attributes: Mapping[str, Type], optional: frozenset[str] = frozenset()
    ) -> None:
        super().__init__("object")
        self.attributes = dict(attributes)
        self.optional = optional

    __hash__ = Type.__hash__

    def __str__(self) -> str:
        inner = (
            f"{name}=optional({kind})" if name in self.optional else f"{name}={kind}"
            for name, kind in sorted(self.attributes.items())
        )
        return f"object({{{', '.join(inner)}}})"

    def _same(self, other: Type) -> bool:
        return (
            isinstance(other, ObjectType)
            and self.attributes == other.attributes
            and self.optional == other.optional
        )


STRING = Type("string")
NUMBER = Type("number")
BOOL = Type("bool")
ANY = Type("any")
BYTES = Type("bytes")  # what two functions ask for and nothing produces

PRIMITIVES = frozenset({"string", "number", "bool"})
SEQUENCES = frozenset({"list", "tuple"})
ITERABLES = frozenset({"list", "tuple", "set"})
MAPPINGS = frozenset({"map", "object"})


def list_of(element: Type) -> CollectionType:
    """Return the type of lists of `element`."""
    return CollectionType("list", element)


def set_of(element: Type) -> CollectionType:
    """Return the type of sets of `element`."""
    return CollectionType("set", element)


def map_of(element: Type) -> CollectionType:
    """Return the type of maps from string to `element`."""
    return CollectionType("map", element)


def has_any(type_: Type) -> bool:
    """Tell whether a type leaves something open."""
    if isinstance(type_, CollectionType):
        return has_any(type_.element)
    if isinstance(type_, TupleType):
        return any(map(has_any, type_.elements))
    if isinstance(type_, ObjectType):
        return any(map(has_any, type_.attributes.values()))
    return type_ is ANY


def without_optional(type_: Type) -> Type:
    """Return the type that values have which were converted to one with optional attributes."""
    if isinstance(type_, CollectionType):
        return CollectionType(type_.kind, without_optional(type_.element))
    if isinstance(type_, TupleType):
        return TupleType(map(without_optional, type_.elements))
    if isinstance(type_, ObjectType):
        return ObjectType({name: without_optional(t) for name, t in type_.attributes.items()})
    return type_


_DESCRIPTIONS = {
    "string": "a string",
    "number": "a number",
    "bool": "a bool",
    "any": "null",
    "bytes": "a bytes value",
    "tuple": "a tuple",
    "object": "an object",
}


def describe(type_: Type) -> str:
    """Return what messages call a value of a type, with an article."""
    if isinstance(type_, CollectionType):
        if type_.element is ANY:
            return f"a {type_.kind}"
        return f"a {type_.kind} of {_plural(type_.element)}"
    return _DESCRIPTIONS[type_.kind]


def _plural(type_: Type) -> str:
    if isinstance(type_, CollectionType):
        return f"{type_.kind}s of {_plural(type_.element)}"
    return {"bytes": "bytes", "any": "anything"}.get(type_.kind, f"{type_.kind}s")
