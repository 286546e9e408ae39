"""Values of expressions as attributes of targets, and back: loops over the attribute table.

Forward is what a block's attribute means (spec/bake-file 3.1, 3.2); back is what a reference
``target.NAME.ATTRIBUTE`` gives to another expression (spec/bake-file 2.11).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from bakex.bake.problems import prefix
from bakex.bake.values import reading
from bakex.bake.values.convert import convert
from bakex.bake.values.problems import ConversionError
from bakex.bake.values.value import (
    NULL,
    boolean,
    null,
    number,
    object_value,
    string,
    tuple_value,
)
from bakex.bake.values.valuetype import BOOL, MAPPINGS, STRING, Type, list_of, map_of
from bakex.errors import DefinitionError
from bakex.model import resources
from bakex.model.attributes import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bakex.bake.merge import Value as Setting
    from bakex.bake.values.value import Value
    from bakex.model.attributes import Attr, Composite

_TYPES: Mapping[Shape, Type] = MappingProxyType(
    {
        Shape.STRING: STRING,
        Shape.BOOLEAN: BOOL,
        Shape.STRINGS: list_of(STRING),
        Shape.MAPPING: map_of(STRING),
    }
)
# Keys that a reference shows even where they are not set; --print leaves them out.
_BLANKS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {"output": {"dest": ""}, "secret": {"src": "", "env": ""}, "ssh": {"paths": []}}
)
_NOT_NULL = "null is not allowed here"


def read(attr: Attr, value: Value) -> Setting | None:
    """Return what an attribute is set to; None if the value is null and that means unset.

    Raises:
        DefinitionError: The value cannot be that of the attribute; without a place.
    """
    if value.is_null:
        if attr.nullable:
            return None
        raise ConversionError(_NOT_NULL, hint="leave the attribute out")
    return _READERS[attr.shape](attr, value)


def as_value(attr: Attr, value: Value | None) -> Value:
    """Return what a reference to an attribute gives; None stands for an unset one.

    Composite values come out as objects with all of their keys, whatever they were written as.

    Raises:
        DefinitionError: The value cannot be that of the attribute; without a place.
    """
    if attr.shape is Shape.COMPOSITES:
        composites = () if value is None else _composites(attr, value)
        blanks = _BLANKS.get(attr.name, {})
        return tuple_value(_plain({**blanks, **item.document()}) for item in composites)
    if attr.shape is Shape.OBJECT:
        return NULL if value is None else _object_value(_object(attr, value))
    type_ = _TYPES[attr.shape]
    if value is None or value.is_null:
        return null(type_) if attr.nullable else string("")
    return convert(value, type_)


def _string(_: Attr, value: Value) -> str | None:
    return reading.as_string(value)


def _boolean(_: Attr, value: Value) -> bool | None:
    return reading.as_bool(value)


def _strings(_: Attr, value: Value) -> tuple[str, ...]:
    found: list[str] = []
    for index, text in enumerate(reading.as_strings(value) or ()):
        if text is None:
            raise ConversionError(_NOT_NULL, path=f"[{index}]")
        found.append(text)
    return tuple(found)


def _mapping(attr: Attr, value: Value) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, text in (reading.as_string_map(value) or {}).items():
        if text is not None:
            found[key] = text
        elif not attr.sparse:
            raise ConversionError(_NOT_NULL, path=f"[{key!r}]")
    return found


def _composites(attr: Attr, value: Value) -> tuple[Composite, ...]:
    kind = attr.composite
    found: list[Composite] = []
    for index, element in enumerate(reading.as_list(value) or ()):
        path = f"[{index}]"
        if kind is None or element.is_null:
            raise ConversionError(_NOT_NULL, path=path)
        try:
            if element.type == STRING:
                found += kind.parse(element.text) if element.text else ()
            else:
                found.append(kind.of(_fields(kind, element)))
        except ConversionError as error:
            raise error.within(path) from error
        except DefinitionError as error:
            prefix(error, path)
            raise
    return tuple(found)


def _fields(kind: type[Composite], element: Value) -> dict[str, object]:
    if element.kind not in MAPPINGS:
        raise ConversionError(f"text or an object is required, but this is {element.kind}")
    keys = {key.name: key for key in kind.KEYS}
    found: dict[str, object] = {}
    for name, value in element.mapping.items():
        key = keys.get(name)
        if key is not None and key.printed and value.is_null:
            continue
        try:
            found[name] = _field(key.shape if key else Shape.STRING, value)
        except ConversionError as error:
            raise error.within(f".{name}") from error
        if found[name] is None:
            raise ConversionError(_NOT_NULL, path=f".{name}")
    return found


def _field(shape: Shape, value: Value) -> object:
    if shape is Shape.STRINGS:
        return reading.as_strings(value)
    if shape is Shape.COMPOSITES:
        return [reading.as_string_map(item) for item in reading.as_list(value) or ()]
    return reading.as_string(value)


def _object(_: Attr, value: Value) -> dict[str, str]:
    entries = reading.as_mapping(value) or {}
    found: dict[str, str] = {}
    for key, kind in resources.KEYS.items():
        if key not in entries or entries[key].is_null:
            continue
        try:
            if kind is resources.Kind.INTEGER:
                found[key] = str(reading.as_int(entries[key]))
            else:
                found[key] = reading.as_string(entries[key]) or ""
        except ConversionError as error:
            raise error.within(f".{key}") from error
    return found


_READERS: Mapping[Shape, Callable[[Attr, Value], Setting | None]] = MappingProxyType(
    {
        Shape.STRING: _string,
        Shape.BOOLEAN: _boolean,
        Shape.STRINGS: _strings,
        Shape.MAPPING: _mapping,
        Shape.COMPOSITES: _composites,
        Shape.OBJECT: _object,
    }
)


def _plain(found: object) -> Value:
    if isinstance(found, bool):
        return boolean(found)
    if isinstance(found, str):
        return string(found)
    if isinstance(found, dict):
        entries = cast("dict[str, object]", found)
        return object_value({key: _plain(item) for key, item in entries.items()})
    if isinstance(found, list):
        return tuple_value(_plain(item) for item in cast("list[object]", found))
    return NULL


def _object_value(fields: Mapping[str, str]) -> Value:
    found: dict[str, Value] = {}
    for key, kind in resources.KEYS.items():
        text = fields.get(key)
        integer = kind is resources.Kind.INTEGER
        if text is None:
            found[key] = null(STRING)
        else:
            found[key] = number(int(text)) if integer else string(text)
    return object_value(found)
