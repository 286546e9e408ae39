"""Files of variables: ``.env`` and those that ``env_file`` names.

A line is ``NAME=value``, ``NAME: value`` or ``export NAME=value``; ``NAME`` alone takes the value
of the environment. Values may be quoted: in double quotes escapes and variables count, in single
quotes nothing does. Behaviour: compose-go dotenv/parser.go.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bakex.bake.compose.template import substitute
from bakex.bake.hcl.source import decode
from bakex.bake.hcl.syntax import Node
from bakex.bake.problems import placed
from bakex.errors import SyntaxDefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bakex.bake.compose.template import Variables
    from bakex.bake.hcl.source import Source

MAX_SIZE = 4 << 20  # bytes of a file
MAX_VALUE = 1 << 20  # characters of all values of one file together
_BLANK = "\t\v\f\r \x85\xa0"
_SKIPPED = re.compile(r"(?:\s+|#[^\n]*)*")
_EXPORT = re.compile(r"export[\t\v\f\r \x85\xa0]+")
_KEY = re.compile(r"[\w.\-\[\]\t\v\f\r \x85\xa0]*")
_ESCAPE = re.compile(r'\\(?:[abfnrtv$"\\]|0[0-7]{0,3})')
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def parse(
    name: str,
    data: bytes,
    variables: Variables,
    unset: Callable[[str], None],
    below: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the variables of a file.

    Args:
        name: Of the file, for messages.
        data: Its bytes.
        variables: The environment, for lines without a value and for ``$NAME`` in values, where it
            goes before the lines above.
        unset: Called with the name of a variable in a value that is not set.
        below: What ``$NAME`` may stand for, too, if nothing else has the name.

    Raises:
        SyntaxDefinitionError: A line is malformed.
        EvaluationError: A value has a variable that must be set, or is malformed.
    """
    if len(data) > MAX_SIZE:
        raise SyntaxDefinitionError(f"{name!r} is larger than {MAX_SIZE} bytes")
    source = decode(name, data.removeprefix(b"\xef\xbb\xbf"))
    return _Parser(source, variables, unset, below or {}).parsed()


class _Parser:
    """Reads one file, statement by statement."""

    def __init__(
        self,
        source: Source,
        variables: Variables,
        unset: Callable[[str], None],
        below: Mapping[str, str],
    ) -> None:
        self._source = source
        self._text = source.text
        self._given = variables
        self._unset = unset
        self._below = below
        self._found: dict[str, str] = {}
        self._size = 0

    def get(self, name: str, /) -> str | None:
        """Return the value of a variable: that of the environment, else that of a line above."""
        value = self._given.get(name)
        if value is not None:
            return value
        return self._found[name] if name in self._found else self._below.get(name)

    def parsed(self) -> dict[str, str]:
        """Return all variables."""
        at = self._start(0)
        while at < len(self._text):
            key, at, bare = self._key(at)
            if bare:
                value = self._given.get(key)
                if value is not None:
                    self._found[key] = value
            else:
                self._found[key], at = self._value(at)
                self._check_size(key, at)
            at = self._start(at)
        return self._found

    def _start(self, at: int) -> int:
        match = _SKIPPED.match(self._text, at)
        return match.end() if match else at

    def _key(self, at: int) -> tuple[str, int, bool]:
        export = _EXPORT.match(self._text, at)
        start = export.end() if export else at
        match = _KEY.match(self._text, start)
        end = match.end() if match else start
        key = self._text[start:end].rstrip()
        sign = self._text[end : end + 1]
        if sign not in {"=", ":", "\n", ""}:
            raise self._error(f"{sign!r} cannot be in the name of a variable", end, end + 1)
        if " " in key:
            raise self._error(f"the name {key!r} has a blank in it", start, end)
        return key, end + 1, sign not in {"=", ":"}

    def _value(self, at: int) -> tuple[str, int]:
        text = self._text
        while text[at : at + 1] and text[at] in _BLANK:
            at += 1
        if text[at : at + 1] in {"'", '"'}:
            return self._quoted(at)
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        value = text[at:end].split(" #", 1)[0].rstrip()
        return self._expanded(value, at, end), end

    def _quoted(self, start: int) -> tuple[str, int]:
        text, quote = self._text, self._text[start]
        pieces: list[str] = []
        at = start + 1
        while True:
            end = text.find(quote, at)
            if end < 0:
                raise self._error(f"the quote {quote} is not closed", start, start + 1)
            slashes = end - len(text[at:end].rstrip("\\")) - at
            if slashes % 2 == 0:
                break
            pieces.append(text[at : end - 1] + quote)
            at = end + 1
        pieces.append(text[at:end])
        value = "".join(pieces)
        if quote == '"':
            value = self._expanded(_ESCAPE.sub(_unescaped, value), start, end)
        return value, end + 1

    def _expanded(self, value: str, start: int, end: int) -> str:
        with placed(Node(self._source, start, end)):
            return substitute(value, self, self._unset)

    def _check_size(self, key: str, at: int) -> None:
        self._size += len(self._found[key])
        if self._size > MAX_VALUE:
            raise self._error(f"the values have more than {MAX_VALUE} characters", at, at)

    def _error(self, summary: str, start: int, end: int) -> SyntaxDefinitionError:
        return SyntaxDefinitionError(
            summary,
            hint="write NAME=value, one a line",
            span=self._source.span(start, end),
            source=self._source.text,
        )


def _unescaped(match: re.Match[str]) -> str:
    code = match[0][1:]
    if code == "$":
        # The template below reads this as one dollar sign.
        return "$$"
    if code[0] == "0":
        return chr(int(code, 8) & 0xFF)
    return _ESCAPES.get(code, code)
