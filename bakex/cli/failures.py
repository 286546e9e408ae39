"""Failures in words: what is printed about an exception, and the exit code that goes with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bakex.diagnostics import document, render
from bakex.errors import BakexError, InternalError, RunFailedError
from bakex.progress.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bakex.diagnostics import Diagnostic


def explain(error: Exception, *, debug: bool, colour: bool = False) -> tuple[str, int]:
    """Return what to print about a failure, without a newline at the end, and the exit code.

    Each different diagnostic comes once; if there are several, a line about all of them follows.

    Args:
        error: What got out of a command.
        debug: Whether to show the traceback, too.
        colour: Whether to use colours.
    """
    known = expected(error)
    parts = [_traceback(error)] if debug else []
    diagnostics = known.diagnostics()
    parts.extend(shown(diagnostics, colour=colour))
    if len(diagnostics) > 1:
        several = isinstance(known, RunFailedError)
        parts.append(known.summary if several else f"{len(diagnostics)} errors")
    return "\n\n".join(parts), known.exit_code


def shown(diagnostics: Iterable[Diagnostic], *, colour: bool = False) -> Sequence[str]:
    """Return each different diagnostic as harmless text, in order.

    Platforms of one target often fail for one reason: then it is said once, with a number.
    """
    times: dict[Diagnostic, int] = {}
    for diagnostic in diagnostics:
        times[diagnostic] = times.get(diagnostic, 0) + 1
    return [_text(diagnostic, number, colour=colour) for diagnostic, number in times.items()]


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Return the document ``{"diagnostics": [...]}``, each different one once, in order.

    All of it is ASCII: what steps and registries wrote reaches no terminal as it is.
    """
    import json  # noqa: PLC0415 - only for --format json

    found = [document(diagnostic) for diagnostic in dict.fromkeys(diagnostics)]
    return json.dumps({"diagnostics": found}, indent=2)


def _text(diagnostic: Diagnostic, number: int, *, colour: bool) -> str:
    if number > 1:
        detail = "\n".join(filter(None, (diagnostic.detail, f"This happened {number} times.")))
        diagnostic = replace(diagnostic, detail=detail)
    # Details hold what steps and registries wrote: nothing of it may reach the terminal as it is.
    first, *rest = (clean(line) for line in render(diagnostic).split("\n"))
    if colour:
        head, separator, tail = first.partition(": ")
        code = "1;31" if diagnostic.severity == "error" else "1;33"
        first = f"\x1b[{code}m{head}\x1b[0m{separator}{tail}"
    return "\n".join([first, *rest])


def expected(error: Exception) -> BakexError:
    """Return an error as one that bakex knows; anything else is a bug in bakex."""
    if isinstance(error, BakexError):
        return error
    if isinstance(error, ExceptionGroup):
        # A group of nothing but known errors is what became of several things done at once.
        group = cast("ExceptionGroup[Exception]", error)
        members = list(_leaves(group))
        if all(isinstance(member, BakexError) for member in members):
            known = [member for member in members if isinstance(member, BakexError)]
            return known[0] if len(known) == 1 else RunFailedError(f"{len(known)} errors", known)
        error = next(member for member in members if not isinstance(member, BakexError))
    return InternalError(
        f"this is a bug in bakex: {type(error).__name__}{_place(error)}",
        # Not the exception's own text: nobody has checked that it holds no secret.
        detail="Nothing that you wrote should lead to this.",
        hint="run it again with --debug and report the output, with the bake file and the output"
        " of bakex version",
    )


def _leaves(group: ExceptionGroup[Exception]) -> Iterable[Exception]:
    for member in group.exceptions:
        if isinstance(member, ExceptionGroup) and not isinstance(member, BakexError):
            yield from _leaves(cast("ExceptionGroup[Exception]", member))
        else:
            yield member


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f" in {Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}"


def _traceback(error: Exception) -> str:
    import traceback  # noqa: PLC0415 - start-up budget

    lines = "".join(traceback.format_exception(error)).rstrip("\n").split("\n")
    return "\n".join(clean(line) for line in lines)
