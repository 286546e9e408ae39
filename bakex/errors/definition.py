"""What was asked for is wrong: the command line, settings, bake files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.errors.base import BakexError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.diagnostics import Diagnostic, Span


class UsageError(BakexError):
    """The command line asks for something that does not fit together."""

    code = "BX1000"
    exit_code = 2


class ConfigError(BakexError):
    """A setting, an environment variable or a configuration file is wrong."""

    code = "BX1001"
    exit_code = 2


class DefinitionError(BakexError):
    """The bake file cannot be used, or asks for something impossible."""

    code = "BX2000"
    exit_code = 3

    def __init__(
        self,
        summary: str,
        *,
        detail: str = "",
        hint: str = "",
        span: Span | None = None,
        source: str = "",
        more: Sequence[Diagnostic] = (),
    ) -> None:
        super().__init__(summary, detail=detail, hint=hint, span=span, source=source)
        self.more = tuple(more)

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return this finding and the other independent ones of the same files."""
        return (*super().diagnostics(), *self.more)


class SyntaxDefinitionError(DefinitionError):
    """A bake file is not well-formed HCL or JSON."""

    code = "BX2001"


class EvaluationError(DefinitionError):
    """An expression of a bake file has no value, or one of the wrong type."""

    code = "BX2002"


class UnknownTargetError(DefinitionError):
    """A target or group was named that the files do not define."""

    code = "BX2003"


class OverrideError(DefinitionError):
    """A ``--set`` or ``--var`` expression is malformed or does not apply."""

    code = "BX2004"


class CycleError(DefinitionError):
    """Variables, groups or linked targets refer to themselves.

    Attributes:
        members: What the circle leads through, wherever it was entered; empty if not told.
    """

    code = "BX2005"
    members: frozenset[str] = frozenset()


class ChangedDefinitionError(DefinitionError):
    """The bake files, or what they are evaluated with, are not what they were before."""

    code = "BX2006"
