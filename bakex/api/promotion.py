"""Promotion: an image that exists gets more names, with all that belongs to it, or none at all.

Everything is brought to every destination first: the index with its platforms and attestations, and
what refers to any of them. Then the tags move as those of a bake do (`bakex.api.publication`): in
one list, only from where they were found, and back if one cannot be moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from bakex._util.tasks import concurrently
from bakex.api.publication import Publisher, records
from bakex.errors import ContentError, ContentNotFoundError, TagConflictError, UsageError
from bakex.model.publication import TagMove
from bakex.oci.copy import copy, walk
from bakex.oci.layout import OciLayout
from bakex.oci.reach import listed_subject
from bakex.oci.validate import validate
from bakex.outputs.finished import Done
from bakex.outputs.preflight import Destination
from bakex.outputs.tagging import present

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bakex.api.located import Located
    from bakex.config import Settings
    from bakex.events import EventSink
    from bakex.interfaces import Clock, Registry
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.platform import Platform
    from bakex.model.publication import Publication, PublishPolicy
    from bakex.model.reference import Reference
    from bakex.registry.repository import Repository

_AT_ONCE = 16
_REPOSITORIES = 4
_MOST = 10_000  # referrers


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What was promoted.

    Attributes:
        root: The image.
        referrers: What went along with it.
        publications: What is where.
        notes: What the user should know, a sentence each.
    """

    root: Descriptor
    referrers: tuple[Descriptor, ...]
    publications: tuple[Publication, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """What goes to each destination.

    Attributes:
        signatures: Tags that hold something about the image (`bakex.oci.reach.listed_subject`).
    """

    image: Located
    platforms: Mapping[Platform, Descriptor]
    referrers: tuple[Descriptor, ...]
    signatures: Mapping[str, Descriptor]
    notes: tuple[str, ...]


class Promoter:
    """Promotes images to tags of registries."""

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        *,
        policy: PublishPolicy,
        events: EventSink,
        clock: Clock,
        insecure: bool,
    ) -> None:
        """Take what it works with.

        Args:
            registry: Where the destinations are.
            settings: For the record of what is under way.
            policy: How tags move.
            events: Gets what was published.
            clock: For records and events.
            insecure: Allow plain HTTP and unverified TLS for the destinations.
        """
        self._registry = registry
        self._insecure = insecure
        self._publisher = Publisher(
            registry=registry,
            policy=policy,
            records=records(settings),
            events=events,
            clock=clock,
        )

    async def promote(
        self, image: Located, destinations: Sequence[Reference], *, referrers: bool = True
    ) -> Promotion:
        """Bring an image to all destinations, then let their tags stand for it.

        Idempotent; what is there already does not move. After a failure before the first tag moves
        no tag has changed.

        Args:
            image: What it is.
            destinations: Tags.
            referrers: Whether what refers to it goes along.

        Raises:
            ContentError: The image, or something that refers to it, is not whole.
            TagConflictError: A tag must not be moved; none has.
            PublicationError: A tag could not be moved.
            RegistryError: A registry refused or failed; no tag has moved.
        """
        await self._publisher.check(
            [
                Destination(reference=name, insecure=self._insecure, root=image.root.digest)
                for name in destinations
            ]
        )
        load = await _loaded(image, referrers=referrers)
        places = {name.repository: name for name in destinations}
        jobs = [partial(self._bring, load, place) for place in places.values()]
        found = await concurrently(jobs, limit=_REPOSITORIES)
        images = {str(platform): entry for platform, entry in load.platforms.items()}
        moves = [move for others, _ in found for move in others]
        moves += [self._move(image, name, image.root, images) for name in destinations]
        await self._publisher.publish([(image.name, Done(root=image.root, moves=tuple(moves)))])
        return Promotion(
            root=image.root,
            referrers=(*load.referrers, *load.signatures.values()),
            publications=tuple(self._publisher.publications),
            notes=(*load.notes, *(note for _, notes in found for note in notes)),
        )

    async def _bring(self, load: _Load, place: Reference) -> tuple[list[TagMove], list[str]]:
        """Bring everything to a repository; returns further tags to move there, and notes."""
        store = self._registry.repository(place, insecure=self._insecure)
        reader, root = load.image.reader, load.image.root
        await copy(reader, store, root)
        for other in (*load.referrers, *load.signatures.values()):
            await copy(reader, store, other)
        await validate(store, root, platforms=load.platforms)
        moves: list[TagMove] = []
        notes: list[str] = []
        for name, signature in load.signatures.items():
            tag = place.tagged(name)
            there = await present(store, tag)
            if there is None:
                moves.append(self._move(load.image, tag, signature, {}))
            elif there.digest != signature.digest:
                notes.append(f"{tag} holds something else than at the source, and stays.")
        return moves, notes

    def _move(
        self,
        image: Located,
        reference: Reference,
        root: Descriptor,
        platforms: Mapping[str, Descriptor],
    ) -> TagMove:
        return TagMove(
            target=image.name,
            reference=reference,
            root=root,
            platforms=platforms,
            insecure=self._insecure,
        )


def destinations(names: Sequence[str], parsed: Sequence[Reference]) -> tuple[Reference, ...]:
    """Return the tags that are meant, each once.

    Raises:
        UsageError: One is a digest.
    """
    for name, reference in zip(names, parsed, strict=True):
        if reference.digest is not None:
            raise UsageError(f"{name} is no tag", hint="promotion gives tags: write HOST/PATH:TAG")
    return tuple(dict.fromkeys(r.tagged(r.tag_or_latest) for r in parsed))


def check_origin(image: Located, digest: Digest | None) -> None:
    """Make sure that the source is still what the user has looked at.

    Raises:
        TagConflictError: It stands for something else.
    """
    if digest is not None and image.root.digest != digest:
        raise TagConflictError(
            f"{image.name} is not what --from says",
            detail=f"It should stand for {digest} but stands for {image.root.digest}.",
            hint="look at what is there now, and promote that",
        )


async def _loaded(image: Located, *, referrers: bool) -> _Load:
    platforms = await validate(image.reader, image.root)  # or what is missing fails half way
    if not referrers:
        return _Load(image=image, platforms=platforms, referrers=(), signatures={}, notes=())
    about = set((await walk(image.reader, image.root)).documents)
    found, notes = await _attached(image, about)
    return _Load(
        image=image,
        platforms=platforms,
        referrers=found,
        signatures=await _signatures(image, about),
        notes=notes,
    )


async def _attached(
    image: Located, about: set[Digest]
) -> tuple[tuple[Descriptor, ...], tuple[str, ...]]:
    """Return what refers to an image, to its parts, and so on, and notes.

    Args:
        image: The image.
        about: Its documents; those of the referrers are added.
    """
    found: dict[Digest, Descriptor] = {}
    notes: list[str] = []
    waiting = sorted(about)
    while waiting:
        jobs = [partial(image.referring.referrers, digest) for digest in waiting]
        waiting.clear()
        listed = await concurrently(jobs, limit=_AT_ONCE)
        for entry in (entry for group in listed for entry in group):
            if entry.digest in about:
                continue
            about.add(entry.digest)
            try:
                below = set((await walk(image.reader, entry)).documents)
            except ContentNotFoundError:
                notes.append(f"{entry.digest} is listed as a referrer, and is not whole.")
                continue
            found[entry.digest] = entry
            waiting.extend({entry.digest, *(below - about)})
            about |= below
            if len(found) > _MOST:
                raise ContentError(f"more than {_MOST} referrers belong to {image.name}")
    return tuple(found.values()), tuple(notes)


async def _signatures(image: Located, about: set[Digest]) -> dict[str, Descriptor]:
    """Return the tags beside an image that hold signatures of it, in cosign's form."""
    store = image.store
    if isinstance(store, OciLayout):
        names: Iterable[str] = store.index().named()[0]
    else:
        names = await cast("Repository", store).tags()
    wanted = [name for name in names if "." in name and listed_subject(name) in about]
    return {name: await store.resolve(name) for name in wanted}
