"""How compose files are refused: with the path of the value and its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.diagnostics import Diagnostic
from bakex.errors import DefinitionError, EvaluationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.bake.hcl.syntax import Node

MAX_WORK = 3_000_000  # values made while compose files are merged; real projects make thousands
Path = tuple[str, ...]


class Budget:
    """How much may still be made of the files: stops hostile ones that grow by being merged."""

    __slots__ = ("_left",)

    def __init__(self, limit: int = MAX_WORK) -> None:
        self._left = limit

    def spend(self, count: int) -> None:
        """Take some of it.

        Raises:
            EvaluationError: There is not enough left.
        """
        self._left -= count
        if self._left < 0:
            raise EvaluationError(
                "the compose files are too large",
                detail="Merging them, with what they extend and include, makes too many values.",
            )


class Warnings:
    """What is odd in compose files but no error; each thing is told once."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[str, Diagnostic] = {}

    def add(self, summary: str, node: Node | None, hint: str = "") -> None:
        """Note something, at the first place where it is found."""
        if summary not in self._found:
            self._found[summary] = Diagnostic(
                code=DefinitionError.code,
                severity="warning",
                summary=summary,
                hint=hint,
                span=node.span if node else None,
                source=node.source.text if node else "",
            )

    def all(self) -> tuple[Diagnostic, ...]:
        """Return all of them, in the order in which they were found."""
        return tuple(self._found.values())


def shown(path: Sequence[str]) -> str:
    """Return a path as text: ``services.app.build``."""
    return ".".join(path)


def refusal(
    path: Sequence[str], what: str, node: Node, *, hint: str = "", detail: str = ""
) -> EvaluationError:
    """Return the error for a value that is wrong.

    Args:
        path: Where it is in the model.
        what: What is wrong with it.
        node: Where it is written.
        hint: What to do.
        detail: Why.
    """
    return EvaluationError(
        f"{shown(path)}: {what}" if path else what,
        detail=detail,
        hint=hint,
        span=node.span,
        source=node.source.text,
    )
