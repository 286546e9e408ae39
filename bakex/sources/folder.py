"""A directory as the place where definitions find their files (`DefinitionReader`)."""

from __future__ import annotations

import os
import re
from fnmatch import translate
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.errors import DefinitionError
from bakex.model.bakefile import MAX_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FOUND = 10_000  # files that one pattern may match
MAX_VISITED = 200_000  # names that are looked at for one pattern
_WILD = re.compile(r"[*?[]")
_ANY_DEPTH = "**"


class Folder:
    """Reads files by names that are relative to a directory.

    Args:
        root: The directory; it need not exist.
        confined: Read nothing that is not in it, once links are followed: the directory holds what
            somebody else has written. Else absolute names and ``..`` are allowed.
        limit: Largest size of a file, in bytes.
    """

    def __init__(self, root: Path, *, confined: bool = False, limit: int = MAX_SIZE) -> None:
        self._root = root
        self._confined = confined
        self._limit = limit

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if there is no such file.

        Raises:
            DefinitionError: It is there but cannot be read, is no file, is too large, or is out of
                bounds.
        """
        try:
            path = self._path(name)
            with path.open("rb") as stream:
                content = stream.read(self._limit + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise _unreadable(name, error) from error
        if len(content) > self._limit:
            raise DefinitionError(f"{name!r} is larger than {self._limit} bytes")
        return content

    def glob(self, pattern: str) -> tuple[str, ...]:
        """Return the names of the files that match, sorted; see `DefinitionReader`.

        Links to directories are followed, but not for ``**``, which could run in circles.

        Raises:
            DefinitionError: There are too many, or a directory cannot be listed or is out of
                bounds.
        """
        parts = [part for part in pattern.split("/") if part not in {"", "."}]
        search = _Search(self, pattern)
        start = "/" if pattern.startswith("/") else ""
        found: set[str] = set()
        for name in search.matches(start, parts):
            found.add(name)
            if len(found) > MAX_FOUND:
                raise DefinitionError(f"{pattern!r} matches more than {MAX_FOUND} files")
        return tuple(sorted(found))

    def entries(self, name: str) -> list[os.DirEntry[str]]:
        """Return what is in a directory, in no order; nothing if there is no such directory.

        Raises:
            DefinitionError: It cannot be listed or is out of bounds.
        """
        try:
            with os.scandir(self._path(name or ".")) as found:
                return list(found)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ValueError) as error:
            raise _unreadable(name, error) from error

    def is_file(self, name: str) -> bool:
        """Return whether a name, links followed, is a file that may be read."""
        try:
            return self._path(name).is_file()
        except (OSError, ValueError, DefinitionError):
            return False

    def _path(self, name: str) -> Path:
        path = self._root / name
        if not self._confined:
            return path
        root = Path(os.path.realpath(self._root))
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(root):
            raise DefinitionError(
                f"{name!r} is out of bounds",
                detail="A remote definition may name files of its own tree only, a single file "
                "those of the working directory.",
            )
        return real


class _Search:
    """One walk for a pattern; counts what it looks at."""

    def __init__(self, folder: Folder, pattern: str) -> None:
        self._folder = folder
        self._pattern = pattern
        self._visited = 0

    def matches(self, base: str, parts: list[str]) -> Iterator[str]:
        first, rest = parts[0] if parts else "", parts[1:]
        if first == _ANY_DEPTH:
            yield from self._deep(base, rest or ["*"])
        elif not _WILD.search(first):
            # Nothing to look for: the entry is there or not.
            yield from self._step(base, first, rest)
        else:
            fits = re.compile(translate(first)).match
            hidden = first.startswith(".")
            for entry in self._list(base):
                if fits(entry.name) and (hidden or not entry.name.startswith(".")):
                    yield from self._step(base, entry.name, rest)

    def _step(self, base: str, name: str, rest: list[str]) -> Iterator[str]:
        path = f"{base}{name}"
        if rest:
            yield from self.matches(f"{path}/", rest)
        elif name and self._folder.is_file(path):
            yield path

    def _deep(self, base: str, rest: list[str]) -> Iterator[str]:
        places = [base]
        while places:
            place = places.pop()
            yield from self.matches(place, rest)
            places += [
                f"{place}{entry.name}/"
                for entry in self._list(place)
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            ]

    def _list(self, base: str) -> list[os.DirEntry[str]]:
        found = self._folder.entries(base)
        self._visited += len(found)
        if self._visited > MAX_VISITED:
            raise DefinitionError(
                f"{self._pattern!r} is searched for among more than {MAX_VISITED} names",
                hint="name the directory in the pattern",
            )
        return found


def _unreadable(name: str, error: Exception) -> DefinitionError:
    reason = error.strerror if isinstance(error, OSError) else ""
    return DefinitionError(f"cannot read {name!r}", detail=f"{reason or error}.")
