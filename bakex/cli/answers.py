"""The answers of frontends as text, to the byte as the reference prints them.

Source: buildx commands/build.go (printResult); buildkit frontend/subrequests (lint, outline,
targets, describe) and solver/errdefs/source.go.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, TypeAlias, cast

from bakex.model.call import LINT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bakex.model.call import Answer, Call

    Json: TypeAlias = Mapping[str, object]
    Printer = Callable[[Json | list[Json]], str]

# The newest form of each answer that is understood here.
_VERSION = "1.0.0"
_RULE = "-" * 20


def text(call: Call, answer: Answer) -> str:
    """Return an answer as text, or as the frontend's JSON if the call asks for that.

    Of a Dockerfile that cannot be used at all it is what goes before the `failure`.
    """
    fields = answer.fields
    if call.name not in _PRINTERS:
        return _unknown(call, fields)
    if call.format == "json":
        return fields.get("result.json", "") + "\n"
    if _newer(fields.get("version", "")) and fields.get("result.txt"):
        return fields["result.txt"]
    if call.name == LINT:
        return _lint(answer)
    return _PRINTERS[call.name](_json(fields))


def failure(call: Call, answer: Answer) -> str:
    """Return why a Dockerfile that was checked cannot be used at all; empty if it can."""
    if call.name != LINT:
        return ""
    document = _object(_json(answer.fields))
    error = _object(document.get("buildError"))
    if not error:
        return ""
    return f"{_text(error, 'message')}\n" + _excerpt(document, error, answer)


def _unknown(call: Call, fields: Mapping[str, str]) -> str:
    if call.format == "json" and "result.json" in fields:
        return fields["result.json"] + "\n"
    if "result.txt" in fields:
        return fields["result.txt"]
    return "".join(f"{name}: {value}\n" for name, value in sorted(fields.items()))


def _newer(version: str) -> bool:
    def numbers(text: str) -> list[int]:
        return [int(part) if part.isdecimal() else 0 for part in text.split(".")]

    return bool(version) and numbers(version) > numbers(_VERSION)


# ---------------------------------------------------------------- check


def _lint(answer: Answer) -> str:
    document = _object(_json(answer.fields))
    warnings = sorted(_list(document, "warnings"), key=lambda w: _order(document, w))
    lines: list[str] = []
    if warnings:
        counted = "1 warning has" if len(warnings) == 1 else f"{len(warnings)} warnings have"
        lines.append(f"Check complete, {counted} been found!\n")
    for warning in warnings:
        url = f" - {_text(warning, 'url')}" if _text(warning, "url") else ""
        lines.append(f"\nWARNING: {_text(warning, 'ruleName')}{url}\n{_text(warning, 'detail')}\n")
        lines.append(_excerpt(document, warning, answer))
    if "buildError" in document:
        # The error itself is printed by whoever asked.
        lines.extend(["\n"] if warnings else [])
    elif not warnings:
        lines.append("Check complete, no warnings found.\n")
    return "".join(lines)


def _order(document: Json, warning: Json) -> tuple[int, str, int, int, str]:
    """Return what warnings are sorted by: those without a place first, then by file and line."""
    source = _source(document, warning)
    rule = _text(warning, "ruleName")
    if source is None:
        return (0, "", 0, 0, rule)
    ranges = _ranges(warning)
    if not ranges:
        return (1, _text(source, "filename"), 0, 0, rule)
    return (1, _text(source, "filename"), 1, ranges[0][0], "")


def _excerpt(document: Json, finding: Json, answer: Answer) -> str:
    """Return the lines of the Dockerfile around what was found."""
    source, ranges = _source(document, finding), _ranges(finding)
    if source is None or not ranges:
        return ""
    rows = _decoded(_text(source, "data")).split("\n")
    first, last = min(a for a, _ in ranges), min(max(b for _, b in ranges), len(rows))
    if not 1 <= first <= len(rows):
        return ""
    start, end = _widened(first, last, len(rows))
    lines = [f"{_name(source, answer)}:{first}", _RULE]
    for number in range(start, end + 1):
        mark = ">>>" if any(a <= number <= b for a, b in ranges) else "   "
        lines.append(f" {number:3} | {mark} {rows[number - 1]}")
    return "\n".join([*lines, _RULE, ""])


def _widened(start: int, end: int, count: int) -> tuple[int, int]:
    """Return the lines to show: about two more on each side of one, about one of several."""
    wanted, added = 4 if start == end else 2, 0
    while added < wanted:
        if start > 1:
            start, added = start - 1, added + 1
        if end != count:
            end, added = end + 1, added + 1
        added += 1
    return start, end


def _name(source: Json, answer: Answer) -> str:
    name = _text(source, "filename")
    if answer.dockerfile == "inline" or name == answer.filename:
        return answer.dockerfile or name
    return name


def _source(document: Json, finding: Json) -> Json | None:
    location = _object(finding.get("location"))
    index = location.get("sourceIndex", 0)
    sources = _list(document, "sources")
    if isinstance(index, int) and 0 <= index < len(sources):
        return sources[index]
    return None


def _ranges(finding: Json) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for item in _list(_object(finding.get("location")), "ranges"):
        start, end = (_object(item.get(key)).get("line", 0) for key in ("start", "end"))
        if isinstance(start, int) and isinstance(end, int):
            found.append((start, max(start, end)))
    return found


# ---------------------------------------------------------------- outline, targets, describe


def _outline(value: Json | list[Json]) -> str:
    document = _object(value)
    parts: list[str] = []
    name, description = _text(document, "name"), _text(document, "description")
    if name or description:
        rows = [["TARGET:", name or "(default)"]]
        if description:
            rows.append(["DESCRIPTION:", description])
        parts.append(_table(rows, 1))
    if args := _list(document, "args"):
        named = [[_text(a, "name"), _text(a, "value"), _text(a, "description")] for a in args]
        parts.append(_table([["BUILD ARG", "VALUE", "DESCRIPTION"], *named], 3))
    for key, title in (("secrets", "SECRET"), ("ssh", "SSH")):
        if items := _list(document, key):
            rows = [[_text(i, "name"), "true" if i.get("required") else ""] for i in items]
            parts.append(_table([[title, "REQUIRED"], *rows], 3))
    return "".join(part + "\n" for part in parts)


def _targets(value: Json | list[Json]) -> str:
    rows = [["TARGET", "DESCRIPTION"]]
    for item in _list(_object(value), "targets"):
        marks = filter(None, (_text(item, "name"), "(default)" if item.get("default") else ""))
        rows.append([" ".join(marks), _text(item, "description")])
    return _table(rows, 1)


def _describe(value: Json | list[Json]) -> str:
    rows = [["NAME", "VERSION", "DESCRIPTION"]]
    for item in map(_object, value if isinstance(value, list) else []):
        name = _text(item, "name").removeprefix("frontend.")
        rows.append([name, _text(item, "version"), _text(item, "description")])
    return _table(rows, 1)


def _table(rows: Sequence[Sequence[str]], padding: int) -> str:
    """Return rows as Go's text/tabwriter aligns them; the last column is as wide as it is."""
    widths = [max(len(row[i]) for row in rows) + padding for i in range(len(rows[0]) - 1)]
    lines = (
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + row[-1]
        for row in rows
    )
    return "".join(line + "\n" for line in lines)


_PRINTERS: Mapping[str, Printer] = {
    LINT: lambda _: "",
    "outline": _outline,
    "targets": _targets,
    "subrequests.describe": _describe,
}


# ---------------------------------------------------------------- values that somebody else wrote


def _json(fields: Mapping[str, str]) -> Json | list[Json]:
    try:
        value: object = json.loads(fields.get("result.json") or "{}")
    except ValueError:
        return {}
    return cast("Json | list[Json]", value) if isinstance(value, (dict, list)) else {}


def _object(value: object) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _list(document: Json, key: str) -> list[Json]:
    value = document.get(key)
    return (
        [_object(item) for item in cast("list[object]", value)] if isinstance(value, list) else []
    )


def _text(document: Json, key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data).decode("utf-8", "surrogateescape")
    except binascii.Error:
        return ""
