"""What a person is told when something is wrong: summary, place, reason, remedy."""

from __future__ import annotations

from dataclasses import dataclass

_CONTEXT = 1  # lines shown before the faulty one


@dataclass(frozen=True, slots=True)
class Span:
    """A range in a text file.

    Attributes:
        file: Name as the user wrote it.
        line: First line, counted from 1.
        column: First column, counted from 1 in characters as a reader sees them.
        end_line: Last line; 0 when only a point is known.
        end_column: First column behind the range on `end_line`; 0 when only a point is known.
    """

    file: str
    line: int
    column: int = 1
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding, ready to print or to serialise.

    Attributes:
        code: Stable identifier such as ``BX2003``; documented one by one in docs/errors.md.
        summary: One line, lower case, no full stop.
        detail: Why it is wrong, in full sentences; may have several lines.
        hint: What to do about it.
        span: Where, if the cause is in a file.
        source: The text of that file, so that the lines can be shown; empty if unknown.
        severity: ``error`` or ``warning``.
    """

    code: str
    summary: str
    detail: str = ""
    hint: str = ""
    span: Span | None = None
    source: str = ""
    severity: str = "error"


def render(diagnostic: Diagnostic) -> str:
    """Return the plain text of a diagnostic, with the source line and a caret if known."""
    lines = [f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.summary}"]
    if (span := diagnostic.span) is not None:
        lines.append(f"  --> {span}")
        lines.extend(_excerpt(span, diagnostic.source))
    lines.extend(f"  {line}".rstrip() for line in diagnostic.detail.splitlines())
    if diagnostic.hint:
        lines.append(f"  hint: {diagnostic.hint}")
    return "\n".join(lines)


def _excerpt(span: Span, source: str) -> list[str]:
    rows = source.splitlines()
    if not 0 < span.line <= len(rows):
        return []
    width = len(str(span.line))
    first = max(1, span.line - _CONTEXT)
    shown = [f"  {n:>{width}} | {rows[n - 1]}".rstrip() for n in range(first, span.line + 1)]
    row = rows[span.line - 1]
    stop = span.end_column if span.end_line == span.line else len(row) + 1
    carets = "^" * max(1, stop - span.column) if span.end_line else "^"
    # Tabs stay tabs, so that the caret lands under the character whatever the tab width is.
    pad = "".join("\t" if c == "\t" else " " for c in row[: span.column - 1])
    return [*shown, f"  {'':>{width}} | {pad}{carets}"]
