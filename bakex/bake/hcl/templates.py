"""Templates: quoted strings, heredocs, and whole texts such as the strings of a JSON file.

A template is read twice. First into a flat list of parts: text, ``${…}``, ``%{…}``. Trimming by
``~`` and the removal of indentation work on that list, because the HCL specification defines them
on the tokens. Then the directives are matched and the parts become a tree.
"""

from __future__ import annotations

from bakex.bake.hcl.cursor import Cursor
from bakex.bake.hcl.faults import Fault
from bakex.bake.hcl.lexer import (
    DIRECTIVE,
    END,
    HEREDOC_TEXT,
    INTERPOLATION,
    NAME,
    QUOTE,
    QUOTED_TEXT,
    SEQUENCE_END,
    STRING,
    UNQUOTE,
)
from bakex.bake.hcl.nodes import Conditional, For, Template, TemplateLoop, TemplateWrap
from bakex.bake.hcl.strings import unescape, unescape_sequences
from bakex.bake.hcl.syntax import Expression, Literal
from bakex.bake.values.graphemes import SPACE
from bakex.bake.values.value import string

_TEXT = "text"
_DIRECTIVES = {
    "if": "%{ if condition }",
    "for": "%{ for value in collection }",
    "else": "%{ else }",
    "endif": "%{ endif }",
    "endfor": "%{ endfor }",
}


class Part:
    """A piece of a template before directives are matched.

    Attributes:
        kind: ``text``, ``${`` or the keyword of a directive.
        start: Offset of its first character.
        end: Offset behind its last character.
        text: The characters of a text.
        expr: The value of an interpolation, the condition of an ``if``, the collection of a
            ``for``.
        names: The two loop variables of a ``for``.
    """

    __slots__ = ("end", "expr", "kind", "names", "start", "text")

    def __init__(self, kind: str, start: int, end: int, text: str = "") -> None:
        self.kind = kind
        self.start = start
        self.end = end
        self.text = text
        self.expr: Expression | None = None
        self.names: tuple[str, str] = ("", "")


class TemplateParser(Cursor):
    """The grammar of templates."""

    def template(self, opening: int, closing: str) -> Expression:
        """Parse a template behind its opening token, up to and including the closing one.

        Args:
            opening: Number of the opening token.
            closing: Kind of the closing token.
        """
        parts = self._parts(opening, closing)
        start, end = self.starts[opening], self.ends[self.pos - 1]
        if self.text.startswith("<<-", start):
            _dedent(parts)
        return self._assemble(parts, start, end)

    def whole_template(self) -> Expression:
        """Parse all tokens as one template."""
        parts = self._parts(len(self.kinds) - 1, END)
        return self._assemble(parts, 0, len(self.text))

    # -- first reading: parts

    def _parts(self, opening: int, closing: str) -> list[Part]:
        parts: list[Part] = []
        trim_next = False
        outer = self.newlines
        while (kind := self.kinds[self.pos]) != closing:
            if kind in {QUOTED_TEXT, HEREDOC_TEXT}:
                part = self._literal(quoted=kind == QUOTED_TEXT)
                if trim_next:
                    part.text = part.text.lstrip(SPACE)
                parts.append(part)
                trim_next = False
                continue
            if kind not in {INTERPOLATION, DIRECTIVE}:
                raise self._unterminated(opening)
            # Only the token directly before the sequence is trimmed, not an earlier one.
            if self.word().endswith("~") and parts and parts[-1].kind == _TEXT:
                parts[-1].text = parts[-1].text.rstrip(SPACE)
            self.newlines = False
            parts.append(self._sequence(kind))
            trim_next = self.text[self.starts[self.pos - 1]] == "~"
            self.newlines = outer
        self.pos += 1
        return parts

    def _unterminated(self, opening: int) -> Fault:
        line = self.line_of(self.starts[opening])
        if self.kinds[opening] == QUOTE:
            detail = f"The string that starts on line {line} has no closing quote."
            hint = "add the closing quote"
        else:
            marker = self.text[self.starts[opening] : self.ends[opening]].strip().lstrip("<-")
            detail = f"The text that starts on line {line} has no line that says only {marker}."
            hint = f"add a line with {marker}, and a newline behind it"
        return self.fault("unterminated string", detail=detail, hint=hint)

    def _literal(self, *, quoted: bool) -> Part:
        start, end = self.starts[self.pos], self.ends[self.pos]
        self.pos += 1
        text = self.text[start:end]
        text = unescape(text, start) if quoted else unescape_sequences(text)
        return Part(_TEXT, start, end, text)

    def _sequence(self, kind: str) -> Part:
        opening = self.pos
        part = Part(kind, self.starts[opening], 0)
        self.pos += 1
        if kind == INTERPOLATION:
            part.expr = self.expression()
        else:
            self._directive(part)
        if self.peek() != SEQUENCE_END:
            raise self._unclosed_sequence(part, opening)
        part.end = self.ends[self.pos]
        self.pos += 1
        return part

    def _unclosed_sequence(self, part: Part, opening: int) -> Fault:
        kind = self.peek()
        if part.kind != INTERPOLATION:
            return self.fault(
                f'unexpected text behind the directive "{part.kind}"',
                detail="A closing brace is expected here.",
                hint=f"write {_DIRECTIVES[part.kind]}",
            )
        if kind in {END, UNQUOTE, QUOTE, STRING}:
            return Fault(
                "unclosed ${ in a string",
                self.starts[opening],
                self.ends[opening],
                detail="No closing brace was found for this interpolation.",
                hint='add "}" behind the expression',
            )
        return self.fault(
            "unexpected text behind the expression in ${ }",
            detail="A closing brace is expected here.",
            hint='if this is meant for another language, such as a shell, write "$${" for "${"',
        )

    def _directive(self, part: Part) -> None:
        if self.peek() != NAME:
            raise self.fault(
                "%{ must be followed by a directive",
                detail="There are if, else, endif, for and endfor.",
                hint='write "%%{" if a plain "%{" is meant',
            )
        part.kind = self.word()
        if part.kind not in _DIRECTIVES:
            raise self.fault(
                f'unknown directive "{part.kind}"',
                detail="There are if, else, endif, for and endfor.",
                hint='write "%%{" if a plain "%{" is meant',
            )
        self.pos += 1
        if part.kind == "if":
            part.expr = self.expression()
        elif part.kind == "for":
            part.names = self.loop_names("%{ for value in collection }")
            part.expr = self.expression()

    def loop_names(self, form: str) -> tuple[str, str]:
        """Parse ``key, value in`` or ``value in``; the first name is empty if there is one."""
        first, second = self._loop_name(form), ""
        if self.peek() == ",":
            self.pos += 1
            second = self._loop_name(form)
        if not self.at_word("in"):
            raise self.fault('"for" needs "in" behind its variables', hint=f"write {form}")
        self.pos += 1
        return (first, second) if second else ("", first)

    def _loop_name(self, form: str) -> str:
        if self.peek() != NAME:
            raise self.fault('"for" needs the name of a variable here', hint=f"write {form}")
        name = self.word()
        self.pos += 1
        return name

    # -- second reading: a tree

    def _assemble(self, parts: list[Part], start: int, end: int) -> Expression:
        if len(parts) == 1 and parts[0].kind == INTERPOLATION and parts[0].expr is not None:
            return TemplateWrap(self.source, start, end, parts[0].expr)
        nodes = _Matcher(self, parts, end).run()
        if not nodes:
            return Literal(self.source, start, end, string(""))
        if len(nodes) == 1 and isinstance(nodes[0], Literal) and parts[0].kind == _TEXT:
            return Literal(self.source, start, end, nodes[0].value)
        return Template(self.source, start, end, nodes)


class _Matcher:
    """Matches the directives of one template."""

    def __init__(self, parser: TemplateParser, parts: list[Part], end: int) -> None:
        self.parser = parser
        self.source = parser.source
        self.parts = _melded(parts)
        self.end = end
        self.at = 0

    def run(self) -> list[Expression]:
        """Return the nodes of the whole template."""
        nodes = self._nodes(None)
        if self.at < len(self.parts):
            part = self.parts[self.at]
            raise Fault(
                f'unexpected directive "{part.kind}"',
                part.start,
                part.end,
                detail="There is no open directive that it could belong to.",
                hint="remove it",
            )
        return nodes

    def _nodes(self, opener: Part | None) -> list[Expression]:
        """Return the nodes up to a directive that ends or divides something."""
        source = self.source
        nodes: list[Expression] = []
        while self.at < len(self.parts):
            part = self.parts[self.at]
            self.at += 1
            if part.kind == _TEXT:
                nodes.append(Literal(source, part.start, part.end, string(part.text)))
            elif part.expr is None:
                self.at -= 1
                return nodes
            elif part.kind == INTERPOLATION:
                nodes.append(part.expr)
            else:
                self.parser.descend()
                build = self._conditional if part.kind == "if" else self._loop
                nodes.append(build(part, part.expr))
                self.parser.depth -= 1
        if opener is not None:
            ending = "endfor" if opener.kind == "for" else "endif"
            raise Fault(
                f'a directive "{opener.kind}" is not ended',
                self.end - 1,
                self.end,
                detail=f"It is on line {self.parser.line_of(opener.start)}.",
                hint=f"add {_DIRECTIVES[ending]}",
            )
        return nodes

    def _conditional(self, opener: Part, condition: Expression) -> Expression:
        source = self.source
        yes = self._nodes(opener)
        no: list[Expression] = []
        middle = last = self._closing(opener, ("else", "endif"))
        if middle.kind == "else":
            no = self._nodes(opener)
            last = self._closing(opener, ("endif",))
        return Conditional(
            source,
            opener.start,
            last.end,
            condition,
            Template(source, opener.end, middle.start, yes),
            Template(source, opener.end, last.start, no),
        )

    def _loop(self, opener: Part, collection: Expression) -> Expression:
        source = self.source
        content = self._nodes(opener)
        last = self._closing(opener, ("endfor",))
        value = Template(source, opener.end, last.start, content)
        loop = For(
            source, opener.start, last.end, opener.names, collection, None, value, None,
            grouping=False,
        )  # fmt: skip
        return TemplateLoop(source, opener.start, last.end, loop)

    def _closing(self, opener: Part, expected: tuple[str, ...]) -> Part:
        part = self.parts[self.at]
        self.at += 1
        if part.kind not in expected:
            line = self.parser.line_of(opener.start)
            raise Fault(
                f'unexpected directive "{part.kind}"',
                part.start,
                part.end,
                detail=f'It does not fit to the directive "{opener.kind}" on line {line}.',
                hint=f"write {_DIRECTIVES[expected[-1]]}",
            )
        return part


def _melded(parts: list[Part]) -> list[Part]:
    """Return the parts with neighbouring texts made one."""
    melded: list[Part] = []
    for part in parts:
        if part.kind == _TEXT and melded and melded[-1].kind == _TEXT:
            last = melded[-1]
            melded[-1] = Part(_TEXT, last.start, part.end, last.text + part.text)
        else:
            melded.append(part)
    return melded


def _dedent(parts: list[Part]) -> None:
    """Remove the smallest indentation of all lines (``<<-``).

    Counted per token after trimming, as the reference does: a line that starts with a sequence
    counts as not indented, a line of nothing but space does not count and is kept.
    """
    smallest: int | None = None
    indented: list[Part] = []
    line_start = True
    for part in parts:
        if line_start:
            spaces: int | None = 0
            if part.kind == _TEXT:
                content = part.text.lstrip(SPACE)
                if not content and part.text.endswith("\n"):
                    spaces = None
                else:
                    spaces = len(part.text) - len(content)
                    indented.append(part)
            if spaces is not None and (smallest is None or spaces < smallest):
                smallest = spaces
        line_start = part.kind == _TEXT and part.text.endswith("\n")
    for part in indented:
        part.text = part.text[smallest or 0 :]
