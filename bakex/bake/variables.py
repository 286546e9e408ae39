"""Texts of the environment and of ``--var`` as values of variables (spec/bake-file 2.9)."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from bakex._util import csvfields
from bakex.bake.values.convert import convert
from bakex.bake.values.jsontext import from_json, from_json_as
from bakex.bake.values.problems import ValueProblem
from bakex.bake.values.value import (
    boolean,
    list_value,
    map_value,
    null,
    number,
    string,
    tuple_value,
)
from bakex.bake.values.valuetype import (
    ITERABLES,
    PRIMITIVES,
    STRING,
    CollectionType,
    TupleType,
    Type,
)
from bakex.errors import DefinitionError
from bakex.model.fields import boolean as read_boolean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.bake.values.value import Value

# What Go's strconv.ParseFloat takes, without its names of infinity.
_DECIMAL = re.compile(r"[+-]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?")
_HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9a-fA-F]*\.?[0-9a-fA-F]*[pP][+-]?[0-9]+")


def parse(text: str, type_: Type) -> Value:
    """Read a value of a type: a primitive as it is, a list, set, tuple or map as CSV.

    A map is a list of ``key:value`` records; of two values of one key the later counts.

    Raises:
        ValueProblem: The text says no such value, or the type has no form as plain text.
    """
    if type_.kind in PRIMITIVES:
        return _primitive(text, type_)
    if isinstance(type_, CollectionType) and type_.element.kind in PRIMITIVES:
        return _collection(text, type_)
    if isinstance(type_, TupleType) and all(e.kind in PRIMITIVES for e in type_.elements):
        return _tuple(text, type_)
    raise ValueProblem(
        f"a value of type {type_} cannot be given as plain text",
        hint="give it as JSON in the variable whose name ends in _JSON",
    )


def _collection(text: str, type_: CollectionType) -> Value:
    fields = _fields(text)
    element = type_.element
    if type_.kind in ITERABLES:
        values = [_primitive(field, element) for field in fields]
        return convert(list_value(element, values), type_)
    entries: dict[str, Value] = {}
    for field in fields:
        pieces = _fields(field, ":")
        if len(pieces) != 2:
            raise ValueProblem(
                f"expected key:value, found {field!r}", hint='quote colons: "k:""a:b"""'
            )
        entries[pieces[0]] = _primitive(pieces[1], element)
    return map_value(element, entries)


def _tuple(text: str, type_: TupleType) -> Value:
    fields = _fields(text)
    if len(fields) != len(type_.elements):
        raise ValueProblem(f"expected {len(type_.elements)} elements, found {len(fields)}")
    pairs = zip(fields, type_.elements, strict=True)
    return tuple_value([_primitive(field, element) for field, element in pairs])


def _fields(text: str, separator: str = ",") -> Sequence[str]:
    try:
        return csvfields.split(text, separator)
    except csvfields.CsvError as error:
        raise ValueProblem(f"{text!r} is not a list: {error}") from error


def _primitive(text: str, type_: Type) -> Value:
    if type_ == STRING:
        return string(text)
    if type_.kind == "number":
        return number(_float(text))
    try:
        return boolean(read_boolean(text, "a bool"))
    except DefinitionError as error:
        raise ValueProblem(f"{text!r} is no bool", hint="write true or false") from error


def _float(text: str) -> float:
    try:
        if _HEXADECIMAL.fullmatch(text):
            found = float.fromhex(text)
        elif _DECIMAL.fullmatch(text):
            found = float(text)
        else:
            raise ValueProblem(f"{text!r} is no number")
    except (ValueError, OverflowError) as error:
        raise ValueProblem(f"{text!r} is no number") from error
    if not math.isfinite(found):
        raise ValueProblem(f"{text!r} is out of range")
    return found


def valued(
    declared: Type | None, default: Value | None, text: str | None, json_text: str | None
) -> Value:
    """Return what a variable is, from its declaration and from what was given from outside.

    Args:
        declared: Its type; None for none.
        default: The value of its default expression; None if there is none.
        text: What ``--var`` or the environment gives under its name.
        json_text: What they give under its name with ``_JSON`` behind it.

    Raises:
        ValueProblem: The default does not fit the type, or what was given cannot be read.
    """
    if declared is None:
        return _untyped(default, text, json_text)
    # The default must fit even where something else was given.
    default = None if default is None else convert(default, declared)
    if json_text is not None:
        return from_json_as(json_text, declared)
    if text is not None:
        return convert(parse(text, declared), declared)
    return null(declared) if default is None else default


def _untyped(default: Value | None, text: str | None, json_text: str | None) -> Value:
    if text is not None:
        kind = STRING if default is None or default.is_null else default.type
        if kind.kind not in PRIMITIVES:
            raise ValueProblem(
                f"a variable whose default is a {kind.kind} cannot be given without a type",
                hint="declare its type, such as type = list(string)",
            )
        return parse(text, kind)
    if json_text is not None:
        return from_json(json_text)
    return string("") if default is None else default
