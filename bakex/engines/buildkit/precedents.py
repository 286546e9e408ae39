"""What a push would bring, compared with what a tag stands for, before anything is sent.

A daemon writes the time into provenance, so an attested image is new in every run, and its parts
would be pushed in vain. But it lets clients read what it has made (containerd's content API). So
where there is something to compare with, the first solve exports the image without pushing it; if
the repository has it already, but for the time, nothing is pushed at all. If it has not, another
solve pushes it, whose steps are cached.

What an image says about itself stays with the daemon's history of builds. The statements of its
attestations do not: they are there until the daemon next collects garbage, are read at once, and
made again if they have gone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bakex.errors import (
    BakexError,
    CapabilityError,
    ContentError,
    ContentNotFoundError,
    NodeError,
    SizeMismatchError,
)
from bakex.model.index import Index
from bakex.model.manifest import ImageManifest
from bakex.model.reference import Reference
from bakex.model.result import PushImage
from bakex.oci.sameness import say_the_same
from bakex.oci.validate import validate
from bakex.oci.verified import read_document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from bakex.engines.buildkit.exports import Round
    from bakex.engines.buildkit.housekeeping import Housekeeping
    from bakex.engines.buildkit.recipe import Recipe
    from bakex.interfaces import ContentReader, Registry, RemoteRepository
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.platform import Platform
    from bakex.model.result import ExportRequest

_TRIES = 5  # garbage is collected when builds end, so it takes bad luck to miss it twice
_MAX_SIZE = 16 << 20  # of a manifest or a statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Precedent:
    """What a published index has for one platform, with attestations.

    Attributes:
        store: Where it is.
        root: The index.
    """

    store: RemoteRepository
    root: Descriptor
    images: tuple[Descriptor, ...]
    attestations: tuple[Descriptor, ...]


class Precedents:
    """Finds results of one daemon in repositories."""

    def __init__(self, daemon: Housekeeping, registry: Registry | None) -> None:
        self._daemon = daemon
        self._registry = registry
        self._is_able = True

    async def known(
        self, request: ExportRequest | None, recipe: Recipe, round_: Round, platform: Platform
    ) -> list[Precedent]:
        """Return what an image is worth being compared with before it is pushed.

        Of an image without attestations a daemon sends only what is not there yet, and what cannot
        be read is no precedent: the push will tell what is wrong, if anything is.
        """
        attested = any(name.startswith("attest:") for name in recipe.attrs)
        if not isinstance(request, PushImage) or not attested or round_.passing:
            return []
        if "no-cache" in recipe.attrs:  # the provenance of a second solve would not say so
            return []
        if self._registry is None or not self._is_able:
            return []
        reference = Reference.parse(request.repositories[0])
        store = self._registry.repository(reference, insecure=request.insecure)
        found: list[Precedent] = []
        for digest in request.published:
            try:
                root = await store.resolve(str(digest))
                document = await read_document(store, root)
            except BakexError:
                continue
            if isinstance(document, Index):
                precedent = _precedent(store, root, document, platform)
                found += [precedent] if precedent.attestations else []
        return found

    async def find(
        self, known: Sequence[Precedent], trial: Callable[[], Awaitable[Descriptor | None]]
    ) -> Precedent | None:
        """Return the precedent that holds an image; None if none does, or if that is not known.

        Args:
            known: With what to compare it.
            trial: Makes the image without pushing it; is repeated if the daemon has thrown away
                parts of it before they could be read.
        """
        for _ in range(_TRIES):
            made = await trial()
            if made is None:
                break
            try:
                return await self._match(known, made)
            except CapabilityError:
                self._is_able = False
                break
            except NodeError:
                continue
            except ContentError:
                break
        return None

    async def _match(self, known: Sequence[Precedent], made: Descriptor) -> Precedent | None:
        here = _Made(self._daemon)
        new = await here.document(made)
        if not isinstance(new, Index):
            return None
        alike = [item for item in known if _essence(item.images) == _essence(new.images)]
        if not alike:
            return None
        for entry in new.attestations:
            document = await here.document(entry)
            if isinstance(document, ImageManifest):
                for layer in document.layers:
                    await here.take(layer)
        for item in alike:
            if await _has_all(item, here, new.attestations):
                return item
        return None


def _precedent(
    store: RemoteRepository, root: Descriptor, index: Index, platform: Platform
) -> Precedent:
    images = tuple(entry for entry in index.images if entry.platform == platform)
    listed = {entry.digest for entry in images}
    attestations = tuple(entry for entry in index.attestations if entry.subject in listed)
    return Precedent(
        store=store,
        root=replace(root, platform=platform),
        images=images,
        attestations=attestations,
    )


def _essence(entries: Sequence[Descriptor]) -> list[tuple[object, ...]]:
    return [(entry.media_type, entry.digest, entry.size, entry.annotations) for entry in entries]


async def _has_all(
    item: Precedent, here: ContentReader, attestations: Sequence[Descriptor]
) -> bool:
    """Return whether a precedent says the same, and is complete."""
    try:
        if not await say_the_same((item.store, item.attestations), (here, attestations)):
            return False
        for entry in (*item.images, *item.attestations):
            await validate(item.store, entry)
    except BakexError:
        return False
    return True


class _Made:
    """What a daemon has made, as far as it was taken (`bakex.interfaces.ContentReader`)."""

    def __init__(self, daemon: Housekeeping) -> None:
        self._daemon = daemon
        self._taken: dict[Digest, bytes] = {}

    async def document(self, descriptor: Descriptor) -> ImageManifest | Index:
        """Take a manifest or an index.

        Raises:
            ContentError: It is something else.
            NodeError: The daemon does not hand it over.
        """
        await self.take(descriptor)
        return await read_document(self, descriptor)

    async def take(self, descriptor: Descriptor) -> None:
        """Read content of the daemon.

        Raises:
            SizeMismatchError: It is too large.
            NodeError: The daemon does not hand it over.
        """
        if descriptor.size > _MAX_SIZE:
            raise SizeMismatchError(f"{descriptor.digest} has {descriptor.size} bytes")
        from bakex.model.upkeep import HistoryBlob  # noqa: PLC0415 - start-up budget

        blob = HistoryBlob(
            role="result",
            media_type=descriptor.media_type,
            digest=str(descriptor.digest),
            size=descriptor.size,
        )
        chunks = [chunk async for chunk in self._daemon.content(blob)]
        self._taken[descriptor.digest] = b"".join(chunks)

    async def fetch(self, descriptor: Descriptor) -> AsyncIterator[bytes]:
        """Yield what was taken.

        Raises:
            ContentNotFoundError: It was not.
        """
        if descriptor.digest not in self._taken:
            raise ContentNotFoundError(f"{descriptor.digest} was not taken")
        yield self._taken[descriptor.digest]
