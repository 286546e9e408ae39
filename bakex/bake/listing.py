"""``--list``: targets or variables of files, without resolving them (spec/bake-file 5.7)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex._util import csvfields
from bakex.bake.show import to_json
from bakex.bake.values.jsontext import to_json as value_to_json
from bakex.bake.values.valuetype import ANY, STRING, CollectionType, ObjectType, TupleType
from bakex.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.bake.declared import Variable
    from bakex.bake.definition import Definition
    from bakex.bake.values.valuetype import Type

TARGETS, VARIABLES = "targets", "variables"
TABLE, JSON = "table", "json"
_TAB = 8
_HINT = "write targets, variables, or type=targets,format=json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What to list, and how: ``targets`` or ``variables``, as ``table`` or ``json``."""

    kind: str
    format: str = TABLE

    @classmethod
    def parse(cls, text: str) -> Listing:
        """Read ``targets``, ``variables`` or ``type=...[,format=...]``.

        Raises:
            UsageError: Not of that form.
        """
        try:
            fields = csvfields.pairs(text)
        except csvfields.CsvError as error:
            raise UsageError(f"invalid list {text!r}", hint=_HINT) from error
        found = {"type": "", "format": TABLE}
        if len(fields) == 1 and not text.startswith("type="):
            found["type"] = text
            fields = ()
        for name, value in fields:
            key = name.strip().lower()
            if value is None or key not in found:
                raise UsageError(f"invalid list field {name!r}", hint=_HINT)
            found[key] = value
        if found["type"] not in {TARGETS, VARIABLES} or found["format"] not in {TABLE, JSON}:
            raise UsageError(f"invalid list {text!r}", hint=_HINT)
        return cls(kind=found["type"], format=found["format"])


def text(definition: Definition, listing: Listing) -> str:
    """Return the listing, sorted by name; ends with a newline."""
    rows = _targets(definition) if listing.kind == TARGETS else _variables(definition)
    if listing.format == JSON:
        shown = [{key: value for key, value in row.items() if value is not None} for row in rows]
        # An empty list of targets is null in the reference, one of variables is not.
        empty = None if listing.kind == TARGETS else shown
        return to_json(shown or empty) + "\n"
    if listing.kind == TARGETS:
        lines = [("TARGET", "DESCRIPTION")]
        lines += [(str(row["name"]), str(row["description"] or "")) for row in rows]
        return _table(lines)
    table = [("VARIABLE", "TYPE", "VALUE", "DESCRIPTION")]
    for row in rows:
        value = "<null>" if row["value"] is None else str(row["value"])
        described = str(row["description"] or "")
        table.append((str(row["name"]), str(row["type"] or ""), value, described))
    return _table(table)


def _targets(definition: Definition) -> list[dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for name, draft in definition.targets.items():
        found[name] = {"name": name, "description": draft.get_text("description") or None}
    for name, group in definition.groups.items():
        members = ", ".join(sorted(group.targets or ()))
        described = f"{group.description} ({members})" if group.description else members
        found[name] = {"name": name, "description": described or None, "group": True}
    return [found[name] for name in sorted(found) if not name.startswith("_")]


def _variables(definition: Definition) -> list[dict[str, object]]:
    return [
        {
            "name": variable.name,
            "description": variable.description or None,
            "type": friendly(variable.type) if variable.type else None,
            "value": _value(variable),
        }
        for variable in sorted(definition.variables, key=lambda item: item.name)
    ]


def _value(variable: Variable) -> str | None:
    value = variable.value
    if value.is_null:
        return None
    if value.type == STRING:
        # A typed text is shown as JSON shows it, without the quotes around it.
        return value.text if variable.type is None else value_to_json(value)[1:-1]
    if variable.type == ANY:
        type_ = json.dumps(notation(value.type), separators=(",", ":"))
        return f'{{"value":{value_to_json(value)},"type":{type_}}}'
    return value_to_json(value)


def friendly(type_: Type) -> str:
    """Return a type in words, such as ``list of string``."""
    if isinstance(type_, CollectionType):
        return f"{type_.kind} of {friendly(type_.element)}"
    return "any type" if type_ == ANY else type_.kind


def notation(type_: Type) -> object:
    """Return a type as JSON writes it, such as ``["list", "string"]``."""
    if isinstance(type_, CollectionType):
        return [type_.kind, notation(type_.element)]
    if isinstance(type_, TupleType):
        return ["tuple", [notation(element) for element in type_.elements]]
    if isinstance(type_, ObjectType):
        return ["object", {key: notation(item) for key, item in sorted(type_.attributes.items())}]
    return "dynamic" if type_ == ANY else type_.kind


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    # Columns of whole tabs, as Go's tabwriter makes them: a cell ends at the next multiple of
    # eight behind the widest cell of its column, and the last one is not padded.
    columns = list(zip(*rows, strict=True))
    widths = [(max(len(cell) for cell in column) // _TAB + 1) * _TAB for column in columns[:-1]]
    lines: list[str] = []
    for *cells, last in rows:
        padded = [
            cell + "\t" * -(-(width - len(cell)) // _TAB)
            for cell, width in zip(cells, widths, strict=True)
        ]
        lines.append("".join([*padded, last]))
    return "\n".join(lines) + "\n"
