"""What a person is told when something is wrong: summary, place, reason, remedy."""

from __future__ import annotations

from dataclasses import dataclass

_CONTEXT = 1  # lines shown before the faulty one
_WIDEST = 160  # characters of a line that are shown
_MORE = "..."


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


def document(diagnostic: Diagnostic) -> dict[str, object]:
    """Return a diagnostic for programs: always the same keys, ``span`` null if there is no place.

    The source is left out: whoever reads this has the file.
    """
    span = diagnostic.span
    return {
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "summary": diagnostic.summary,
        "detail": diagnostic.detail,
        "hint": diagnostic.hint,
        "span": None
        if span is None
        else {
            "file": span.file,
            "line": span.line,
            "column": span.column,
            "end_line": span.end_line,
            "end_column": span.end_column,
        },
    }


def _excerpt(span: Span, source: str) -> list[str]:
    rows = source.splitlines()
    if not 0 < span.line <= len(rows):
        return []
    width = len(str(span.line))
    first = max(1, span.line - _CONTEXT)
    before = [_cut(rows[n - 1], 0) for n in range(first, span.line)]
    row = rows[span.line - 1]
    stop = span.end_column if span.end_line == span.line else len(row) + 1
    # Of a line without an end, such as JSON that no person reads, the part around the place.
    start = max(0, span.column - 1 - _WIDEST // 2) if len(row) > _WIDEST else 0
    shown = _cut(row, start)
    column = span.column - start + (len(_MORE) if start else 0)
    length = min(stop - span.column, len(shown) + 1 - column)
    carets = "^" * max(1, length) if span.end_line else "^"
    # Tabs stay tabs, so that the caret lands under the character whatever the tab width is.
    pad = "".join("\t" if c == "\t" else " " for c in shown[: column - 1])
    lines = [f"  {n:>{width}} | {text}".rstrip() for n, text in enumerate([*before, shown], first)]
    return [*lines, f"  {'':>{width}} | {pad}{carets}"]


def _cut(row: str, start: int) -> str:
    """Return the part of a line that is shown, from a position on."""
    end = start + _WIDEST
    return f"{_MORE if start else ''}{row[start:end]}{_MORE if end < len(row) else ''}"
