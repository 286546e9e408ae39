"""What brackets and braces make: tuples, objects and ``for`` expressions."""

from __future__ import annotations

from bakex.bake.hcl.faults import Fault
from bakex.bake.hcl.lexer import END, NAME, NEWLINE
from bakex.bake.hcl.nodes import For, ObjectExpression, ObjectItem, TupleExpression
from bakex.bake.hcl.syntax import Expression, Literal
from bakex.bake.hcl.templates import TemplateParser
from bakex.bake.values.value import string

_FOR_FORMS = {
    "]": "[for value in collection : result]",
    "}": "{for key, value in collection : key => result}",
}


class ConstructorParser(TemplateParser):
    """The grammar of collections."""

    def tuple(self) -> Expression:
        """Parse ``[…]``; the current token is the bracket."""
        opening = self.pos
        outer, self.newlines = self.newlines, False
        self.pos += 1
        node = self._for(opening, "]") if self.at_word("for") else self._tuple(opening)
        self.newlines = outer
        return node

    def _tuple(self, opening: int) -> Expression:
        items: list[Expression] = []
        while self.peek() != "]":
            items.append(self.expression())
            kind = self.peek()
            if kind == ",":
                self.pos += 1
            elif kind == END:
                raise self._unclosed(opening, "bracket", "]")
            elif kind != "]":
                raise self.fault(
                    "missing comma between the elements of a list",
                    detail="The next element starts here without a comma before it.",
                    hint='add a comma, or the closing "]"',
                )
        self.pos += 1
        return TupleExpression(self.source, self.starts[opening], self.ends[self.pos - 1], items)

    def _unclosed(self, opening: int, what: str, closing: str) -> Fault:
        return self.fault(
            f"unclosed {what}",
            detail="The file ends before it is closed; one missing further up also does this.",
            hint=f'add "{closing}"',
            at=opening,
        )

    def object(self) -> Expression:
        """Parse ``{…}`` in an expression; the current token is the brace."""
        opening = self.pos
        outer, self.newlines = self.newlines, False
        self.pos += 1
        if self.at_word("for"):
            node = self._for(opening, "}")
        else:
            self.pos = opening + 1
            self.newlines = True
            node = self._object(opening)
        self.newlines = outer
        return node

    def _object(self, opening: int) -> Expression:
        kinds = self.kinds
        items: list[ObjectItem] = []
        while (kind := kinds[self.pos]) != "}":
            if kind == NEWLINE:
                self.pos += 1
                continue
            items.append(self._object_item(opening))
            kind = kinds[self.pos]
            if kind in {",", NEWLINE}:
                self.pos += 1
            elif kind == END:
                raise self._unclosed(opening, "brace", "}")
            elif kind != "}":
                raise self.fault(
                    "missing separator between the entries of an object",
                    detail="The next entry starts here without a comma or a newline before it.",
                    hint='add a comma, or the closing "}"',
                )
        self.pos += 1
        return ObjectExpression(self.source, self.starts[opening], self.ends[self.pos - 1], items)

    def _object_item(self, opening: int) -> ObjectItem:
        first = self.pos
        key = self.expression()
        if self.kinds[self.pos] not in {"=", ":"}:
            raise self._no_value(opening)
        if self.kinds[first] == NAME and self.pos == first + 1:
            # A bare word is a name even if it is `true`, or that of a variable.
            word = self.text[self.starts[first] : self.ends[first]]
            key = Literal(self.source, key.start, key.end, string(word))
        self.pos += 1
        return ObjectItem(key, self.expression())

    def _no_value(self, opening: int) -> Fault:
        kind = self.kinds[self.pos]
        if kind == END:
            return self._unclosed(opening, "brace", "}")
        hint = "write key = value, one entry per line or with commas between them"
        if kind == NAME:
            hint = "put a key that has spaces or dots in quotes"
        return self.fault(
            'missing "=" in an object',
            detail="A key must be followed by an equals sign and a value.",
            hint=hint,
        )

    def _for(self, opening: int, closing: str) -> Expression:
        """Parse a ``for`` expression; the current token is the word ``for``."""
        form = _FOR_FORMS[closing]
        self.pos += 1
        names = self.loop_names(form)
        collection = self.expression()
        if self.peek() != ":":
            raise self.fault('"for" needs ":" behind the collection', hint=f"write {form}")
        self.pos += 1
        key: Expression | None = None
        value = self.expression()
        if self.peek() == "=>":
            self.pos += 1
            key, value = value, self.expression()
        dots = self.pos if self.peek() == "..." else None
        if dots is not None:
            self.pos += 1
        condition: Expression | None = None
        if self.at_word("if"):
            self.pos += 1
            condition = self.expression()
        if self.peek() != closing:
            raise self.fault(
                f'"for" must end with "{closing}" here',
                detail="More text follows what is complete already.",
                hint=f"write {form}",
            )
        self.pos += 1
        self._check_for(closing, key, value, dots)
        return For(
            self.source,
            self.starts[opening],
            self.ends[self.pos - 1],
            names,
            collection,
            key,
            value,
            condition,
            grouping=dots is not None,
        )

    def _check_for(
        self, closing: str, key: Expression | None, value: Expression, dots: int | None
    ) -> None:
        if closing == "]" and key is not None:
            raise Fault(
                'a "for" in brackets makes a list and has no keys',
                key.start,
                key.end,
                hint="remove the key and =>, or use braces",
            )
        if closing == "]" and dots is not None:
            raise self.fault(
                'a "for" in brackets cannot group',
                detail="The dots collect values with equal keys, which a list does not have.",
                hint="remove the dots, or use braces",
                at=dots,
            )
        if closing == "}" and key is None:
            raise Fault(
                'a "for" in braces makes an object and needs keys',
                value.start,
                value.end,
                hint=f"write {_FOR_FORMS['}']}, or use brackets",
            )
