"""What immutable tags were made from, remembered on this machine.

With that, a run whose definition or Dockerfile has changed since a tag was published is refused
before anything is built. Elsewhere the difference is found when the result is there, before any tag
moves.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from typing import TYPE_CHECKING

from bakex._util.atomic import write_file
from bakex.engines.buildkit.fingerprint import fingerprint
from bakex.outputs.tagging import immutable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from bakex.config import Settings
    from bakex.model.digest import Digest
    from bakex.model.publication import Publication
    from bakex.outputs.preflight import Destination


class InputRecords:
    """One small file for each tag; a file that cannot be read or written counts as none."""

    def __init__(self, settings: Settings) -> None:
        self._cwd = settings.cwd
        self._directory = settings.state / "published"
        self._known: dict[str, str] = {}

    async def look(self, destinations: Iterable[Destination]) -> None:
        """Find out what tags are going to be made from."""
        made: dict[tuple[str, ...], str] = {}
        for item in destinations:
            cells = tuple(str(cell.id) for cell in item.cells)
            if cells not in made:
                made[cells] = await asyncio.to_thread(self._fingerprint, item)
            if made[cells]:
                self._known[str(item.reference)] = made[cells]

    def check(self, existing: Iterable[tuple[Destination, Digest]]) -> None:
        """Refuse to make other content for a tag that exists.

        Args:
            existing: Immutable tags, each with what it stands for.

        Raises:
            TagConflictError: A tag was published from other inputs.
        """
        for item, now in existing:
            name = str(item.reference)
            published, inputs = self._read(name)
            if published == str(now) and name in self._known and inputs != self._known[name]:
                raise immutable(
                    item.reference,
                    now,
                    "The target's definition or its Dockerfile has changed since it was published"
                    " from here.",
                )

    def keep(self, publications: Sequence[Publication]) -> None:
        """Remember what the tags among these were made from."""
        for item in publications:
            inputs = self._known.get(item.place)
            if inputs is None or item.root is None or not item.state.holds_result:
                continue
            document = {
                "reference": item.place,
                "digest": str(item.root.digest),
                "inputs": inputs,
            }
            with contextlib.suppress(OSError):
                self._directory.mkdir(parents=True, exist_ok=True)
                write_file(self._path(item.place), json.dumps(document).encode())

    def _read(self, name: str) -> tuple[str, str]:
        try:
            document = json.loads(self._path(name).read_bytes())
            return str(document["digest"]), str(document["inputs"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return "", ""

    def _path(self, name: str) -> Path:
        return self._directory / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"

    def _fingerprint(self, item: Destination) -> str:
        found = {str(cell.id): fingerprint(cell.target, self._cwd) for cell in item.cells}
        if not all(found.values()):
            return ""
        return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
