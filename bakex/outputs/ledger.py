"""What this machine has pushed without giving it a tag, or has taken a tag from.

Registries do not list what has no tag. The digests are what `bakex image gc` looks at: each is
removed only if nothing leads to it. One file for each repository, one line for each digest; a line
is added in a single write, so that several processes may do so at the same time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from bakex._util.atomic import write_file
from bakex.errors import ContentError
from bakex.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

_LARGE = 4 << 20  # bytes: some ten thousand digests; the older half is dropped


class Ledger:
    """The files in one directory; what cannot be read or written counts as not there."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def note(self, repository: str, digests: Iterable[Digest], at: datetime) -> None:
        """Take note of digests. Idempotent."""
        known = self.known(repository)
        fresh = [digest for digest in digests if digest not in known]
        if not fresh:
            return
        path = self._path(repository)
        with contextlib.suppress(OSError):
            self._directory.mkdir(parents=True, exist_ok=True)
            with path.open("ab", buffering=0) as file:
                file.write(b"".join(_line(digest, at) for digest in fresh))
                large = os.fstat(file.fileno()).st_size > _LARGE
            if large:
                rest = path.read_bytes().splitlines(keepends=True)
                write_file(path, b"".join(rest[len(rest) // 2 :]))

    def known(self, repository: str) -> dict[Digest, datetime]:
        """Return the digests of a repository, each with the time at which it was noted."""
        try:
            lines = self._path(repository).read_bytes().splitlines()
        except OSError:
            return {}
        return dict(entry for line in lines for entry in _entry(line))

    def forget(self, repository: str, digests: Collection[Digest]) -> None:
        """Drop digests that are gone."""
        known = self.known(repository)
        if known.keys().isdisjoint(digests):
            return
        kept = [_line(digest, at) for digest, at in known.items() if digest not in digests]
        path = self._path(repository)
        with contextlib.suppress(OSError):
            if kept:
                write_file(path, b"".join(kept))
            else:
                path.unlink(missing_ok=True)

    def _path(self, repository: str) -> Path:
        return self._directory / f"{hashlib.sha256(repository.encode()).hexdigest()[:16]}.jsonl"


def _line(digest: Digest, at: datetime) -> bytes:
    document = {"digest": str(digest), "at": at.isoformat(timespec="seconds")}
    return json.dumps(document).encode() + b"\n"


def _entry(line: bytes) -> Iterator[tuple[Digest, datetime]]:
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError, ContentError):
        fields = cast("Mapping[str, Any]", json.loads(line))
        at = datetime.fromisoformat(fields["at"])
        yield Digest.parse(fields["digest"]), at if at.tzinfo else at.replace(tzinfo=UTC)
