"""Bake files: which ones are read, and their bytes (spec/bake-file 1.1, 1.2).

The only module of this package that reads files. Compose files and remote definitions are not read:
they are refused with a reason, never taken for something else.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from bakex.diagnostics import Diagnostic
from bakex.errors import DefinitionError
from bakex.model.remote import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

STDIN = "-"
_LOCAL = "cwd://"
COMPOSE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
DEFAULT_NAMES = (
    "docker-bake.json",
    "docker-bake.hcl",
    "docker-bake.override.json",
    "docker-bake.override.hcl",
)
MAX_SIZE = 16 * 1024 * 1024  # bytes; a bake file is text that people write


class Syntax(Enum):
    """How a file is written."""

    NATIVE = "native"
    JSON = "json"
    EITHER = "either"  # the name does not tell: native, and JSON if that fails


@dataclass(frozen=True, slots=True, kw_only=True)
class BakeFile:
    """One definition file, not parsed.

    Attributes:
        name: As the user wrote it; ``-`` is standard input.
        content: All of its bytes; never empty.
        syntax: What its name says about its form.
        warnings: What was odd when it was looked for.
    """

    name: str
    content: bytes
    syntax: Syntax
    warnings: tuple[Diagnostic, ...] = ()


def find(
    names: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    stdin: Callable[[], bytes],
) -> tuple[BakeFile, ...]:
    """Read the definition files, in the order in which they are merged.

    With names, exactly those; else those in ``BUILDX_BAKE_FILE``; else every default file that is
    in the working directory. Empty files count as absent.

    Args:
        names: ``-f`` options: paths, ``cwd://`` paths or ``-``.
        cwd: What relative paths are relative to.
        environ: The environment.
        stdin: Reads standard input to its end; called at most once for each ``-``.

    Raises:
        DefinitionError: A file that cannot be read or is of a kind that is not supported, or no
            file at all.
    """
    chosen = list(names) or _from_environment(environ, cwd)
    if chosen:
        found = [_read(name.removeprefix(_LOCAL), cwd, stdin) for name in chosen]
        return _some(tuple(file for file in found if file.content))
    compose = [name for name in COMPOSE_NAMES if (cwd / name).is_file()]
    found = [_read(name, cwd, stdin) for name in DEFAULT_NAMES if (cwd / name).exists()]
    files = tuple(file for file in found if file.content)
    if compose and not files:
        raise _refused(compose[0])
    return _warned(_some(files), compose)


def _from_environment(environ: Mapping[str, str], cwd: Path) -> list[str]:
    listed = environ.get("BUILDX_BAKE_FILE", "").strip()
    separator = environ.get("BUILDX_BAKE_PATH_SEPARATOR") or os.pathsep
    names = [name.strip() for name in listed.split(separator)] if listed else []
    for name in filter(None, names):
        if name != STDIN and not (cwd / name).exists():
            raise DefinitionError(
                f"no such file: {name!r}", detail="It is listed in BUILDX_BAKE_FILE."
            )
    return [name for name in names if name]


def _read(name: str, cwd: Path, stdin: Callable[[], bytes]) -> BakeFile:
    if name.lower().endswith((".yml", ".yaml")):
        raise _refused(name)
    if is_remote(name):
        raise DefinitionError(
            f"remote definitions are not supported: {name!r}",
            hint="check the repository out and name the file in it",
        )
    content = stdin() if name == STDIN else _file(name, cwd)
    if len(content) > MAX_SIZE:
        raise DefinitionError(f"{name!r} is larger than {MAX_SIZE} bytes")
    return BakeFile(name=name, content=content, syntax=_syntax(name))


def _file(name: str, cwd: Path) -> bytes:
    try:
        with (cwd / name).open("rb") as stream:
            return stream.read(MAX_SIZE + 1)
    except OSError as error:
        raise DefinitionError(
            f"cannot read bake file {name!r}", detail=f"{error.strerror or error}."
        ) from error
    except ValueError as error:
        raise DefinitionError(f"cannot read bake file {name!r}", detail=f"{error}.") from error


def _syntax(name: str) -> Syntax:
    if name.endswith(".hcl"):
        return Syntax.NATIVE
    return Syntax.JSON if name.endswith(".json") else Syntax.EITHER


def _some(files: tuple[BakeFile, ...]) -> tuple[BakeFile, ...]:
    if not files:
        raise DefinitionError(
            "no bake file found",
            detail=f"Looked for {', '.join(DEFAULT_NAMES)}; empty files do not count.",
            hint="name one with -f",
        )
    return files


def _refused(name: str) -> DefinitionError:
    return DefinitionError(
        f"compose files are not supported: {name!r}",
        hint="write the targets in docker-bake.hcl or docker-bake.json",
    )


def _warned(files: tuple[BakeFile, ...], compose: Sequence[str]) -> tuple[BakeFile, ...]:
    warnings = tuple(
        Diagnostic(
            code=DefinitionError.code,
            severity="warning",
            summary=f"{name!r} is ignored: compose files are not supported",
            hint="name the bake files with -f to leave it out on purpose",
        )
        for name in compose
    )
    first = files[0]
    noted = BakeFile(name=first.name, content=first.content, syntax=first.syntax, warnings=warnings)
    return (noted, *files[1:]) if warnings else files
