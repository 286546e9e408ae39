"""What immutable tags were made from, remembered on this machine.

With that, a run is refused before anything is built if the definition, the Dockerfile or a file of
a context has changed since a tag was published. Elsewhere the difference is found when the result
is there, before any tag moves.

Builds share what they read, so of a directory that several targets use it is not known which of
them has seen a file. That it has changed then counts only if all of them have to come out as they
were: each has an immutable tag, or one that has is built on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from bakex._util.atomic import write_file
from bakex.api.listings import Listings
from bakex.engines.buildkit.fingerprint import directories, fingerprint
from bakex.engines.buildkit.listing import Listing
from bakex.engines.buildkit.reads import Offered, Reads
from bakex.outputs.tagging import immutable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from bakex.config import Settings
    from bakex.model.digest import Digest
    from bakex.model.plan import Cell, Plan
    from bakex.model.publication import Publication
    from bakex.outputs.preflight import Destination

_DOCKERFILE = "dockerfile"  # the name of its directory; its content counts by itself
_IGNORE = ".dockerignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """What is known about a tag.

    Attributes:
        digest: What it stood for.
        inputs: Hash of definition and Dockerfile.
        contexts: Cell -> name of a directory -> name of the list of what there was.
    """

    digest: str = ""
    inputs: str = ""
    contexts: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, "dict[str, str]"])

    @classmethod
    def from_json(cls, document: Any) -> Self:  # noqa: ANN401 - whatever a file holds
        contexts = {cell: dict(names) for cell, names in document.get("contexts", {}).items()}
        return cls(
            digest=str(document["digest"]), inputs=str(document["inputs"]), contexts=contexts
        )


class _Tag(NamedTuple):
    item: Destination
    now: Digest
    record: _Record


class _Change(NamedTuple):
    """What has changed in a directory since its list was made."""

    offered: Offered
    kept: str
    targets: frozenset[str]
    paths: tuple[str, ...]


class InputRecords:
    """One small file for each tag; a file that cannot be read or written counts as none."""

    def __init__(self, settings: Settings, plan: Plan, reads: Sequence[Reads] = ()) -> None:
        """Take what it works with.

        Args:
            settings: Where files and records are.
            plan: What is built.
            reads: What the engines read meanwhile.
        """
        self._cwd = settings.cwd
        self._directory = settings.state / "published"
        self._listings = Listings(self._directory / "contexts")
        self._plan = plan
        self._reads = reads
        self._known: dict[str, str] = {}
        self._cells: dict[str, tuple[Cell, ...]] = {}  # by tag
        self._former: dict[Offered, Listing] = {}
        self._kept: dict[Offered, str] = {}

    async def look(self, destinations: Iterable[Destination]) -> None:
        """Find out what tags are going to be made from."""
        made: dict[tuple[str, ...], str] = {}
        for item in destinations:
            cells = tuple(str(cell.id) for cell in item.cells)
            if cells not in made:
                made[cells] = await asyncio.to_thread(self._fingerprint, item)
            if made[cells]:
                self._known[str(item.reference)] = made[cells]
                self._cells[str(item.reference)] = item.cells

    async def check(self, existing: Iterable[tuple[Destination, Digest]]) -> None:
        """Refuse to make other content for a tag that exists.

        Args:
            existing: Immutable tags, each with what it stands for.

        Raises:
            TagConflictError: A tag was published from other inputs.
        """
        same: list[_Tag] = []
        for item, now in existing:
            name = str(item.reference)
            record = self._read(name)
            if record.digest != str(now) or name not in self._known:
                continue
            if record.inputs != self._known[name]:
                raise immutable(
                    item.reference,
                    now,
                    "The target's definition or its Dockerfile has changed since it was published"
                    " from here.",
                )
            same.append(_Tag(item, now, record))
        await asyncio.to_thread(self._check_files, same)

    def _check_files(self, tags: Sequence[_Tag]) -> None:
        known: dict[tuple[Offered, str], _Change | None] = {}
        found: list[tuple[_Tag, list[_Change]]] = []
        holders: dict[str, set[str]] = {}
        for tag in tags:
            for cell in tag.item.cells:
                changes = self._changes(tag.record, cell, known)
                # What another .dockerignore lets a build see, only the build can tell.
                if any(path.endswith(_IGNORE) for each in changes for path in each.paths):
                    continue
                found.append((tag, changes))
                for each in changes:
                    holders.setdefault(each.kept, set()).update(self._below(cell))
        for tag, changes in found:
            for each in changes:
                if each.paths and each.targets <= holders[each.kept]:
                    raise immutable(tag.item.reference, tag.now, _reason(each))

    def _changes(
        self, record: _Record, cell: Cell, known: dict[tuple[Offered, str], _Change | None]
    ) -> list[_Change]:
        found: list[_Change] = []
        here = directories(cell.target, self._cwd)
        for name, kept in record.contexts.get(str(cell.id), {}).items():
            if name not in here:
                continue
            offered = Offered(name, here[name])
            key = offered, kept
            if key not in known:
                known[key] = self._change(offered, kept)
            change = known[key]
            if change is not None:
                found.append(change)
        return found

    def _change(self, offered: Offered, kept: str) -> _Change | None:
        listing = self._listings.read(kept)
        if listing is None:
            return None
        self._former[offered] = listing
        paths = listing.differences(offered.directory)
        if offered.name == _DOCKERFILE:
            paths = [path for path in paths if path.endswith(_IGNORE)]
        return _Change(offered, kept, listing.targets, tuple(paths))

    def _below(self, cell: Cell) -> set[str]:
        """Return the target of a cell, and those that it is built on."""
        cells = {each.id: each for each in self._plan.cells}
        found: set[str] = set()
        front = [cell.id]
        while front:
            each = front.pop()
            found.add(each.target)
            front.extend(base for _, base in cells[each].links if base in cells)
        return found

    async def survey(self) -> None:
        """Look at what the builds so far have read, for `keep`."""
        await asyncio.to_thread(self._survey)

    def _survey(self) -> None:
        reads = Reads.joined(self._reads)
        published = {cell.id for cells in self._cells.values() for cell in cells}
        for offered, requests in reads.requests.items():
            users = [cell for cell, dirs in reads.offers.items() if offered in dirs]
            self._kept.pop(offered, None)
            if published.isdisjoint(users):
                continue
            targets = frozenset(cell.target for cell in users)
            former = self._former.get(offered)
            listing = Listing.made(targets, offered.directory, requests, former)
            if listing is not None:
                self._former[offered] = listing
                self._kept[offered] = self._listings.write(listing)

    def keep(self, publications: Sequence[Publication]) -> None:
        """Remember what the tags among these were made from."""
        offers = Reads.joined(self._reads).offers
        for item in publications:
            inputs = self._known.get(item.place)
            if inputs is None or item.root is None or not item.state.holds_result:
                continue
            contexts = {
                str(cell.id): {
                    offered.name: self._kept[offered]
                    for offered in sorted(offers.get(cell.id, ()))
                    if self._kept.get(offered)
                }
                for cell in self._cells[item.place]
            }
            document = {
                "reference": item.place,
                "digest": str(item.root.digest),
                "inputs": inputs,
                "contexts": contexts,
            }
            with contextlib.suppress(OSError):
                self._directory.mkdir(parents=True, exist_ok=True)
                write_file(self._path(item.place), json.dumps(document).encode())

    def _read(self, name: str) -> _Record:
        try:
            return _Record.from_json(json.loads(self._path(name).read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return _Record()

    def _path(self, name: str) -> Path:
        return self._directory / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"

    def _fingerprint(self, item: Destination) -> str:
        found = {str(cell.id): fingerprint(cell.target, self._cwd) for cell in item.cells}
        if not all(found.values()):
            return ""
        return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def _reason(change: _Change) -> str:
    first, *others = change.paths
    place = "the context" if change.offered.name == "context" else f"context {change.offered.name}"
    more = f", and {len(others)} more" if others else ""
    whose = ", ".join(sorted(change.targets))
    return f"{first!r} in {place} of {whose} has changed since it was published from here{more}."
