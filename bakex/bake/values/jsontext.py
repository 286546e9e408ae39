"""Values as JSON text and back: ``jsonencode``, ``jsondecode`` and ``NAME_JSON`` overrides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.values.compare import set_value
from bakex.bake.values.convert import convert
from bakex.bake.values.jsonsyntax import (
    JsonArray,
    JsonConstant,
    JsonNode,
    JsonNumber,
    JsonObject,
    JsonText,
    read,
)
from bakex.bake.values.number import Number
from bakex.bake.values.problems import ConversionError, LimitError, ValueProblem
from bakex.bake.values.quoting import quote_json
from bakex.bake.values.value import (
    NULL,
    Value,
    boolean,
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
    BOOL,
    MAPPINGS,
    NUMBER,
    PRIMITIVES,
    STRING,
    CollectionType,
    ObjectType,
    TupleType,
    Type,
    without_optional,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def to_json(value: Value) -> str:
    """Return compact JSON.

    Keys are sorted, numbers have all their digits and no exponent, ``<``, ``>`` and ``&`` are
    escaped as Go does.

    Raises:
        ValueProblem: There is an infinity in it.
        LimitError: It is nested too deeply.
    """
    parts: list[str] = []
    try:
        _write(value, parts.append)
    except RecursionError:
        raise LimitError("the value is nested too deeply") from None
    return "".join(parts)


def _write(value: Value, emit: Callable[[str], None]) -> None:
    if value.is_null:
        emit("null")
    elif value.kind == "string":
        emit(quote_json(value.text))
    elif value.kind == "number":
        if value.number.infinite:
            raise ValueProblem("infinity cannot be written as JSON")
        emit(str(value.number))
    elif value.kind == "bool":
        emit("true" if value.truth else "false")
    elif value.kind in MAPPINGS:
        mark = "{"
        for key, item in value.mapping.items():
            emit(f"{mark}{quote_json(key)}:")
            _write(item, emit)
            mark = ","
        emit("{}" if mark == "{" else "}")
    else:
        mark = "["
        for item in value.items:
            emit(mark)
            _write(item, emit)
            mark = ","
        emit("[]" if mark == "[" else "]")


def from_json(text: str) -> Value:
    """Return what JSON text says: objects, tuples, and numbers with all their digits.

    Raises:
        JsonSyntaxError: It is not JSON.
        LimitError: A number or the whole is too large.
    """
    return from_node(read(text))


def from_node(node: JsonNode) -> Value:
    """Return the value of a JSON tree, read plainly: strings are not templates.

    Of properties with the same name the last counts.

    Raises:
        LimitError: A number or the whole is too large.
    """
    if isinstance(node, JsonText):
        return string(node.text)
    if isinstance(node, JsonNumber):
        return number_of(node)
    if isinstance(node, JsonArray):
        return tuple_value(map(from_node, node.items))
    if isinstance(node, JsonObject):
        return object_value({string(key.text).text: from_node(item) for key, item in node.entries})
    constant = node.value if isinstance(node, JsonConstant) else None
    return NULL if constant is None else boolean(constant)


def number_of(node: JsonNumber) -> Value:
    """Return a number of JSON text.

    Raises:
        LimitError: It is out of range.
    """
    return number(Number.parse(node.text) or Number(0))


def from_json_as(text: str, type_: Type) -> Value:
    """Return what JSON text says in the form of a type.

    Numbers and bools are fit strings and the reverse; attributes of an object that are missing
    become null; ``any`` needs the form ``{"value": …, "type": …}``.

    Raises:
        JsonSyntaxError: It is not JSON.
        ConversionError: It does not have the form of the type.
        LimitError: A number or the whole is too large.
    """
    return _value(read(text), type_)


def _value(node: JsonNode, type_: Type) -> Value:
    if isinstance(node, JsonConstant) and node.value is None:
        return null(without_optional(type_))
    if type_ is ANY:
        return _wrapped(node)
    if type_.kind in PRIMITIVES:
        if isinstance(node, JsonArray | JsonObject):
            raise ConversionError(f"a {type_} is required")
        return convert(from_node(node), type_)
    if isinstance(type_, TupleType):
        return _tuple(node, type_)
    if isinstance(type_, ObjectType):
        return _object(node, type_)
    return _collection(node, type_)


def _step(node: JsonNode, type_: Type, step: str) -> Value:
    try:
        return _value(node, type_)
    except ConversionError as error:
        raise error.within(step) from None


def _array(node: JsonNode) -> list[JsonNode]:
    if not isinstance(node, JsonArray):
        raise ConversionError("an array is required")
    return node.items


def _properties(node: JsonNode) -> list[tuple[JsonText, JsonNode]]:
    if not isinstance(node, JsonObject):
        raise ConversionError("an object is required")
    return node.entries


def _collection(node: JsonNode, type_: Type) -> Value:
    if not isinstance(type_, CollectionType):
        raise ConversionError(f"a value of the type {type_} cannot be written in JSON")
    element = without_optional(type_.element)
    if type_.kind == "map":
        entries = {
            key.text: _step(item, type_.element, f".{key.text}") for key, item in _properties(node)
        }
        return map_value(element, entries)
    items = [_step(item, type_.element, f"[{at}]") for at, item in enumerate(_array(node))]
    return list_value(element, items) if type_.kind == "list" else set_value(element, items)


def _tuple(node: JsonNode, type_: TupleType) -> Value:
    items = _array(node)
    if len(items) != len(type_.elements):
        raise ConversionError(
            f"a tuple of {len(type_.elements)} elements is required, but this has {len(items)}"
        )
    pairs = enumerate(zip(items, type_.elements, strict=True))
    return tuple_value(_step(item, kind, f"[{at}]") for at, (item, kind) in pairs)


def _object(node: JsonNode, type_: ObjectType) -> Value:
    entries = {name: null(without_optional(kind)) for name, kind in type_.attributes.items()}
    for key, item in _properties(node):
        kind = type_.attributes.get(key.text)
        if kind is None:
            raise ConversionError(f'there is no attribute "{key.text}" in the type')
        entries[key.text] = _step(item, kind, f".{key.text}")
    return object_value(entries)


def _wrapped(node: JsonNode) -> Value:
    """Return a value that says its type itself."""
    properties = {key.text: item for key, item in _properties(node)}
    if set(properties) != {"value", "type"}:
        raise ConversionError(
            "a value of any type is required",
            hint='write {"value": …, "type": "string"} or the like',
        )
    return _value(properties["value"], _type(properties["type"]))


def _type(node: JsonNode) -> Type:
    """Return a type in JSON notation: ``"string"``, ``["list", "string"]`` and so on."""
    if isinstance(node, JsonText) and node.text in _NAMES:
        return _NAMES[node.text]
    if isinstance(node, JsonArray) and len(node.items) == 2:
        name, inner = node.items
        if isinstance(name, JsonText) and name.text in _CONSTRUCTORS:
            return _CONSTRUCTORS[name.text](inner)
    raise ConversionError("the type is not one", hint='write "string", ["list", "string"], …')


def _tuple_type(node: JsonNode) -> Type:
    return TupleType(map(_type, _array(node)))


def _object_type(node: JsonNode) -> Type:
    return ObjectType({key.text: _type(item) for key, item in _properties(node)})


_NAMES = {"string": STRING, "number": NUMBER, "bool": BOOL, "dynamic": ANY}
_CONSTRUCTORS: dict[str, Callable[[JsonNode], Type]] = {
    "list": lambda node: CollectionType("list", _type(node)),
    "set": lambda node: CollectionType("set", _type(node)),
    "map": lambda node: CollectionType("map", _type(node)),
    "tuple": _tuple_type,
    "object": _object_type,
}
