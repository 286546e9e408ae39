"""The variables of compose files: ``$NAME`` and ``${NAME:-default}`` in all their forms.

Behaviour: compose-go template.go. The reference looks for the closing brace in an unusual way: the
character behind an opening brace never counts, and where the braces do not match the last one of
the line closes. Written as a scanner, so that long lines take linear time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from bakex.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LENGTH = 1 << 22  # characters of one text with its variables filled in
MAX_NESTING = 20  # defaults inside defaults
MAX_BRACES = 1000  # braces inside one another in a default, such as a JSON text
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_OPERATOR = re.compile(r":?[-+?]")
_BRACE = re.compile(r"[{}]")
_INVALID_HINT = "write ${NAME} or ${NAME:-default}; a dollar sign is written $$"


class Variables(Protocol):
    """Where values come from."""

    def get(self, name: str, /) -> str | None:
        """Return the value of a variable, None if it is not set."""
        ...


def substitute(text: str, variables: Variables, unset: Callable[[str], None]) -> str:
    """Fill in the variables of a text.

    Args:
        text: With ``$NAME``, ``${NAME}``, ``${NAME:-default}``, ``${NAME-default}``,
            ``${NAME:+other}``, ``${NAME+other}``, ``${NAME:?message}``, ``${NAME?message}`` and
            ``$$``, which is a dollar sign.
        variables: Their values.
        unset: Called with the name of a variable that is not set and has no default; it counts as
            empty.

    Raises:
        EvaluationError: A variable that must be set is not, or the text is malformed or becomes
            too long; without a place.
    """
    return text if "$" not in text else _Scanner(variables, unset).filled(text, 0)


class _Scanner:
    """Fills in the variables of one text."""

    def __init__(self, variables: Variables, unset: Callable[[str], None]) -> None:
        self._variables = variables
        self._unset = unset

    def filled(self, text: str, nesting: int) -> str:
        """Return a text, or a part of one, with its variables filled in."""
        if nesting > MAX_NESTING:
            raise EvaluationError(f"more than {MAX_NESTING} defaults inside one another")
        pieces: list[str] = []
        braces = _Braces(text)
        size = at = 0
        while True:
            dollar = text.find("$", at)
            if dollar < 0:
                pieces.append(text[at:])
                break
            pieces.append(text[at:dollar])
            piece, at = self._reference(braces, dollar, nesting)
            pieces.append(piece)
            size += len(pieces[-1]) + len(pieces[-2])
            if size > MAX_LENGTH:
                raise EvaluationError(f"the text is longer than {MAX_LENGTH} characters")
        return "".join(pieces)

    def _reference(self, braces: _Braces, dollar: int, nesting: int) -> tuple[str, int]:
        text = braces.text
        following = text[dollar + 1 : dollar + 2]
        if following == "$":
            return "$", dollar + 2
        if following == "{":
            return self._braced(braces, dollar, nesting)
        match = _NAME.match(text, dollar + 1)
        if match is None:
            return "$", dollar + 1
        return self._value(match[0]), match.end()

    def _braced(self, braces: _Braces, dollar: int, nesting: int) -> tuple[str, int]:
        text = braces.text
        name = _NAME.match(text, dollar + 2)
        if name and text[name.end() : name.end() + 1] == "}":
            return self._value(name[0]), name.end() + 1
        operator = _OPERATOR.match(text, name.end()) if name else None
        last = braces.last(operator.end()) if operator else -1
        if name is None or operator is None or last < 0:
            shown = text[dollar : dollar + 40].split("\n", 1)[0]
            raise EvaluationError(f"malformed variable {shown!r}", hint=_INVALID_HINT)
        close = braces.closing(dollar, last)
        operand = text[operator.end() : close]
        return self._applied(name[0], operator[0], operand, nesting + 1), close + 1

    def _applied(self, name: str, operator: str, operand: str, nesting: int) -> str:
        other = self.filled(operand, nesting) if "$" in operand else operand
        value = self._variables.get(name)
        given = value is not None and not (operator[0] == ":" and value == "")
        if operator[-1] == "-":
            return value or "" if given else other
        if operator[-1] == "+":
            return other if given else value or ""
        if not given:
            raise EvaluationError(
                f"the variable {name!r} must be set{': ' if other else ''}{other}",
                hint=f"set it in the environment, in .env or with --var {name}=VALUE",
            )
        return value or ""

    def _value(self, name: str) -> str:
        value = self._variables.get(name)
        if value is None:
            self._unset(name)
        return value or ""


class _Braces:
    """Where the braces of a text are.

    Attributes:
        text: The text.
    """

    __slots__ = ("_end", "_last", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._end = self._last = -1

    def last(self, start: int) -> int:
        """Return the last closing brace behind an offset in the same line; -1 if there is none.

        Offsets must not become smaller from one call to the next: a line is searched once.
        """
        if start > self._end:
            end = self.text.find("\n", start)
            self._end = len(self.text) if end < 0 else end
            self._last = self.text.rfind("}", start, self._end)
        return self._last if self._last >= start else -1

    def closing(self, start: int, last: int) -> int:
        """Return the brace that closes what opens behind an offset; the last one if none does.

        Raises:
            EvaluationError: Too many are open.
        """
        level, at = 0, start
        while match := _BRACE.search(self.text, at, last + 1):
            at = match.end()
            if match[0] == "}":
                level -= 1
                if level == 0:
                    return match.start()
            else:
                level += 1
                at += 1
                if level > MAX_BRACES:
                    raise EvaluationError(f"more than {MAX_BRACES} braces inside one another")
        return last
