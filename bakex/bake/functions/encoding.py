"""Functions that turn values into text of another form and back: base64, JSON, CSV."""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from typing import NoReturn

from bakex.bake.functions.arguments import whole
from bakex.bake.functions.function import Context, FunctionError
from bakex.bake.values.jsonsyntax import JsonSyntaxError
from bakex.bake.values.jsontext import from_json, to_json
from bakex.bake.values.limits import check_weight
from bakex.bake.values.unify import unify
from bakex.bake.values.value import Value, list_value, number, object_value, string
from bakex.bake.values.valuetype import ANY, BYTES

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", re.ASCII)
_PLAIN = re.compile(r'[^,"\n]*')
_QUOTED = re.compile(r'(?:[^"]|"")*')


def jsonencode(val: Value) -> Value:
    """Return a value as JSON."""
    return string(to_json(val))


def jsondecode(text: Value) -> Value:
    """Return the value that JSON says."""
    try:
        return from_json(text.text)
    except JsonSyntaxError as error:
        line = text.text.count("\n", 0, error.start) + 1
        where = f"line {line} of the text" if line > 1 else f"character {error.start + 1}"
        raise FunctionError(f"{error.summary} (at {where})", 0, hint=error.hint) from None


def base64encode(text: Value) -> Value:
    """Return text in base64, with padding."""
    return string(b2a_base64(text.text.encode("utf-8", "replace"), newline=False).decode("ascii"))


def base64decode(text: Value) -> Value:
    """Return the text that base64 stands for; newlines in it do not count."""
    try:
        return string(decode_base64(text.text).decode("utf-8"))
    except UnicodeDecodeError:
        raise FunctionError("what is encoded is not text in UTF-8", 0) from None


def decode_base64(text: str) -> bytes:
    """Return the bytes that base64 stands for.

    Raises:
        FunctionError: It is not base64; blames the first argument.
    """
    joined = text.replace("\r", "").replace("\n", "")
    if not _BASE64.fullmatch(joined):
        raise FunctionError("the text is not base64", 0, hint="the padding (=) must be there")
    return a2b_base64(joined)


def byteslen(buf: Value) -> Value:
    """Return how many bytes there are; nothing in the language makes such a value so far."""
    return number(len(buf.raw))


def bytesslice(buf: Value, offset: Value, length: Value) -> Value:
    """Return some of the bytes."""
    start, size = whole(offset, 1, "offset"), whole(length, 2, "length")
    if start < 0 or size < 0 or start + size > len(buf.raw):
        raise FunctionError(f"there are {len(buf.raw)} bytes only", 1)
    return Value(BYTES, buf.raw[start : start + size])


def homedir(context: Context) -> Value:
    """Return the home directory of the user."""
    return string(context.home)


# -- CSV, as Go's encoding/csv reads it


def csvdecode(text: Value) -> Value:
    """Return a list of objects: the first line has the names, every other one the values."""
    rows = _rows(text.text.replace("\r\n", "\n"))
    if not rows:
        raise FunctionError("there is no header line", 0)
    names = rows[0][1]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise FunctionError(f'there are two columns named "{twice}"', 0)
    check_weight(len(rows) * (len(names) + 1))
    found: list[Value] = []
    for line, fields in rows[1:]:
        if len(fields) != len(names):
            raise FunctionError(
                f"line {line} of the text has {len(fields)} fields, but the header {len(names)}", 0
            )
        found.append(object_value(dict(zip(names, map(string, fields), strict=True))))
    return list_value(unify(item.type for item in found) or ANY, found)


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Return the records that are not empty, and the line each starts on."""
    rows: list[tuple[int, list[str]]] = []
    pos, line = 0, 1
    while pos < len(text):
        if text[pos] == "\n":
            pos, line = pos + 1, line + 1
            continue
        fields: list[str] = []
        start, first = pos, line
        pos = _fields(text, pos, line, fields)
        line += text.count("\n", start, pos)
        rows.append((first, fields))
    return rows


def _fields(text: str, pos: int, line: int, fields: list[str]) -> int:
    """Read a record into `fields`; return where the next one starts."""
    while True:
        quoted = text.startswith('"', pos)
        match = (_QUOTED if quoted else _PLAIN).match(text, pos + quoted)
        field = match.group() if match else ""
        pos += len(field) + quoted
        line += field.count("\n")
        if quoted:
            if not text.startswith('"', pos):
                _bad_quote(line)
            pos += 1
        fields.append(string(field.replace('""', '"') if quoted else field).text)
        if pos >= len(text):
            return pos
        if text[pos] == "\n":
            return pos + 1
        if text[pos] != ",":
            _bad_quote(line)
        pos += 1


def _bad_quote(line: int) -> NoReturn:
    raise FunctionError(
        f"line {line} of the text has a quote where none belongs, or lacks one",
        0,
        hint='enclose the field in quotes and double the quotes in it: "a ""b"" c"',
    )
