"""Files with values of variables (``--env-file``), an extension of bakex.

What such a file sets goes behind ``--var`` and the environment and before the defaults of
variables, like ``.env`` beside a compose file. Of several files the later ones go first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.compose import dotenv
from bakex.diagnostics import Diagnostic
from bakex.errors import DefinitionError, UsageError
from bakex.sources.folder import Folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.config import Settings


def read(
    settings: Settings, names: Sequence[str], given: Mapping[str, str]
) -> tuple[dict[str, str], tuple[Diagnostic, ...]]:
    """Return what files set, and warnings about variables in their values that nothing sets.

    Args:
        settings: Working directory and environment.
        names: The files, relative to the working directory.
        given: What goes before them: the environment, as far as variables may look into it.

    Raises:
        UsageError: A file is not there.
        DefinitionError: A file cannot be read, or is malformed.
    """
    folder = Folder(settings.cwd)
    found: dict[str, str] = {}
    unset: dict[tuple[str, str], None] = {}
    for name in names:
        content = folder.read(name)
        if content is None:
            raise UsageError(f"--env-file: no such file: {name!r}")

        def note(variable: str, name: str = name) -> None:
            unset[name, variable] = None

        found.update(dotenv.parse(name, content, {**found, **given}, note))
    return found, tuple(_warning(name, variable) for name, variable in unset)


def _warning(name: str, variable: str) -> Diagnostic:
    return Diagnostic(
        code=DefinitionError.code,
        severity="warning",
        summary=f"{name}: the variable {variable!r} is not set; it counts as empty",
    )
