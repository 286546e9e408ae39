"""Resolution of ``followpaths``: which paths a build step needs, symbolic links included.

The daemon names the sources of ``COPY`` and the like; on the client each component that is a
symbolic link is followed within the tree (absolute targets start at its root). The result is the
links that were met and the final targets, to be used as include patterns (fsutil, followlinks.go).
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from bakex.session.filesync import glob

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bakex.session.filesync.tree import Tree


def follow_paths(tree: Tree, paths: Iterable[str]) -> list[str] | None:
    """Resolve paths; they may contain wildcards.

    Returns:
        Sorted paths of which none is below another; None if the root itself is among them.

    Raises:
        PatternError: A path contains a malformed wildcard.
        SessionError: A directory cannot be listed.
    """
    resolver = _Resolver(tree)
    pending = list(paths)
    while pending:
        # One path is resolved up to its first symbolic link, whose targets take its place.
        pending.extend(resolver.step(pending.pop()))
    return without_nested(sorted(resolver.resolved))


def without_nested(paths: Sequence[str]) -> list[str] | None:
    """Drop paths that directly follow one they are below; None if one is the root."""
    kept: list[str] = []
    last = ""
    for path in paths:
        if path == ".":
            return None
        if path.startswith(f"{last}/"):
            continue
        kept.append(path)
        last = path
    return kept


class _Resolver:
    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.resolved: set[str] = set()

    def step(self, path: str) -> list[str]:
        parts = [part for part in posixpath.normpath(f"/{path}").split("/") if part]
        current = ""
        for index, part in enumerate(parts):
            current = posixpath.join(current, part)
            targets = self._targets(current)
            if targets is None:
                continue
            if current in self.resolved:
                return []
            self.resolved.add(current)
            rest = "/".join(parts[index + 1 :])
            return [posixpath.join(target, rest) for target in targets]
        self.resolved.add(current or ".")
        return []

    def _targets(self, path: str) -> list[str] | None:
        """Return where a link, or the links that a wildcard describes, lead; None if no link."""
        directory, name = posixpath.split(path)
        if not glob.has_wildcards(name):
            target = self._target(path)
            return None if target is None else [target]
        matches = glob.compiled(name)
        found = [
            target
            for child in self._tree.children(_bytes(directory))
            if matches(_text(child.name))
            and (target := self._target(posixpath.join(directory, _text(child.name)))) is not None
        ]
        return found or None

    def _target(self, path: str) -> str | None:
        link = self._tree.readlink(_bytes(path))
        if link is None:
            return None
        return posixpath.normpath(posixpath.join("/", posixpath.dirname(path), _text(link)))


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
