"""What files use beyond the reference's language, and the refusal of it (``--strict``).

Every extension is described in docs/bake-language.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bakex.diagnostics import Diagnostic
from bakex.errors import DefinitionError, UsageError
from bakex.model.attributes import declared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bakex.diagnostics import Span
    from bakex.model.target import Target

_DETAIL = "It is bakex's own: other tools ignore it, or read it differently."


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """One use of an extension.

    Attributes:
        what: The extension in words: ``the attribute 'include'``.
        span: Where it is used; None if that is not in a file.
        source: The text of that file.
        instead: How to write it in the reference's language; empty if there is no way.
    """

    what: str
    span: Span | None = None
    source: str = ""
    instead: str = ""


def ordered(extensions: Iterable[Extension], files: Iterable[str]) -> tuple[Extension, ...]:
    """Return extensions in the order of files and of the text in them."""
    ranks = {name: rank for rank, name in enumerate(files)}

    def place(extension: Extension) -> tuple[int, int, int]:
        span = extension.span
        return (ranks.get(span.file, -1), span.line, span.column) if span else (-1, 0, 0)

    return tuple(sorted(extensions, key=place))


class Extended(Protocol):
    """A definition, as far as this module needs it."""

    @property
    def extensions(self) -> tuple[Extension, ...]:
        """What it uses beyond the reference's language."""
        ...


def strict(definition: Extended) -> None:
    """Refuse a definition that uses an extension.

    Raises:
        DefinitionError: It uses some; carries a finding for each, in the order of the files.
    """
    if not definition.extensions:
        return
    first, *others = (_finding(extension) for extension in definition.extensions)
    raise DefinitionError(
        first.summary,
        detail=first.detail,
        hint=first.hint,
        span=first.span,
        source=first.source,
        more=others,
    )


def strict_targets(targets: Iterable[Target]) -> None:
    """Refuse extensions that the command line has brought into targets (``--set``).

    Raises:
        UsageError: There is one.
    """
    for target in targets:
        for name, (field, attr) in declared(target).items():
            if attr.extension and getattr(target, field):
                raise UsageError(
                    f"--set {target.name}.{name} is no part of the reference's language",
                    hint="leave it out, or leave --strict out",
                )


def _finding(extension: Extension) -> Diagnostic:
    return Diagnostic(
        code=DefinitionError.code,
        summary=f"{extension.what} is no part of the reference's language",
        detail=_DETAIL,
        hint=extension.instead,
        span=extension.span,
        source=extension.source,
    )
