"""What is wrong with the text of a file, while it is being read."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from bakex.diagnostics import Diagnostic
from bakex.errors import SyntaxDefinitionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.bake.hcl.source import Source


MAX_SHOWN = 100


class Fault(Exception):  # noqa: N818 - says what is wrong with a text, not with the program
    """A syntax error; never leaves this package.

    Attributes:
        summary: One line.
        detail: Why.
        hint: What to do.
        start: Offset of the first character that is wrong.
        end: Offset behind the last.
        quiet: Whether it only follows from another fault that is already reported.
    """

    def __init__(
        self,
        summary: str,
        start: int,
        end: int,
        *,
        detail: str = "",
        hint: str = "",
        quiet: bool = False,
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.detail = detail
        self.hint = hint
        self.start = start
        self.end = end
        self.quiet = quiet

    def diagnostic(self, source: Source) -> Diagnostic:
        """Return what to show."""
        return Diagnostic(
            code=SyntaxDefinitionError.code,
            summary=self.summary,
            detail=self.detail,
            hint=self.hint,
            span=source.span(self.start, self.end),
            source=source.text,
        )

    def error(self, source: Source) -> SyntaxDefinitionError:
        """Return the exception that says the same."""
        return SyntaxDefinitionError(
            self.summary,
            detail=self.detail,
            hint=self.hint,
            span=source.span(self.start, self.end),
            source=source.text,
        )


def diagnostics(faults: Sequence[Fault], source: Source) -> tuple[Diagnostic, ...]:
    """Return what to show of several faults, in the order of the file.

    Of several on one line only the first is shown: the others mostly follow from it. After
    `MAX_SHOWN` nobody reads on.
    """
    shown: dict[int, Fault] = {}
    for fault in sorted(faults, key=lambda fault: fault.start):
        if not fault.quiet:
            shown.setdefault(source.line(fault.start), fault)
    return tuple(fault.diagnostic(source) for fault in islice(shown.values(), MAX_SHOWN))


def syntax_error(found: Sequence[Diagnostic]) -> SyntaxDefinitionError:
    """Return one exception for several findings; the first one leads."""
    first = found[0]
    return SyntaxDefinitionError(
        first.summary,
        detail=first.detail,
        hint=first.hint,
        span=first.span,
        source=first.source,
        more=found[1:],
    )
