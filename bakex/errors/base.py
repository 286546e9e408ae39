"""What all expected failures are."""

from __future__ import annotations

from typing import ClassVar

from bakex.diagnostics import Diagnostic, Span


class BakexError(Exception):
    """Base of all expected failures.

    Attributes:
        code: Identifier in docs/errors.md, overridden by each class.
        exit_code: What the command exits with when this escapes.
        summary: One line, lower case, no full stop.
        detail: Why, in full sentences.
        hint: The one next step.
        span: Where, if the cause is in a file.
        source: The text of that file.
    """

    code: ClassVar[str] = "BX0000"
    exit_code: int = 1

    def __init__(
        self,
        summary: str,
        *,
        detail: str = "",
        hint: str = "",
        span: Span | None = None,
        source: str = "",
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.detail = detail
        self.hint = hint
        self.span = span
        self.source = source

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return what to show the user, most important first."""
        return (
            Diagnostic(
                code=self.code,
                summary=self.summary,
                detail=self.detail,
                hint=self.hint,
                span=self.span,
                source=self.source,
            ),
        )


class InternalError(BakexError):
    """Something that cannot happen did: a bug in bakex."""

    code = "BX9000"
    exit_code = 70
