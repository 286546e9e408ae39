"""Removing from a repository what no tag, no index and no referrer leads to.

No registry lists what has no tag. What can be looked at is what somebody knows of: tags that are to
go, lists of referrers whose subject is gone, what bakex has pushed from this machine
(`bakex.outputs.ledger`), and digests that the user gives. Whatever of that, or below it, is reached
by nothing that stays is removed; in an order in which nothing ever lacks a part; with the tags read
again just before; and with a look at everything that stays in between.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.api.publication import noted, unfinished
from bakex.api.survey import Survey
from bakex.errors import BakexError, ContentError, ContentNotFoundError
from bakex.model.garbage import Doomed, Garbage
from bakex.model.index import Index
from bakex.oci.reach import Case, Verdict, judge, listed_subject, short
from bakex.oci.verified import read_config, read_document
from bakex.outputs.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from bakex.config import Settings
    from bakex.interfaces import Clock
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.garbage import Wishes
    from bakex.model.manifest import ImageManifest
    from bakex.registry.repository import Repository

_AT_ONCE = 16
_FRESH_S = 2.0  # tags are read again when what is known of them is older than that
_CREATED = "org.opencontainers.image.created"
_PLAUSIBLE = 2000  # reproducible images are said to be from 1970 or 1980: their age is unknown
_LOOKED_AT = "A registry does not list what has no tag: see docs/images.md for what was looked at."


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What this machine knows of a repository.

    Attributes:
        noted: Digests that bakex has pushed or taken a tag from, and when.
        pending: Digests that a publication under way, or an interrupted one, still needs.
    """

    noted: Mapping[Digest, datetime] = field(default_factory=dict["Digest", datetime])
    pending: frozenset[Digest] = frozenset()


async def collected(
    settings: Settings,
    store: Repository,
    repository: str,
    wishes: Wishes,
    clock: Clock,
    *,
    apply: bool,
) -> Garbage:
    """Find out what a repository has to get rid of, and remove it if asked to.

    Args:
        settings: For what this machine has noted.
        store: The repository.
        repository: Its name.
        wishes: What is asked for.
        clock: For the age of what was read.
        apply: Remove it; otherwise nothing is changed.

    Raises:
        ConfigError: The record of an interrupted publication cannot be read.
        ContentError: It cannot be told what a tag leads to; or something is gone that was to stay.
        RegistryError: The registry refused or failed.
    """
    ledger = Ledger(noted(settings))
    moves = [pair for _, record in unfinished(settings) for pair in record.tags]
    needed = {
        digest
        for move, former in moves
        for digest in (move.root.digest, former)
        if move.reference.repository == repository and digest is not None
    }
    known = Known(noted=ledger.known(repository), pending=frozenset(needed))
    job = RepositoryGarbage(store, repository, wishes, known, clock)
    garbage = await job.plan()
    ledger.forget(repository, job.missing)
    if apply:
        garbage = await job.apply()
        ledger.forget(repository, {item.descriptor.digest for item in garbage.doomed})
    return garbage


class RepositoryGarbage:
    """One collection: `plan` once, then `apply` at most once."""

    def __init__(
        self, store: Repository, place: str, wishes: Wishes, known: Known, clock: Clock
    ) -> None:
        """Take what it works with.

        Args:
            store: The repository.
            place: Its name, for people.
            wishes: What is asked for.
            known: What this machine knows.
            clock: For the age of what was read.
        """
        self._store = store
        self._wishes = wishes
        self._known = known
        self._clock = clock
        self._survey = Survey(store)
        self._tags: dict[str, Descriptor] = {}
        self._read_at = 0.0
        self._fated: dict[str, Digest] = {}  # tags that are to go, and what they stood for
        self._notes: list[str] = []
        self._verdict = judge(self._survey.links, Case(tags={}))
        self._garbage = Garbage(place=place)

    @property
    def missing(self) -> set[Digest]:
        """What was named, and is not there."""
        return self._survey.missing

    async def plan(self) -> Garbage:
        """Find out what is to go. Nothing is changed.

        Raises:
            ContentError: It cannot be told what a tag leads to.
            RegistryError: The registry refused or failed.
        """
        await self._read_tags()
        self._fated = {name: self._tags[name].digest for name in await self._old()}
        self._verdict = await self._judged()
        self._garbage = self._planned()
        return self._garbage

    async def apply(self) -> Garbage:
        """Remove what was planned, unless it got a name meanwhile; return what is gone.

        What was removed stays removed after a failure; another run goes on from there.

        Raises:
            ContentNotFoundError: Something is gone that was to stay: nothing more was removed.
            DeniedError: The account may not delete.
            RegistryError: The registry does not delete, or failed.
        """
        there = await self._present()
        gone: list[Doomed] = []
        left: set[Digest] = set()
        try:
            for item in self._garbage.doomed:
                await self._refresh()
                if item.descriptor.digest not in self._verdict.doomed:
                    left.add(item.descriptor.digest)
                    continue
                await self._store.drop(item.descriptor)
                gone.append(item)
                if len(gone) & (len(gone) - 1) == 0:  # the 1st, 2nd, 4th, 8th ...
                    await self._check(there - self._blobs, item)
            if gone:
                await self._check(there, gone[-1])
            untagged = [n for n in self._garbage.untagged if await self._untag(n)]
        except BakexError as error:
            if gone:
                error.detail = f"{error.detail}\n{len(gone)} were removed before.".strip()
            raise
        done = self._garbage.done(left)
        return done if tuple(untagged) == done.untagged else _stuck(done, untagged)

    async def _read_tags(self) -> None:
        self._read_at = self._clock.monotonic()
        self._tags = await self._survey.tags()

    async def _refresh(self) -> None:
        if self._clock.monotonic() - self._read_at < _FRESH_S:
            return
        before = self._tags
        await self._read_tags()
        if any(before.get(name) != root for name, root in self._tags.items()):
            self._verdict = await self._judged()

    async def _old(self) -> list[str]:
        """Return the tags that are to go."""
        names, limit = list(self._matching()), self._wishes.older_than
        if limit is None:
            return names
        jobs = [partial(self._created, self._tags[name]) for name in names]
        times = await concurrently(jobs, limit=_AT_ONCE)
        ages = dict(zip(names, times, strict=True))
        self._notes.extend(
            f"The tag {name} stays: its image does not say its age."
            for name, created in ages.items()
            if created is None
        )
        return [name for name, created in ages.items() if created is not None and created < limit]

    def _matching(self) -> Iterator[str]:
        for pattern in self._wishes.delete_tags:
            if not any(fnmatchcase(name, pattern) for name in self._tags):
                self._notes.append(f"No tag matches {pattern!r}.")
        for name in self._tags:
            patterns = self._wishes.delete_tags
            if listed_subject(name) is None and any(fnmatchcase(name, p) for p in patterns):
                yield name

    async def _judged(self) -> Verdict:
        noted = self._known.noted
        held = {d for d, at in noted.items() if at > self._wishes.held_since}
        held |= self._known.pending
        candidates = dict.fromkeys(self._wishes.candidates, "named, and nothing leads to it")
        for digest in noted:
            if digest not in held:
                candidates.setdefault(digest, "pushed from here, and nothing leads to it")
        about = [d for name in self._tags if (d := listed_subject(name)) is not None]
        roots = [root.digest for root in self._tags.values()]
        survey = self._survey
        await survey.explore([*roots, *held, *candidates, *about])
        case = Case(
            tags={name: root.digest for name, root in self._tags.items()},
            doomed_tags=[n for n, root in self._tags.items() if self._fated.get(n) == root.digest],
            candidates=candidates,
            held=held,
            missing=survey.missing,
        )
        found = judge(survey.links, case)
        doomed = {d: why for d, why in found.doomed.items() if d in survey.documents}
        return replace(found, doomed=doomed)

    def _planned(self) -> Garbage:
        verdict, survey = self._verdict, self._survey
        needed = set(survey.blobs(verdict.kept))
        doomed: list[Doomed] = []
        for digest in survey.links.order(verdict.doomed):
            root = survey.documents[digest][0]
            own = {d: blob for d, blob in survey.blobs([digest]).items() if d not in needed}
            needed.update(own)
            doomed.append(
                Doomed(
                    descriptor=root,
                    kind=survey.kind(digest),
                    reason=verdict.doomed[digest],
                    tags=tuple(n for n, found in self._tags.items() if found.digest == digest),
                    frees=root.size + sum(blob.size for blob in own.values()),
                )
            )
        gone = {tag for item in doomed for tag in item.tags}
        return Garbage(
            place=self._garbage.place,
            doomed=tuple(doomed),
            untagged=tuple(name for name in self._fated if name not in gone),
            kept=self._counted(gone),
            notes=(*self._notes, *self._remarks(), _LOOKED_AT),
        )

    def _counted(self, gone: Collection[str]) -> dict[str, int]:
        kept = [digest for digest in self._verdict.kept if digest in self._survey.documents]
        lists = {root.digest for n, root in self._tags.items() if listed_subject(n) is not None}
        referrers = sum(self._survey.links.is_referrer(d) or d in lists for d in kept)
        return {
            "tags": sum(
                listed_subject(n) is None for n in self._tags.keys() - gone - self._fated.keys()
            ),
            "manifests": len(kept) - referrers,
            "referrers": referrers,
            "held": len(self._verdict.held & self._survey.documents.keys()),
        }

    def _remarks(self) -> Iterator[str]:
        absent = self._survey.missing.intersection(self._wishes.candidates)
        if absent:
            yield f"{len(absent)} of the candidates are not there."
        lacking = self._survey.missing.intersection(self._verdict.kept)
        if lacking:
            few = ", ".join(short(digest) for digest in sorted(lacking)[:3])
            yield f"Something that stays leads to {len(lacking)} that are missing: {few}."
        if self._verdict.signed:
            yield (
                f"{len(self._verdict.signed)} without a tag stay because something refers to them,"
                " such as a signature; name them with --candidates to remove them."
            )

    @property
    def _blobs(self) -> set[Digest]:
        return set(self._survey.blobs(self._verdict.kept))

    async def _present(self) -> set[Digest]:
        """Return what is there of all that is to stay."""
        kept, survey = self._verdict.kept, self._survey
        everything = survey.blobs(kept)
        everything |= {d: root for d, (root, _) in survey.documents.items() if d in kept}
        return await self._found(everything.values())

    async def _found(self, wanted: Iterable[Descriptor]) -> set[Digest]:
        listed = list(wanted)
        jobs = [partial(self._store.exists, descriptor) for descriptor in listed]
        there = await concurrently(jobs, limit=_AT_ONCE)
        return {d.digest for d, is_there in zip(listed, there, strict=True) if is_there}

    async def _check(self, there: set[Digest], last: Doomed) -> None:
        """Make sure that everything that was there, and is to stay, still is.

        Raises:
            ContentNotFoundError: It is not.
        """
        survey = self._survey
        known = survey.blobs(survey.documents)
        known |= {digest: root for digest, (root, _) in survey.documents.items()}
        lost = there - await self._found(known[digest] for digest in there)
        if lost:
            raise ContentNotFoundError(
                f"{self._garbage.place} has lost {min(lost)} since {last.descriptor.digest}"
                " was removed",
                detail="It was to stay. Nothing more was removed.",
                hint="push the images that have it again, and ask whoever runs the registry",
            )

    async def _untag(self, name: str) -> bool:
        root = self._tags.get(name)
        with contextlib.suppress(BakexError):
            if root is not None and (await self._store.resolve(name)).digest == root.digest:
                return await self._store.untag(name)
        return False

    async def _created(self, root: Descriptor) -> datetime | None:
        """Return when an image says that it was made; the newest, for several platforms."""
        try:
            document = await read_document(self._store, root)
            if isinstance(document, Index) and _CREATED not in document.annotations:
                found = [await self._created(entry) for entry in document.images]
                known = [at for at in found if at is not None]
                return max(known) if known and len(known) == len(found) else None
            return await self._said(document)
        except ContentError:
            return None

    async def _said(self, document: ImageManifest | Index) -> datetime | None:
        text: object = document.annotations.get(_CREATED)
        if not text and not isinstance(document, Index) and document.is_image:
            text = (await read_config(self._store, document)).fields.get("created")
        with contextlib.suppress(ValueError, TypeError):
            at = datetime.fromisoformat(str(text))
            return at if at.tzinfo is not None and at.year >= _PLAUSIBLE else None
        return None


def _stuck(garbage: Garbage, untagged: Collection[str]) -> Garbage:
    stuck = [name for name in garbage.untagged if name not in untagged]
    note = f"The registry removes no single tags; these stay: {', '.join(stuck)}."
    return replace(garbage, untagged=tuple(untagged), notes=(*garbage.notes, note))
