"""Values: a type and what belongs to it.

Values never change. Strings are in normalisation form C, objects and maps are in the order of their
keys, sets in the order of their elements, so that iterating and printing need no sorting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from bakex.bake.values.limits import check_text, check_weight
from bakex.bake.values.number import Number
from bakex.bake.values.valuetype import (
    ANY,
    BOOL,
    NUMBER,
    STRING,
    CollectionType,
    ObjectType,
    TupleType,
    Type,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class _Unknown:
    """What stands for a loop variable while a ``for`` condition is checked in advance."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "unknown"


_UNKNOWN = _Unknown()


class Value:
    """A value of a bake file; immutable.

    Attributes:
        type: Its type; ``any`` for an untyped null.
        raw: None for null, else a str, a Number, a bool, a tuple of values (list, set, tuple) or a
            dict from str to value (map, object). The properties below give it a static type.
        weight: How many elements it holds through all levels, see `limits`.
    """

    __slots__ = ("raw", "type", "weight")

    def __init__(self, type_: Type, raw: Any, weight: int = 1) -> None:  # noqa: ANN401 - see raw
        self.type = type_
        self.raw = raw
        self.weight = weight

    def __repr__(self) -> str:
        return f"Value({self.type}, {self.raw!r})"

    @property
    def kind(self) -> str:
        """The kind of the type."""
        return self.type.kind

    @property
    def is_null(self) -> bool:
        """Whether this is null, of whatever type."""
        return self.raw is None

    @property
    def is_known(self) -> bool:
        """Whether this is a real value; only advance checks of loops see others."""
        return self.raw is not _UNKNOWN

    @property
    def text(self) -> str:
        """The characters of a string."""
        content: str = self.raw
        return content

    @property
    def number(self) -> Number:
        """The number of a number."""
        content: Number = self.raw
        return content

    @property
    def truth(self) -> bool:
        """The truth of a bool."""
        content: bool = self.raw
        return content

    @property
    def items(self) -> tuple[Value, ...]:
        """The elements of a list, set or tuple, in order."""
        content: tuple[Value, ...] = self.raw
        return content

    @property
    def mapping(self) -> dict[str, Value]:
        """The entries of a map or object, in the order of their keys; not to be changed."""
        content: dict[str, Value] = self.raw
        return content


NULL = Value(ANY, None)
UNKNOWN = Value(ANY, _UNKNOWN)
TRUE = Value(BOOL, True)
FALSE = Value(BOOL, False)


def null(type_: Type) -> Value:
    """Return the null of a type."""
    return Value(type_, None)


def string(text: str) -> Value:
    """Return a string, normalised; code points that are no characters become U+FFFD.

    Raises:
        LimitError: It is too long.
    """
    if not text.isascii():
        text = normalize("NFC", _encodable(text))
    size = len(text)
    if size < 64:
        return Value(STRING, text)
    check_text(size)
    return Value(STRING, text, 1 + (size >> 6))


def _encodable(text: str) -> str:
    # The environment of a process may hold bytes that are not UTF-8; Python makes them surrogates.
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def boolean(truth: bool) -> Value:
    """Return a bool."""
    return TRUE if truth else FALSE


def number(amount: Number | float) -> Value:
    """Return a number; an int gets the precision of 64 bits or more, a float that of a double.

    Raises:
        LimitError: It is out of range, or not a number at all.
    """
    if isinstance(amount, int):
        amount = Number.from_int(amount)
    elif isinstance(amount, float):
        amount = Number.from_float(amount)
    return Value(NUMBER, amount)


def tuple_value(items: Iterable[Value]) -> Value:
    """Return a tuple: every element keeps its type.

    Raises:
        LimitError: It is too large.
    """
    elements = tuple(items)
    return Value(TupleType([item.type for item in elements]), elements, _weigh(elements))


def list_value(element: Type, items: Iterable[Value]) -> Value:
    """Return a list of elements that all have the type `element` already.

    Raises:
        LimitError: It is too large.
    """
    elements = tuple(items)
    return Value(CollectionType("list", element), elements, _weigh(elements))


def object_value(entries: Mapping[str, Value]) -> Value:
    """Return an object: every attribute keeps its type.

    Raises:
        LimitError: It is too large.
    """
    ordered = {key: entries[key] for key in sorted(entries)}
    types = ObjectType({key: value.type for key, value in ordered.items()})
    return Value(types, ordered, _weigh(ordered.values()))


def map_value(element: Type, entries: Mapping[str, Value]) -> Value:
    """Return a map whose values all have the type `element` already.

    Raises:
        LimitError: It is too large.
    """
    ordered = {key: entries[key] for key in sorted(entries)}
    return Value(CollectionType("map", element), ordered, _weigh(ordered.values()))


def _weigh(items: Iterable[Value]) -> int:
    weight = 1
    for item in items:
        weight += item.weight
    check_weight(weight)
    return weight
