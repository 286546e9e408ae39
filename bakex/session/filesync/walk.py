"""The ordered, filtered listing of a tree (fsutil, walker.go and filter.go).

Rules:

* Depth first; in a directory by the bytes of the names; a directory before what is in it.
* A directory that the patterns leave out is passed over as a whole when nothing below it can be
  wanted. If something below it is, the directory is listed after all, just before that.
* The first listed name of a file is the file, later ones are links to it.
* What vanishes meanwhile is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.errors import SessionError
from bakex.session.filesync.follow import follow_paths, without_nested
from bakex.session.filesync.ignore import Matcher

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bakex.session.filesync.packets import Stat
    from bakex.session.filesync.tree import Child, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which entries of a tree are wanted.

    Attributes:
        include: Only what these match; no patterns: everything.
        exclude: Not what these match.
    """

    include: Matcher
    exclude: Matcher

    @classmethod
    def of(
        cls,
        tree: Tree,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        follow: Sequence[str] = (),
    ) -> Selection:
        """Compile patterns, and resolve the paths to follow within a tree (blocking).

        Raises:
            PatternError: A pattern is malformed.
            SessionError: A directory cannot be listed.
        """
        wanted: Sequence[str] = include
        if follow and (targets := follow_paths(tree, follow)) is not None:
            # fsutil drops nested paths of the unsorted concatenation; the order matters.
            wanted = without_nested([*include, *targets]) or ()
        return cls(include=Matcher(wanted), exclude=Matcher(exclude))


@dataclass(slots=True)
class _Level:
    """A directory on the way from the root to where the walk is."""

    path: bytes
    children: Iterator[Child]
    included: bytes | None = None
    excluded: bytes | None = None
    withheld: bool = False


def walk(tree: Tree, selection: Selection) -> Iterator[Stat]:
    """List the wanted entries; blocking, a step takes as long as listing one directory.

    Raises:
        SessionError: A wanted directory cannot be listed.
    """
    emitted: dict[tuple[int, int], bytes] = {}
    everything = not selection.include and not selection.exclude
    levels = [_Level(b"", iter(tree.children(b"")))]
    while levels:
        level = levels[-1]
        child = next(level.children, None)
        if child is None:
            levels.pop()
            continue
        name, is_dir = child
        path = level.path + b"/" + name if level.path else name
        # Most trees are wanted as they are, and then nothing needs to be asked about a file.
        below = None if everything else _decide(selection, level, path, is_dir=is_dir)
        if below is None and not everything:
            continue
        withheld = below is not None and below.withheld
        if not withheld:
            entry = tree.describe(path)
            if entry is None:
                continue
            if not everything:
                yield from _withheld_parents(tree, levels)
            stat, identity = entry
            is_dir = stat.is_dir
            yield stat if identity is None else _linked(stat, identity, emitted)
        if is_dir:
            below = below or _Level(path, iter(()))
            below.children = _listing(tree, path, tolerant=withheld)
            levels.append(below)


def _decide(selection: Selection, parent: _Level, path: bytes, *, is_dir: bool) -> _Level | None:
    """Return a level for an entry, withheld if it is not itself wanted; None to pass it over."""
    level = _Level(path, iter(()))
    include, exclude = selection.include, selection.exclude
    text = _pattern_text(path)
    if include:
        matched, level.included = include.match(text, parent.included)
        if not matched:
            if not (is_dir and include.may_match_below(text)):
                return None
            level.withheld = True
    if exclude:
        matched, level.excluded = exclude.match(text, parent.excluded)
        if matched:
            if not (is_dir and exclude.may_except_below(text)):
                return None
            level.withheld = True
    return level


def _pattern_text(path: bytes) -> str:
    """Return a path as patterns see it: a byte that is not UTF-8 is one replacement character."""
    try:
        return path.decode()
    except UnicodeDecodeError:
        text = path.decode("utf-8", "surrogateescape")
        return "".join("\ufffd" if "\udc80" <= char <= "\udcff" else char for char in text)


def _withheld_parents(tree: Tree, levels: list[_Level]) -> Iterator[Stat]:
    for level in levels:
        if level.withheld:
            level.withheld = False
            entry = tree.describe(level.path)
            if entry is not None:
                yield entry.stat


def _linked(stat: Stat, identity: tuple[int, int], emitted: dict[tuple[int, int], bytes]) -> Stat:
    first = emitted.setdefault(identity, stat.path)
    # The tuple's own constructor would name every field again.
    return stat if first is stat.path else stat._replace(size=0, linkname=first)


def _listing(tree: Tree, path: bytes, *, tolerant: bool) -> Iterator[Child]:
    try:
        return iter(tree.children(path))
    except SessionError:
        # Nobody asked for the directory itself; docker passes over it as well.
        if not tolerant:
            raise
        return iter(())
