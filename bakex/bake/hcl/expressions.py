"""Expressions: recursive descent, and precedence climbing for the operators.

Source: HCL native syntax specification, "Expressions"; specification section 2.2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bakex.bake.hcl.constructors import ConstructorParser
from bakex.bake.hcl.cursor import MAX_CHAIN
from bakex.bake.hcl.faults import Fault
from bakex.bake.hcl.lexer import (
    END,
    HEREDOC,
    HEREDOC_END,
    NAME,
    NUMBER,
    QUOTE,
    STRING,
    UNQUOTE,
)
from bakex.bake.hcl.nodes import (
    Access,
    Binary,
    Call,
    Conditional,
    Index,
    Parentheses,
    Splat,
    SplatItem,
    Unary,
)
from bakex.bake.hcl.syntax import AttributeStep, Expression, IndexStep, Literal, Step, Traversal
from bakex.bake.values.number import Number
from bakex.bake.values.problems import LimitError
from bakex.bake.values.value import FALSE, NULL, TRUE, Value, number, string

if TYPE_CHECKING:
    from collections.abc import Callable

_PRECEDENCE = {
    "||": 1,
    "&&": 2,
    "==": 3,
    "!=": 3,
    "<": 4,
    "<=": 4,
    ">": 4,
    ">=": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
    "%": 6,
}
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?\Z")
_KEYWORDS = {"true": TRUE, "false": FALSE, "null": NULL}


class ExpressionParser(ConstructorParser):
    """The grammar of expressions."""

    def expression(self) -> Expression:
        """Parse an expression, the conditional included."""
        self.descend()
        node = self._binary(1)
        if self.peek() == "?":
            self.pos += 1
            yes = self.expression()
            if self.peek() != ":":
                raise self.fault(
                    'missing ":" in a conditional',
                    detail="A conditional needs a value for both cases.",
                    hint="write condition ? value : value",
                )
            self.pos += 1
            no = self.expression()
            node = Conditional(self.source, node.start, no.end, node, yes, no)
        self.depth -= 1
        return node

    def _binary(self, lowest: int) -> Expression:
        left = self._operand()
        while True:
            operator = self.peek()
            precedence = _PRECEDENCE.get(operator, 0)
            if precedence < lowest:
                return left
            self.pos += 1
            right = self._binary(precedence + 1)
            left = Binary(self.source, left.start, right.end, operator, left, right)

    def _operand(self) -> Expression:
        kind = self.peek()
        if kind in {"-", "!"}:
            return self._unary(kind)
        return self._postfix(self._term(kind))

    def _unary(self, operator: str) -> Expression:
        start = self.starts[self.pos]
        self.descend()
        self.pos += 1
        operand = self._operand()
        self.depth -= 1
        return Unary(self.source, start, operand.end, operator, operand)

    def _term(self, kind: str) -> Expression:
        if kind == NAME:
            return self._name()
        if kind == STRING:
            start, end = self.starts[self.pos], self.ends[self.pos]
            self.pos += 1
            return Literal(self.source, start, end, string(self.text[start + 1 : end - 1]))
        if kind == NUMBER:
            return self._number()
        if (bracketed := _BRACKETS.get(kind)) is not None:
            return bracketed(self)
        if kind in {QUOTE, HEREDOC}:
            opening = self.pos
            self.pos += 1
            return self.template(opening, UNQUOTE if kind == QUOTE else HEREDOC_END)
        raise self._no_term(kind)

    def _no_term(self, kind: str) -> Fault:
        if kind == END:
            return self.fault(
                "missing expression",
                detail="The file ends where a value is expected.",
                hint="add a value",
            )
        found = self.word().strip()
        return self.fault(
            "expected an expression",
            detail=f'A value is expected here, but "{found}" was found.'
            if found
            else "The line ends where a value is expected.",
            hint="write a value; it may go on in the next line only inside brackets",
        )

    def _name(self) -> Expression:
        first = self.pos
        start, end = self.starts[first], self.ends[first]
        self.pos += 1
        if self.peek() in {"(", "::"}:
            return self._call(first)
        name = self.text[start:end]
        if (value := _KEYWORDS.get(name)) is not None:
            return Literal(self.source, start, end, value)
        return Traversal(self.source, start, end, name, end, [])

    def _number(self) -> Literal:
        start, end = self.starts[self.pos], self.ends[self.pos]
        amount = self._amount(self.text[start:end])
        self.pos += 1
        return Literal(self.source, start, end, amount)

    def _amount(self, text: str) -> Value:
        try:
            parsed = Number.parse(text) if _NUMBER.match(text) else None
        except LimitError as error:
            raise self.fault(error.summary, detail=error.detail) from None
        if parsed is None:
            raise self.fault(
                f'"{text}" is not a number',
                detail="A number is written in decimal digits, such as 12, 1.5 or 2e10.",
                hint="put it in quotes if text is meant, such as a version",
            )
        return number(parsed)

    def parentheses(self) -> Expression:
        """Parse ``(…)``; the current token is the parenthesis."""
        start = self.starts[self.pos]
        outer, self.newlines = self.newlines, False
        self.pos += 1
        inner = self.expression()
        if self.peek() != ")":
            raise self.fault(
                "unbalanced parentheses",
                detail=f"The parenthesis opened on line {self.line_of(start)} must be closed here.",
                hint='add ")"',
            )
        self.pos += 1
        self.newlines = outer
        return Parentheses(self.source, start, self.ends[self.pos - 1], inner)

    # -- what may follow a term

    def _postfix(self, node: Expression) -> Expression:
        chain = 0
        while (kind := self.peek()) in {".", "["}:
            if kind == ".":
                node, long = self._dot(node)
            else:
                node, long = self._bracket(node)
            chain += long
            if chain > MAX_CHAIN:
                raise self.fault(
                    "too many indexes behind one another", hint="give parts names of their own"
                )
        return node

    def _dot(self, base: Expression) -> tuple[Expression, bool]:
        """Parse ``.name``, ``.0`` or ``.*``; tell whether the tree got deeper."""
        dot = self.pos
        self.pos += 1
        if self.peek() == "*":
            return self._attribute_splat(base, dot), True
        return self._stepped(base, self._dot_step()), False

    def _dot_step(self) -> Step:
        kind = self.peek()
        start, end = self.starts[self.pos], self.ends[self.pos]
        if kind == NAME:
            self.pos += 1
            return AttributeStep(self.source, start, end, self.text[start:end])
        if kind != NUMBER:
            raise self.fault(
                'missing name behind "."',
                detail="A dot is followed by the name of an attribute.",
                hint='write x.name, or x["name"] for a name that has other characters',
            )
        text = self.text[start:end]
        first, dot, second = text.partition(".")
        if dot:
            raise self.fault(
                f'"{text}" is not an index',
                detail="Two indexes behind one another read as a number here.",
                hint=f"write [{first}][{second}]",
            )
        key = self._amount(text)
        self.pos += 1
        return IndexStep(self.source, start, end, key)

    def _stepped(self, base: Expression, step: Step) -> Expression:
        """Return a base with one more constant step."""
        if isinstance(base, Traversal | Access):
            base.steps.append(step)
            base.end = step.end
            return base
        return Access(self.source, base.start, step.end, base, [step])

    def _attribute_splat(self, base: Expression, dot: int) -> Expression:
        """Parse ``.*`` and the attribute steps behind it; the current token is the star."""
        item = SplatItem(self.source, self.starts[dot], self.ends[self.pos])
        self.pos += 1
        each: Expression = item
        while self.peek() == ".":
            self.pos += 1
            if self.peek() == "*":
                raise self.fault(
                    "a second .* is not possible here",
                    detail="A splat with a dot applies attributes only.",
                    hint="write [*]",
                )
            each = self._stepped(each, self._dot_step())
        return Splat(self.source, base.start, each.end, base, each, item)

    def _bracket(self, base: Expression) -> tuple[Expression, bool]:
        """Parse ``[key]`` or ``[*]``; tell whether the tree got deeper."""
        opening = self.pos
        outer, self.newlines = self.newlines, False
        self.pos += 1
        if self.peek() == "*":
            return self._full_splat(base, opening, newlines=outer), True
        key = self.expression()
        self._close_bracket("the index", opening)
        self.newlines = outer
        start, end = self.starts[opening], self.ends[self.pos - 1]
        if isinstance(key, Literal) and key.value.kind in {"string", "number"}:
            return self._stepped(base, IndexStep(self.source, start, end, key.value)), False
        return Index(self.source, base.start, end, base, key, start), True

    def _full_splat(self, base: Expression, opening: int, *, newlines: bool) -> Expression:
        self.pos += 1
        self._close_bracket("[*", opening)
        self.newlines = newlines
        item = SplatItem(self.source, self.starts[opening], self.ends[self.pos - 1])
        self.descend()
        each = self._postfix(item)
        self.depth -= 1
        return Splat(self.source, base.start, each.end, base, each, item)

    def _close_bracket(self, what: str, opening: int) -> None:
        if self.peek() != "]":
            raise self.fault(
                f'missing "]" behind {what}',
                detail=f"It was opened on line {self.line_of(self.starts[opening])}.",
                hint='add "]"',
                at=self._unpaired(),
            )
        self.pos += 1

    def _unpaired(self) -> int:
        """Return the next "]" behind this token that closes nothing, or the end of the file.

        There the reference reports that one is missing.
        """
        inside = 0
        last = len(self.kinds) - 1
        for pos in range(self.pos + 1, last):
            inside += {"[": 1, "]": -1}.get(self.kinds[pos], 0)
            if inside < 0:
                return pos
        return last

    # -- calls

    def _call(self, first: int) -> Expression:
        """Parse a call; `first` is the number of the token of its name."""
        start = self.starts[first]
        name = self._function_name(first)
        name_end = self.ends[self.pos - 1]
        if self.peek() != "(":
            raise self.fault(f'missing "(" behind the function {name}', hint=f"write {name}(…)")
        opening = self.pos
        outer, self.newlines = self.newlines, False
        self.pos += 1
        arguments: list[Expression] = []
        expand = False
        while self.peek() != ")":
            arguments.append(self.expression())
            kind = self.peek()
            if kind == "...":
                expand = True
                self._expansion()
            elif kind == ",":
                self.pos += 1
            elif kind != ")":
                raise self._no_argument(kind, start, opening)
        close = self.pos
        self.pos += 1
        self.newlines = outer
        return Call(
            self.source, start, self.ends[close], name, name_end, arguments, self.starts[close],
            expand=expand,
        )  # fmt: skip

    def _function_name(self, first: int) -> str:
        name = self.text[self.starts[first] : self.ends[first]]
        while self.peek() == "::":
            self.pos += 1
            if self.peek() != NAME:
                raise self.fault(
                    'missing name of a function behind "::"', hint="write namespace::name(…)"
                )
            name += "::" + self.word()
            self.pos += 1
        return name

    def _expansion(self) -> None:
        dots = self.pos
        self.pos += 1
        if self.peek() != ")":
            raise self.fault(
                'an argument with "..." must be the last one',
                detail="It stands for all further arguments of the call.",
                hint='add ")", or move it to the end',
                at=dots,
            )

    def _no_argument(self, kind: str, start: int, opening: int) -> Fault:
        if kind == END:
            return Fault(
                "unclosed call of a function",
                start,
                self.ends[opening],
                detail="The file ends before the call does.",
                hint='add ")"',
            )
        return self.fault(
            "missing comma between the arguments of a function",
            detail="The next argument starts here without a comma before it.",
            hint='add a comma, or the closing ")"',
        )


_BRACKETS: dict[str, Callable[[ExpressionParser], Expression]] = {
    "[": ExpressionParser.tuple,
    "{": ExpressionParser.object,
    "(": ExpressionParser.parentheses,
}
