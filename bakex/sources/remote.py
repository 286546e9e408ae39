"""Bake files of other machines: a tree or a single file, fetched, then read (spec/bake-file 1.6).

In a tree, names are looked up as in a working directory. ``cwd://`` names are files of this
machine; they come after all others.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex._util.redact import redact_text
from bakex.errors import DefinitionError
from bakex.model.bakefile import BakeFile, Syntax
from bakex.model.gitref import GitRef
from bakex.sources.archive import unpack
from bakex.sources.download import download
from bakex.sources.folder import Folder
from bakex.sources.git import fetch
from bakex.sources.limits import Limits
from bakex.sources.local import LOCAL, defaults, read, some
from bakex.sources.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from bakex.interfaces import DefinitionReader
    from bakex.sources.download import Proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Definition files of another machine.

    Attributes:
        files: In the order in which they are merged; not empty.
        reader: Reads what the files name: of the tree, or of the working directory with a single
            file, and of nothing else on this machine.
        tree: Keeps the tree on this machine; None with a single file.
        root: The directory of the tree that the URL means; None with a single file.
        archive: Whether the tree was an archive.
    """

    files: tuple[BakeFile, ...]
    reader: DefinitionReader
    tree: Tree | None = None
    root: Path | None = None
    archive: bool = False


def find(
    url: str,
    names: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    stdin: Callable[[], bytes],
    proxy: Proxy,
    workspace: Path,
    limits: Limits | None = None,
) -> Remote:
    """Fetch a definition and read its files.

    Args:
        url: A git reference, or the URL of an archive or of a file.
        names: ``-f`` options: names in the tree, and ``cwd://`` names of this machine. A single
            file has no use for names in a tree: they are ignored, as in the reference.
        cwd: What ``cwd://`` names are relative to.
        environ: The environment, for git and for certificates.
        stdin: Reads standard input, for ``cwd://-``.
        proxy: See `bakex.sources.download.download`.
        workspace: Where the directory of a tree is made.
        limits: Bounds of what is fetched.

    Raises:
        DefinitionError: It cannot be fetched, is larger than the limits, or a file is missing.
    """
    limits = limits or Limits()
    here = [name for name in names if name.startswith(LOCAL)]
    there = [name for name in names if not name.startswith(LOCAL)]
    reference = GitRef.parse(url)
    tree = Tree(workspace)
    try:
        if reference is not None:
            root = fetch(reference, tree.path, environ=environ, cwd=cwd, limits=limits)
        else:
            file = _download(url, tree, environ, proxy, limits)
            if file is not None:
                tree.remove()
                return Remote(
                    files=some((*_single(url, file), *read(here, cwd=cwd, stdin=stdin))),
                    reader=Folder(cwd, confined=True),
                )
            root = tree.path
        reader = Folder(root, confined=True)
        files = (*_in_tree(reader, there), *read(here, cwd=cwd, stdin=stdin))
        return Remote(
            files=files or _none(reader),
            reader=reader,
            tree=tree,
            root=root,
            archive=reference is None,
        )
    except BaseException:
        tree.remove()
        raise


def _download(
    url: str, tree: Tree, environ: Mapping[str, str], proxy: Proxy, limits: Limits
) -> bytes | None:
    """Return the content of a file; None if it was an archive, which is unpacked then."""
    deadline = time.monotonic() + limits.seconds
    packed = tree.path.with_name(f"{tree.path.name}.archive")
    try:
        content = download(
            url, packed, environ=environ, proxy=proxy, limits=limits, deadline=deadline
        )
        if content is None:
            unpack(packed, tree.path, limits=limits, deadline=deadline)
        return content
    finally:
        packed.unlink(missing_ok=True)


def _single(url: str, content: bytes) -> tuple[BakeFile, ...]:
    if not content:
        return ()
    name = redact_text(url)
    return (BakeFile(name=name, content=content, syntax=Syntax.of(url), remote=True),)


def _in_tree(reader: Folder, names: Sequence[str]) -> tuple[BakeFile, ...]:
    if not names:
        return defaults(reader, remote=True)
    found: list[BakeFile] = []
    for name in names:
        content = reader.read(name.lstrip("/"))
        if content is None:
            raise DefinitionError(
                f"there is no file {name!r} in the definition's tree",
                hint=f"write -f {LOCAL}{name} for a file of this machine",
            )
        if content:
            file = BakeFile(name=name, content=content, syntax=Syntax.of(name), remote=True)
            found.append(file)
    return tuple(found)


def _none(reader: Folder) -> tuple[BakeFile, ...]:
    """Say that there are no files; and where they may be, in archives with one directory."""
    entries = sorted(reader.entries("."), key=lambda entry: entry.name)
    if len(entries) == 1 and entries[0].is_dir(follow_symlinks=False):
        name = entries[0].name
        raise DefinitionError(
            "no bake file found in the definition's tree",
            detail=f"All of it is in the directory {name!r}.",
            hint=f"name the file with -f {name}/docker-bake.hcl",
        )
    return some(())
