"""Bake files of this machine: which ones are read, and their bytes (spec/bake-file 1.1)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bakex.errors import DefinitionError
from bakex.model.bakefile import MAX_SIZE, STDIN, BakeFile, Syntax
from bakex.model.remote import is_remote
from bakex.sources.folder import Folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from bakex.interfaces import DefinitionReader

LOCAL = "cwd://"
DEFAULT_NAMES = (
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
    "docker-bake.json",
    "docker-bake.hcl",
    "docker-bake.override.json",
    "docker-bake.override.hcl",
)


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
        DefinitionError: A file that cannot be read, or no file at all.
    """
    chosen = named(names, cwd=cwd, environ=environ)
    files = read(chosen, cwd=cwd, stdin=stdin) if chosen else defaults(Folder(cwd))
    return some(files)


def named(names: Sequence[str], *, cwd: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names that were given: as options, else in ``BUILDX_BAKE_FILE``; else none.

    Raises:
        DefinitionError: A file of the variable does not exist.
    """
    if names:
        return tuple(names)
    listed = environ.get("BUILDX_BAKE_FILE", "").strip()
    separator = environ.get("BUILDX_BAKE_PATH_SEPARATOR") or os.pathsep
    found = [name.strip() for name in listed.split(separator)] if listed else []
    for name in filter(None, found):
        if name != STDIN and not (cwd / name).exists():
            raise DefinitionError(
                f"no such file: {name!r}", detail="It is listed in BUILDX_BAKE_FILE."
            )
    return tuple(name for name in found if name)


def read(names: Sequence[str], *, cwd: Path, stdin: Callable[[], bytes]) -> tuple[BakeFile, ...]:
    """Read files of this machine, all of which must be there; empty ones are left out.

    Raises:
        DefinitionError: A file that cannot be read.
    """
    folder = Folder(cwd)
    found = [_read(name.removeprefix(LOCAL), folder, stdin) for name in names]
    return tuple(file for file in found if file.content)


def defaults(reader: DefinitionReader, *, remote: bool = False) -> tuple[BakeFile, ...]:
    """Read every file that has a default name and is not empty.

    Raises:
        DefinitionError: A file that cannot be read.
    """
    found = ((name, reader.read(name)) for name in DEFAULT_NAMES)
    return tuple(
        BakeFile(name=name, content=content, syntax=Syntax.of(name), remote=remote)
        for name, content in found
        if content
    )


def some(files: tuple[BakeFile, ...]) -> tuple[BakeFile, ...]:
    """Return the files.

    Raises:
        DefinitionError: There are none.
    """
    if not files:
        raise DefinitionError(
            "no bake file found",
            detail=f"Looked for {', '.join(DEFAULT_NAMES)}; empty files do not count.",
            hint="name one with -f",
        )
    return files


def _read(name: str, folder: Folder, stdin: Callable[[], bytes]) -> BakeFile:
    content = stdin() if name == STDIN else folder.read(name)
    if content is None:
        raise DefinitionError(
            f"cannot read {name!r}",
            detail="No such file or directory.",
            hint="give a URL as the first argument, without -f" if is_remote(name) else "",
        )
    if len(content) > MAX_SIZE:
        raise DefinitionError(f"{name!r} is larger than {MAX_SIZE} bytes")
    return BakeFile(name=name, content=content, syntax=Syntax.of(name))
