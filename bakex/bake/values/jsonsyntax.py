"""JSON text to a tree that knows where everything is (RFC 8259).

Written by hand because bake files in JSON need positions and may repeat keys, and because numbers
must keep all their digits.
"""

from __future__ import annotations

import re

from bakex.bake.values.problems import ValueProblem

MAX_VALUES = 500_000  # of one text
MAX_DEPTH = 100  # arrays and objects inside one another

_SPACE = re.compile(r"[ \t\r\n]*")
_TEXT = re.compile(r'[^"\\\x00-\x1f]*')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z_0-9.+-]*")
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_ESCAPES = {
    '"': '"',
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}
_WORDS = {"true": True, "false": False, "null": None}


class JsonSyntaxError(ValueProblem):
    """A text is not JSON.

    Attributes:
        start: Offset of what is wrong.
        end: Offset behind it.
    """

    def __init__(self, summary: str, start: int, end: int, *, hint: str = "") -> None:
        super().__init__(summary, hint=hint)
        self.start = start
        self.end = end


class JsonNode:
    """A value in a JSON text.

    Attributes:
        start: Offset of its first character.
        end: Offset behind its last one.
    """

    __slots__ = ("end", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end


class JsonConstant(JsonNode):
    """``true``, ``false`` or ``null``."""

    __slots__ = ("value",)

    def __init__(self, start: int, end: int, value: bool | None) -> None:
        super().__init__(start, end)
        self.value = value


class JsonNumber(JsonNode):
    """A number, as it is written."""

    __slots__ = ("text",)

    def __init__(self, start: int, end: int, text: str) -> None:
        super().__init__(start, end)
        self.text = text


class JsonText(JsonNode):
    """A string; `text` has its escapes resolved, half surrogate pairs replaced by U+FFFD."""

    __slots__ = ("text",)

    def __init__(self, start: int, end: int, text: str) -> None:
        super().__init__(start, end)
        self.text = text


class JsonArray(JsonNode):
    """An array."""

    __slots__ = ("items",)

    def __init__(self, start: int, end: int, items: list[JsonNode]) -> None:
        super().__init__(start, end)
        self.items = items


class JsonObject(JsonNode):
    """An object; keys may repeat."""

    __slots__ = ("entries",)

    def __init__(self, start: int, end: int, entries: list[tuple[JsonText, JsonNode]]) -> None:
        super().__init__(start, end)
        self.entries = entries


def read(text: str) -> JsonNode:
    """Return the tree of a whole text.

    Raises:
        JsonSyntaxError: It is not JSON, nested deeper than `MAX_DEPTH`, or has more values than
            `MAX_VALUES`.
    """
    reader = _Reader(text, 1 if text.startswith("\ufeff") else 0)
    node = reader.value(0)
    reader.finish()
    return node


class _Reader:
    __slots__ = ("left", "pos", "text")

    def __init__(self, text: str, pos: int) -> None:
        self.text = text
        self.pos = pos
        self.left = MAX_VALUES

    def fault(self, summary: str, start: int | None = None, *, hint: str = "") -> JsonSyntaxError:
        """Return the error that the current character, or the one at `start`, is wrong."""
        begin = self.pos if start is None else start
        return JsonSyntaxError(summary, begin, min(begin + 1, len(self.text)), hint=hint)

    def peek(self) -> str:
        """Return the next character that is not white space; empty at the end."""
        found = _SPACE.match(self.text, self.pos)
        if found:
            self.pos = found.end()
        return self.text[self.pos : self.pos + 1]

    def finish(self) -> None:
        if char := self.peek():
            raise self.fault(
                f'unexpected "{char}" behind the JSON value', hint="remove what follows it"
            )

    def value(self, depth: int) -> JsonNode:
        char = self.peek()
        self.left -= 1
        if self.left < 0:
            raise self.fault(
                "the JSON is too long", hint=f"at most {MAX_VALUES} values are allowed"
            )
        if depth > MAX_DEPTH:
            raise self.fault(
                "JSON nested too deeply", hint=f"at most {MAX_DEPTH} levels are allowed"
            )
        if char == "{":
            return self._object(depth)
        if char == "[":
            return self._array(depth)
        if char == '"':
            return self._string()
        if char == "-" or "0" <= char <= "9":
            return self._number()
        return self._constant(char)

    def _constant(self, char: str) -> JsonNode:
        start = self.pos
        found = _WORD.match(self.text, start)
        word = found.group() if found else ""
        if word in _WORDS:
            self.pos = start + len(word)
            return JsonConstant(start, self.pos, _WORDS[word])
        if not char:
            raise self.fault("unexpected end of JSON", hint="close what is open")
        hint = "put text in double quotes" if word or char == "'" else ""
        if char == "#" or self.text.startswith(("//", "/*"), start):
            hint = 'JSON has no comments; use a property named "//"'
        raise self.fault(f'expected a JSON value, but found "{word or char}"', hint=hint)

    def _number(self) -> JsonNode:
        start = self.pos
        found = _NUMBER.match(self.text, start)
        word = _WORD.match(self.text, start)
        end = found.end() if found else start
        if word and word.end() != end:
            raise self.fault(f'"{word.group()}" is not a number in JSON')
        self.pos = end
        return JsonNumber(start, end, self.text[start:end])

    def _string(self) -> JsonText:
        start = self.pos
        self.pos += 1
        parts: list[str] = []
        while True:
            found = _TEXT.match(self.text, self.pos)
            if found:
                parts.append(found.group())
                self.pos = found.end()
            char = self.text[self.pos : self.pos + 1]
            if char == '"':
                self.pos += 1
                text = "".join(parts)
                return JsonText(start, self.pos, text if text.isascii() else _repair(text))
            if char != "\\":
                raise self.fault("unterminated string", start, hint="add the closing quote")
            parts.append(self._escape())

    def _escape(self) -> str:
        letter = self.text[self.pos + 1 : self.pos + 2]
        if letter in _ESCAPES:
            self.pos += 2
            return _ESCAPES[letter]
        found = _HEX.match(self.text, self.pos + 2) if letter == "u" else None
        if found is None:
            raise self.fault(
                f'unknown escape "\\{letter}" in a string', hint="write \\\\ for a backslash"
            )
        self.pos += 6
        return chr(int(found.group(), 16))

    def _array(self, depth: int) -> JsonNode:
        start = self.pos
        self.pos += 1
        items: list[JsonNode] = []
        if self.peek() != "]":
            items.append(self.value(depth + 1))
            while self._more("]", "array"):
                items.append(self.value(depth + 1))
        self.pos += 1
        return JsonArray(start, self.pos, items)

    def _object(self, depth: int) -> JsonNode:
        start = self.pos
        self.pos += 1
        entries: list[tuple[JsonText, JsonNode]] = []
        if self.peek() != "}":
            entries.append(self._entry(depth))
            while self._more("}", "object"):
                entries.append(self._entry(depth))
        self.pos += 1
        return JsonObject(start, self.pos, entries)

    def _entry(self, depth: int) -> tuple[JsonText, JsonNode]:
        char = self.peek()
        if char != '"':
            hint = "put the name in double quotes" if char else "close what is open"
            raise self.fault("expected the name of a property", hint=hint)
        key = self._string()
        if self.peek() != ":":
            raise self.fault(
                'missing ":" behind the name of a property', hint='add ":" and a value'
            )
        self.pos += 1
        return key, self.value(depth + 1)

    def _more(self, closing: str, what: str) -> bool:
        """Tell whether another item follows, and move to it."""
        char = self.peek()
        if char == closing:
            return False
        if char != ",":
            if not char:
                raise self.fault(f"unclosed {what}", hint=f'add "{closing}"')
            raise self.fault(f"missing comma between the items of an {what}", hint="add a comma")
        comma = self.pos
        self.pos += 1
        if self.peek() == closing:
            raise self.fault(f"trailing comma in an {what}", comma, hint="remove the comma")
        return True


def _repair(text: str) -> str:
    """Return a text with surrogate pairs joined and halves of pairs replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
