"""How records of the data files are declared: once, for reading and for the JSON Schema.

A record is a frozen dataclass whose fields have metadata made by `text`, `texts`, `number`, and so
on; a field without a default is required. The key in the file is the field's name with hyphens.
Reading is strict: an unknown key, a missing one or a value of another type is an error with its
place.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from bakex._util.suggest import closest
from bakex.errors import DefinitionError
from bakex.model.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from bakex.platforms.document import Document, Path

_T = TypeVar("_T")
Declared = Mapping[str, Any]
_DOC, _SHAPE = "doc", "shape"
_NUMBERS = range(1 << 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a value must be.

    Attributes:
        read: Makes the field's value of what is at a path.
        schema: The JSON Schema of the value.
        write: Makes plain values of the field's value again.
    """

    read: Callable[[Document, object, Path], object]
    schema: Mapping[str, object]
    write: Callable[[Any], object] = lambda value: value


def text(doc: str, *, pattern: str = "") -> Declared:
    """Declare a text; `pattern` must fit all of it."""
    return _declared(doc, _text(pattern))


def choice(doc: str, *words: str) -> Declared:
    """Declare one of some words."""
    shape = _text("|".join(map(re.escape, words)))
    return _declared(doc, dataclasses.replace(shape, schema={"enum": list(words)}))


def texts(doc: str, *, pattern: str = "") -> Declared:
    """Declare a list of different texts."""
    return _declared(doc, _list(_text(pattern)))


def pairs(doc: str) -> Declared:
    """Declare a mapping of texts to texts, kept as sorted pairs."""
    schema = {"type": "object", "additionalProperties": _TEXT}
    return _declared(doc, Shape(read=_pairs, schema=schema, write=dict))


def number(doc: str, *allowed: int) -> Declared:
    """Declare one of some whole numbers, or any of 32 bits."""
    limits = {"minimum": 0, "maximum": _NUMBERS[-1]}
    schema = {"type": "integer", **({"enum": list(allowed)} if allowed else limits)}
    return _declared(doc, Shape(read=partial(_number, allowed or _NUMBERS), schema=schema))


def octets(doc: str) -> Declared:
    """Declare bytes, written as hexadecimal digits."""
    schema = {"type": "string", "pattern": "^([0-9a-f]{2})+$"}
    return _declared(doc, Shape(read=_octets, schema=schema, write=bytes.hex))


def platform(doc: str) -> Declared:
    """Declare a platform in its normal form."""
    return _declared(doc, _PLATFORM)


def platforms(doc: str) -> Declared:
    """Declare a list of different platforms."""
    return _declared(doc, _list(_PLATFORM))


def record(doc: str, of: type[Any]) -> Declared:
    """Declare a record inside of a record."""
    return _declared(doc, _record(of))


def records(doc: str, of: type[Any]) -> Declared:
    """Declare a list of records with at least one."""
    return _declared(doc, _list(_record(of), least=1))


def named(doc: str, of: type[Any], *, pattern: str) -> Declared:
    """Declare a mapping of names to records, at least one, kept as pairs in the file's order."""
    item = _record(of)

    def inner(document: Document, value: object, path: Path) -> tuple[tuple[str, object], ...]:
        entries = _mapping(document, value, path)
        if not entries:
            raise document.error(path, "expected at least one name")
        for name in entries:
            if not re.fullmatch(pattern, name):
                raise document.error((*path, name), "this is no name", f"expected {pattern}")
        return tuple((k, item.read(document, v, (*path, k))) for k, v in entries.items())

    schema = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^(?:{pattern})$"},
        "additionalProperties": item.schema,
    }
    return _declared(
        doc,
        Shape(
            read=inner,
            schema=schema,
            write=lambda pairs: {name: item.write(value) for name, value in pairs},
        ),
    )


def read(of: type[_T], document: Document, value: object, path: Path = ()) -> _T:
    """Return a record of what is at a path.

    Raises:
        ConfigError: A key is unknown or missing, or a value is of another kind; with its place.
    """
    entries = _mapping(document, value, path)
    known = {field.name.replace("_", "-"): field for field in _fields(of)}
    for key in entries:
        if key not in known:
            near = closest(key, known)
            hint = f"did you mean {near!r}?" if near else f"keys are {', '.join(known)}"
            raise document.error((*path, key), "unknown key", hint, at_key=True)
    found: dict[str, object] = {}
    for key, field in known.items():
        if key in entries:
            shape: Shape = field.metadata[_SHAPE]
            found[field.name] = shape.read(document, entries[key], (*path, key))
        elif field.default is dataclasses.MISSING:
            raise document.error((*path, key), "this key is missing", f"write {key}: ...")
    return of(**found)


def write(record: object) -> dict[str, object]:
    """Return a record as plain values, without what is left at its default; undone by `read`."""
    found: dict[str, object] = {}
    for field in _fields(type(record)):
        value: object = getattr(record, field.name)
        if value != field.default:
            shape: Shape = field.metadata[_SHAPE]
            found[field.name.replace("_", "-")] = shape.write(value)
    return found


def schema_of(of: type[Any]) -> dict[str, object]:
    """Return the JSON Schema of a record."""
    fields = {field.name.replace("_", "-"): field for field in _fields(of)}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [k for k, field in fields.items() if field.default is dataclasses.MISSING],
        "properties": {
            key: {"description": field.metadata[_DOC], **field.metadata[_SHAPE].schema}
            for key, field in fields.items()
        },
    }


def _fields(of: type[Any]) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(of) if _SHAPE in field.metadata]


def _declared(doc: str, shape: Shape) -> Declared:
    return {_DOC: doc, _SHAPE: shape}


def _record(of: type[Any]) -> Shape:
    def inner(document: Document, value: object, path: Path) -> object:
        return read(of, document, value, path)

    return Shape(read=inner, schema=schema_of(of), write=write)


def _mapping(document: Document, value: object, path: Path) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise document.error(path, "expected keys with values", "write key: value")
    return cast("Mapping[str, object]", value)


def _text(pattern: str = "") -> Shape:
    form = re.compile(pattern) if pattern else None

    def inner(document: Document, value: object, path: Path) -> str:
        if not isinstance(value, str):
            raise document.error(path, "expected a text", "put it in quotes")
        if not value or (form and not form.fullmatch(value)):
            expected = f"expected {pattern}" if pattern else "expected some text"
            raise document.error(path, f"{value!r} does not fit", expected)
        return value

    return Shape(
        read=inner,
        schema={"type": "string", "pattern": f"^(?:{pattern})$"} if pattern else _TEXT,
    )


def _list(item: Shape, least: int = 0) -> Shape:
    def inner(document: Document, value: object, path: Path) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise document.error(path, "expected a list", "write [...]")
        values = cast("list[object]", value)
        found = tuple(item.read(document, v, (*path, i)) for i, v in enumerate(values))
        if len(found) < least:
            raise document.error(path, "expected at least one element")
        for index, one in enumerate(found):
            if one in found[:index]:
                raise document.error((*path, index), "this is in the list twice", "remove one")
        return found

    schema: dict[str, object] = {"type": "array", "items": item.schema, "uniqueItems": True}
    return Shape(
        read=inner,
        schema=schema | ({"minItems": least} if least else {}),
        write=lambda values: [item.write(value) for value in values],
    )


def _pairs(document: Document, value: object, path: Path) -> tuple[tuple[str, str], ...]:
    entries = _mapping(document, value, path)
    shape = _text()
    return tuple(
        sorted((k, cast("str", shape.read(document, v, (*path, k)))) for k, v in entries.items())
    )


def _number(allowed: Collection[int], document: Document, value: object, path: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value not in allowed:
        known = (
            "of at most 32 bits" if allowed is _NUMBERS else f"of {', '.join(map(str, allowed))}"
        )
        raise document.error(path, f"expected a whole number {known}")
    return value


def _octets(document: Document, value: object, path: Path) -> bytes:
    if not isinstance(value, str) or not re.fullmatch("(?:[0-9a-f]{2})+", value):
        raise document.error(path, "expected hexadecimal digits in pairs", 'write "7f45"')
    return bytes.fromhex(value)


def _platform(document: Document, value: object, path: Path) -> Platform:
    if not isinstance(value, str):
        raise document.error(path, "expected a platform", "write os/arch or os/arch/variant")
    try:
        found = Platform.parse(value)
    except DefinitionError as error:
        raise document.error(path, error.summary, error.hint) from None
    if str(found) != value:
        raise document.error(path, f"{value!r} is not its normal form", f"write {found}")
    return found


_TEXT: Mapping[str, object] = {"type": "string", "minLength": 1}
_PLATFORM = Shape(
    read=_platform,
    schema={"type": "string", "pattern": "^[a-z0-9_-]+/[a-z0-9._-]+(/[a-z0-9._-]+)?$"},
    write=str,
)
