"""A fetched tree: a private directory that lives as long as the value that stands for it."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path

from bakex.errors import DefinitionError


class Tree:
    """A directory of its own, empty at first.

    It is removed when nothing refers to the tree any more, at the latest when the interpreter ends;
    a process that is killed leaves it.

    Args:
        parent: Where to make it; is made if it is not there.

    Raises:
        DefinitionError: It cannot be made.
    """

    def __init__(self, parent: Path) -> None:
        try:
            parent.mkdir(parents=True, exist_ok=True)
            self._path = Path(tempfile.mkdtemp(prefix="bakex-definition-", dir=parent))
        except OSError as error:
            raise DefinitionError(
                "cannot make a directory for the definition",
                detail=f"{parent}: {error.strerror or error}.",
                hint="set XDG_CACHE_HOME to a directory that can be written",
            ) from error
        self._finalizer = weakref.finalize(self, shutil.rmtree, self._path, ignore_errors=True)

    @property
    def path(self) -> Path:
        """Where it is, absolute."""
        return self._path

    def remove(self) -> None:
        """Remove it now; safe to repeat."""
        self._finalizer()


def subdirectory(root: Path, path: str) -> Path | None:
    """Return a directory in a tree; None if there is none, or if a link leads out of the tree.

    Args:
        root: The tree.
        path: Relative to its root, however it is written.
    """
    try:
        real = Path(os.path.realpath(root / path.lstrip("/")))
        inside = real.is_relative_to(os.path.realpath(root))
        return real if inside and real.is_dir() else None
    except (OSError, ValueError):
        return None
