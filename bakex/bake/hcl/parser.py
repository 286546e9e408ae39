"""Bodies: attributes and blocks, with recovery so that one run reports several faults.

A fault ends the item it is in. Parsing goes on behind the first newline at which all brackets that
the item itself opened are closed, so that one missing parenthesis is one message.

Source: HCL native syntax specification, "Structural elements"; specification section 2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.hcl.expressions import ExpressionParser
from bakex.bake.hcl.faults import Fault, diagnostics
from bakex.bake.hcl.lexer import (
    DIRECTIVE,
    END,
    HEREDOC,
    HEREDOC_END,
    INTERPOLATION,
    NAME,
    NEWLINE,
    QUOTE,
    QUOTED_TEXT,
    SEQUENCE_END,
    STRING,
    UNQUOTE,
    Tokens,
    tokenize,
    tokenize_template,
)
from bakex.bake.hcl.strings import unescape
from bakex.bake.hcl.syntax import Attribute, Block, Body, Expression

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakex.bake.hcl.source import Source
    from bakex.diagnostics import Diagnostic

MAX_FAULTS = 100  # broken items after which the rest of a file is not read

_OPENERS = frozenset({"{", "[", "(", QUOTE, HEREDOC, INTERPOLATION, DIRECTIVE})
_CLOSERS = {
    "}": {"{"},
    "]": {"["},
    ")": {"("},
    UNQUOTE: {QUOTE},
    HEREDOC_END: {HEREDOC},
    SEQUENCE_END: {INTERPOLATION, DIRECTIVE},
}
_ONE_LINE = "a block on one line has the form: name { attribute = value }"


def parse(source: Source) -> tuple[Body, tuple[Diagnostic, ...]]:
    """Return the syntax tree of a file, and everything that is wrong in it.

    Where something is wrong the tree lacks the attribute or block that it is in.
    """
    tokens, faults = tokenize(source.text)
    parser = _BodyParser(source, source.text, tokens, faults)
    try:
        body = parser.body(END, 0)
    except RecursionError:
        body = Body(source, 0, len(source.text), {}, [])
        faults.append(_too_deep(parser))
    return body, diagnostics(faults, source)


def parse_expression(source: Source, text: str) -> Expression:
    """Return the expression that a whole text is; it may have several lines.

    Args:
        source: What the nodes refer to.
        text: The characters, which offsets of nodes count.

    Raises:
        SyntaxDefinitionError: It is none.
    """
    tokens, faults = tokenize(text)
    parser = _BodyParser(source, text, tokens, faults)
    return _whole(parser, parser.whole_expression)


def parse_template(source: Source, text: str) -> Expression:
    """Return the template that a whole text is, as a string of a JSON file is one.

    Args:
        source: What the nodes refer to.
        text: The characters, which offsets of nodes count.

    Raises:
        SyntaxDefinitionError: It is malformed.
    """
    tokens, faults = tokenize_template(text)
    parser = _BodyParser(source, text, tokens, faults)
    return _whole(parser, parser.whole_template)


def _whole(parser: _BodyParser, read: Callable[[], Expression]) -> Expression:
    parser.newlines = False
    try:
        if parser.faults:
            raise parser.faults[0]
        return read()
    except RecursionError:
        raise _too_deep(parser).error(parser.source) from None
    except Fault as fault:
        raise fault.error(parser.source) from None


def _too_deep(parser: _BodyParser) -> Fault:
    at = parser.starts[parser.pos]
    return Fault("nested too deeply", at, at + 1, hint="give parts names of their own")


def _close(opened: list[str], openers: set[str]) -> bool:
    """Close the innermost of some openers and all inside it; tell whether there was one."""
    if openers.isdisjoint(opened):
        return False
    while opened.pop() not in openers:
        pass
    return True


class _BodyParser(ExpressionParser):
    """The grammar of bodies.

    Attributes:
        faults: What is wrong so far; the scanner's findings are in it from the start.
        broken: How many items had a fault.
    """

    def __init__(self, source: Source, text: str, tokens: Tokens, faults: list[Fault]) -> None:
        super().__init__(source, text, tokens)
        self.faults = faults
        self.broken = 0

    def whole_expression(self) -> Expression:
        """Parse all tokens as one expression."""
        node = self.expression()
        if self.peek() != END:
            raise self.fault("unexpected text behind the expression", hint="remove it")
        return node

    def body(self, closing: str, opening: int) -> Body:
        """Parse items up to and including the closing token.

        Args:
            closing: Kind of the closing token.
            opening: Number of the token of the opening brace, if there is one.
        """
        attributes: dict[str, Attribute] = {}
        blocks: list[Block] = []
        start = self.starts[self.pos]
        while (kind := self.kinds[self.pos]) != closing:
            if kind == NEWLINE:
                self.pos += 1
            elif kind == END:
                if self.broken < MAX_FAULTS:
                    self.faults.append(self._unclosed_block(opening))
                return Body(self.source, start, self.ends[self.pos], attributes, blocks)
            else:
                self._item_or_fault(closing, attributes, blocks)
        end = self.ends[self.pos]
        if closing != END:
            self.pos += 1
        return Body(self.source, start, end, attributes, blocks)

    def _item_or_fault(
        self, closing: str, attributes: dict[str, Attribute], blocks: list[Block]
    ) -> None:
        first, depth = self.pos, self.depth
        try:
            item = self._item()
        except Fault as fault:
            self.faults.append(fault)
            self.newlines, self.depth = True, depth
            self.pos = max(self.pos, first + 1)
            self._recover(first, closing)
            self.broken += 1
            if self.broken >= MAX_FAULTS:
                self.pos = len(self.kinds) - 1
            return
        if isinstance(item, Block):
            blocks.append(item)
        elif (other := attributes.setdefault(item.name, item)) is not item:
            self.faults.append(
                Fault(
                    f'attribute "{item.name}" is set twice',
                    item.start,
                    item.name_end,
                    detail=f"It is set on line {self.line_of(other.start)} already.",
                    hint="remove one of the two",
                )
            )

    def _unclosed_block(self, opening: int) -> Fault:
        return Fault(
            "unclosed block",
            self.starts[opening],
            self.ends[opening],
            detail="The file ends before it is closed; one missing further up also does this.",
            hint='add "}"',
        )

    # -- recovery

    def _recover(self, first: int, closing: str) -> None:
        """Move behind the broken item whose first token has the number `first`."""
        faulty = self.pos
        pos = self._balanced_end(first, faulty, closing)
        if pos is None:
            pos = self._next_item(first, faulty)
        self.pos = len(self.kinds) - 1 if pos is None else pos

    def _balanced_end(self, first: int, faulty: int, closing: str) -> int | None:
        """Return where the item ends if its brackets balance."""
        opened: list[str] = []
        for pos in range(first, len(self.kinds)):
            kind = self.kinds[pos]
            if kind == NEWLINE:
                if not opened and pos >= faulty:
                    return pos + 1
            elif kind in _OPENERS:
                opened.append(kind)
            elif kind in _CLOSERS and not _close(opened, _CLOSERS[kind]) and kind == closing:
                return pos
        return None

    def _next_item(self, first: int, faulty: int) -> int | None:
        """Return the start of the next line that is not indented more and looks like an item."""
        column = self._column(first)
        for pos in range(max(faulty, first + 1), len(self.kinds) - 1):
            if (
                self.kinds[pos] == NEWLINE
                and self.kinds[pos + 1] in {NAME, "}"}
                and self._column(pos + 1) <= column
            ):
                return pos + 1
        return None

    def _column(self, pos: int) -> int:
        start = self.starts[pos]
        return start - self.text.rfind("\n", 0, start)

    # -- items

    def _item(self) -> Attribute | Block:
        kind = self.kinds[self.pos]
        if kind in {QUOTE, STRING}:
            raise self.fault(
                "the name of an attribute is not quoted",
                detail="Attributes and blocks start with a bare word.",
                hint="remove the quotes",
            )
        if kind != NAME:
            raise self.fault(
                "expected an attribute or a block",
                detail="An item starts with a name: name = value, or name { … }.",
            )
        following = self.kinds[self.pos + 1]
        if following == "=":
            attribute = self._attribute()
            self._end_line("an attribute")
            return attribute
        if following in {STRING, QUOTE, "{", NAME}:
            return self._block()
        raise self.fault(
            f'"{self.word()}" is neither an attribute nor a block',
            detail="A name is followed by an equals sign, or by labels and an opening brace.",
            hint="write name = value, or name { … }",
        )

    def _attribute(self) -> Attribute:
        start, name_end, name = self.starts[self.pos], self.ends[self.pos], self.word()
        self.pos += 2
        expr = self.expression()
        return Attribute(self.source, start, self.ends[self.pos - 1], name, name_end, expr)

    def _end_line(self, what: str) -> None:
        kind = self.kinds[self.pos]
        if kind == NEWLINE:
            self.pos += 1
        elif kind == ",":
            raise self.fault(
                f"unexpected comma behind {what}",
                detail="Attributes and blocks are separated by newlines.",
                hint="remove the comma",
            )
        elif kind != END:
            raise self.fault(
                f"missing newline behind {what}",
                detail="The line must end here.",
                hint="start a new line; an expression may go on in the next one inside ( ) only",
            )

    def _block(self) -> Block:
        first = self.pos
        start, type_end, type_ = self.starts[first], self.ends[first], self.word()
        self.pos += 1
        labels: list[str] = []
        offsets: list[tuple[int, int]] = []
        while self.kinds[self.pos] != "{":
            begin = self.starts[self.pos]
            labels.append(self._label())
            offsets.append((begin, self.ends[self.pos - 1]))
        opening = self.pos
        self.pos += 1
        self.descend()
        if self.kinds[self.pos] in {NEWLINE, "}", END}:
            body = self.body("}", opening)
        else:
            body = self._one_line_body(opening)
        self.depth -= 1
        end = self.ends[self.pos - 1]
        self._end_line("a block")
        return Block(
            self.source, start, end, type_, type_end, labels, offsets,
            open_=self.starts[opening], body=body,
        )  # fmt: skip

    def _label(self) -> str:
        kind = self.kinds[self.pos]
        if kind == QUOTE:
            return self._quoted_label()
        if kind in {STRING, NAME}:
            word = self.word()
            self.pos += 1
            return word[1:-1] if kind == STRING else word
        raise self._no_label(kind)

    def _no_label(self, kind: str) -> Fault:
        if kind == "=":
            return self.fault(
                "a block is not assigned",
                detail="An equals sign belongs to an attribute, and an attribute has no labels.",
                hint="remove the equals sign, or the labels",
            )
        if kind == NEWLINE:
            return self.fault(
                'missing "{" of a block',
                detail="The brace must be on the same line as the block's name and labels.",
                hint='add "{" at the end of this line',
            )
        return self.fault(
            'expected a label or "{"',
            detail="A block is its type, quoted labels, and an opening brace.",
        )

    def _quoted_label(self) -> str:
        self.pos += 1
        parts: list[str] = []
        while (kind := self.kinds[self.pos]) != UNQUOTE:
            if kind == QUOTED_TEXT:
                parts.append(unescape(self.word(), self.starts[self.pos]))
                self.pos += 1
            elif kind in {INTERPOLATION, DIRECTIVE}:
                raise self.fault(
                    "a label cannot be computed",
                    detail="Labels are plain strings.",
                    hint=f'write "{kind[0]}{kind}" for a plain "{kind}", or use a matrix',
                )
            else:
                raise self.fault("unterminated label of a block", hint="add the closing quote")
        self.pos += 1
        return "".join(parts)

    def _one_line_body(self, opening: int) -> Body:
        if self.kinds[self.pos] != NAME:
            raise self.fault(
                "expected an attribute", detail=f"{_ONE_LINE[0].upper()}{_ONE_LINE[1:]}."
            )
        following = self.kinds[self.pos + 1]
        start, name = self.starts[self.pos], self.word()
        if following in {STRING, QUOTE, "{", NAME}:
            end = self.starts[self.pos + 1] + 1 if following == STRING else self.ends[self.pos + 1]
            raise Fault(
                "a block on one line cannot have a block inside",
                start,
                end,
                hint="put the inner block on lines of its own",
            )
        if following != "=":
            raise self.fault(f'missing "=" behind "{name}"', hint=_ONE_LINE)
        attribute = self._attribute()
        kind = self.kinds[self.pos]
        if kind == END:
            raise self._unclosed_block(opening)
        if kind != "}":
            raise self.fault(
                "a block on one line has one attribute and ends on that line",
                detail='A closing brace "}" is expected here.',
                hint="put every attribute on a line of its own",
            )
        self.pos += 1
        return Body(self.source, start, attribute.end, {name: attribute}, [])
