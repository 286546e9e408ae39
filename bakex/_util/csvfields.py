"""One CSV record on one line: how buildx writes lists and composite values as text.

Fields are separated by commas and never trimmed. A field is quoted only if a double quote is its
first character; a quote inside is then written twice. A line break is data like any other
character, except that one at the very end is dropped. Source: spec/bake-file 2.9 "CSV record",
tonistiigi/go-csvvalue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class CsvError(ValueError):
    """The text is not a CSV record; the message says what is wrong and at which character."""


def split(text: str, separator: str = ",") -> tuple[str, ...]:
    """Return the fields of a record; the inverse of `join`.

    Args:
        text: The record.
        separator: The one character between fields.

    Raises:
        CsvError: Empty text, or a quote where none may be.
    """
    text = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
    if not text:
        raise CsvError("the text is empty")
    fields: list[str] = []
    position = 0
    while True:
        field, position = _field(text, position, separator)
        fields.append(field)
        if position == len(text):
            return tuple(fields)
        position += 1  # the separator; behind the last one there is an empty field


def join(fields: Iterable[str]) -> str:
    """Return a record with these fields; quotes only what must be quoted.

    Raises:
        ValueError: No field at all, which no record can express.
    """
    parts = [_quoted(field) for field in fields]
    if not parts:
        raise ValueError("a record has at least one field")
    # A record of one empty field would be empty text, which is no record.
    return '""' if parts == [""] else ",".join(parts)


def pairs(text: str) -> tuple[tuple[str, str | None], ...]:
    """Return the fields of a record split at their first ``=``; None where there is none.

    Raises:
        CsvError: Not a record.
    """
    return tuple(
        (key, value if equals else None)
        for key, equals, value in (field.partition("=") for field in split(text))
    )


def _field(text: str, start: int, separator: str) -> tuple[str, int]:
    if text[start : start + 1] == '"':
        return _quoted_field(text, start, separator)
    stop = text.find(separator, start)
    stop = len(text) if stop < 0 else stop
    quote = text.find('"', start, stop)
    if quote >= 0:
        raise CsvError(f"a quote inside an unquoted field, at character {quote + 1}")
    return text[start:stop], stop


def _quoted_field(text: str, start: int, separator: str) -> tuple[str, int]:
    parts: list[str] = []
    position = start + 1
    while True:
        quote = text.find('"', position)
        if quote < 0:
            raise CsvError(f"the quote at character {start + 1} is not closed")
        parts.append(text[position:quote])
        position = quote + 1
        if text[position : position + 1] != '"':
            break
        parts.append('"')
        position += 1
    if position < len(text) and text[position] != separator:
        raise CsvError(f"text behind the closing quote, at character {position + 1}")
    return "".join(parts), position


def _quoted(field: str) -> str:
    if '"' in field or "," in field or "\n" in field:
        return '"' + field.replace('"', '""') + '"'
    return field
