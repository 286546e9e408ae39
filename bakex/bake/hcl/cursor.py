"""Where the parser is in the tokens, and the rules that every part of the grammar shares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from bakex.bake.hcl.faults import Fault
from bakex.bake.hcl.lexer import BAD, NEWLINE, STRING, Tokens

if TYPE_CHECKING:
    from bakex.bake.hcl.source import Source
    from bakex.bake.hcl.syntax import Expression

MAX_NESTING = 80  # expressions, brackets and blocks inside one another
MAX_CHAIN = 200  # computed indexes and splats behind one another


class Cursor(ABC):
    """A position in the tokens of one text.

    Attributes:
        source: The file that nodes belong to.
        text: The text that the tokens are of.
        pos: Number of the current token.
        newlines: Whether newlines count here; inside brackets they do not.
        depth: How deeply nested the current token is.
    """

    def __init__(self, source: Source, text: str, tokens: Tokens) -> None:
        self.source = source
        self.text = text
        self.kinds = tokens.kinds
        self.starts = tokens.starts
        self.ends = tokens.ends
        self.pos: int = 0
        self.newlines = True
        self.depth = 0

    @abstractmethod
    def expression(self) -> Expression:
        """Parse an expression."""

    def peek(self) -> str:
        """Return the kind of the current token, after newlines that do not count."""
        kind = self.kinds[self.pos]
        if kind == NEWLINE and not self.newlines:
            pos, kinds = self.pos + 1, self.kinds
            while kinds[pos] == NEWLINE:
                pos += 1
            self.pos = pos
            kind = kinds[pos]
        return kind

    def word(self) -> str:
        """Return the text of the current token."""
        return self.text[self.starts[self.pos] : self.ends[self.pos]]

    def at_word(self, word: str) -> bool:
        """Tell whether the current token is a certain name."""
        return self.peek() == "name" and self.word() == word

    def descend(self) -> None:
        """Note that nesting gets deeper by one; undone by ``depth -= 1``."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.fault(
                "nested too deeply",
                detail=f"Expressions and blocks can be nested {MAX_NESTING} levels deep.",
                hint="give parts names of their own",
            )

    def fault(
        self, summary: str, *, detail: str = "", hint: str = "", at: int | None = None
    ) -> Fault:
        """Return the fault that the current token, or the token number `at`, is wrong."""
        pos = self.pos if at is None else at
        start, end = self.starts[pos], self.ends[pos]
        if self.kinds[pos] == STRING:
            end = start + 1  # the fault is that a string starts here
        return Fault(summary, start, end, detail=detail, hint=hint, quiet=self.kinds[pos] == BAD)

    def line_of(self, offset: int) -> int:
        """Return the line of an offset, for details that point elsewhere."""
        return self.source.line(offset)
