"""What a daemon asks for when it reads a local directory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from bakex.session.filesync.walk import Selection

if TYPE_CHECKING:
    from bakex.session.attachable import Metadata
    from bakex.session.filesync.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One request for a directory's entries, as the daemon makes it.

    Attributes:
        include: Patterns of wanted entries; none: everything.
        exclude: Patterns of unwanted ones, from ``.dockerignore``.
        follow: Paths whose symbolic links are to be followed; they are wanted, too.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    follow: tuple[str, ...] = ()

    @classmethod
    def of(cls, metadata: Metadata) -> Self:
        """Read a request's metadata."""
        return cls(
            include=tuple(metadata.values("include-patterns")),
            exclude=tuple(metadata.values("exclude-patterns")),
            follow=tuple(metadata.values("followpaths")),
        )

    def selection(self, tree: Tree) -> Selection:
        """Compile it for a tree. Blocking.

        Raises:
            PatternError: A pattern is malformed.
            SessionError: A directory cannot be listed.
        """
        return Selection.of(tree, include=self.include, exclude=self.exclude, follow=self.follow)
