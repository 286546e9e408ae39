"""Syntax inside the strings of a JSON file: templates, and bare words where syntax is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.hcl.parser import parse_expression, parse_template
from bakex.bake.hcl.source import Source
from bakex.bake.hcl.syntax import Expression, Literal
from bakex.bake.values.value import string

if TYPE_CHECKING:
    from bakex.bake.hcl.nodes import JsonString
    from bakex.diagnostics import Span


class EmbeddedSource(Source):
    """The characters of one string, whose places are those of the file around it.

    Offsets count the characters that the string stands for. If it has no escapes they are found
    exactly in the file, else all of them are the whole string.
    """

    __slots__ = ("_end", "_exact", "_outer", "_start")

    def __init__(self, string_: JsonString) -> None:
        outer = string_.source
        super().__init__(outer.name, outer.text)
        self._outer = outer
        self._start = string_.start
        self._end = string_.end
        self._exact = len(string_.text) == string_.end - string_.start - 2

    def location(self, offset: int) -> tuple[int, int]:
        """Return line and column in the file."""
        return self._outer.location(self._start + 1 + offset if self._exact else self._start)

    def line(self, offset: int) -> int:
        """Return the line in the file."""
        return self.location(offset)[0]

    def span(self, start: int, end: int) -> Span:
        """Return the place in the file."""
        if not self._exact:
            return self._outer.span(self._start, self._end)
        return self._outer.span(self._start + 1 + start, self._start + 1 + end)


def template_of(expr: JsonString) -> Expression:
    """Return what a string is as a template; read once.

    Raises:
        SyntaxDefinitionError: It is malformed.
    """
    if expr.template is None:
        if "{" in expr.text:
            expr.template = parse_template(EmbeddedSource(expr), expr.text)
        else:
            expr.template = Literal(expr.source, expr.start, expr.end, string(expr.text))
    return expr.template


def expression_of(expr: JsonString) -> Expression:
    """Return what a string is as an expression, such as ``"list(string)"``.

    Raises:
        SyntaxDefinitionError: It is malformed.
    """
    return parse_expression(EmbeddedSource(expr), expr.text)
