"""One repository as a store: blobs and manifests behind the five verbs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bakex.errors import MissingPartsError
from bakex.model.media_types import is_document
from bakex.oci.verified import check, parse_document, read_document
from bakex.registry.blobs import Blobs
from bakex.registry.manifests import Manifests
from bakex.registry.referrers import Referrers
from bakex.registry.tags import Tags

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence

    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.registry.site import Site
    from bakex.registry.transport import Transport


class Repository:
    """Implements `bakex.interfaces.RemoteRepository`. Safe for concurrent use.

    Manifests and indexes go by their media type to ``/manifests/``, everything else to ``/blobs/``.
    """

    def __init__(self, transport: Transport, site: Site, path: str) -> None:
        self._blobs = Blobs(transport, site, path)
        self._manifests = Manifests(transport, site, path)
        self._tags = Tags(transport, site, path, self._manifests)
        self._referrers = Referrers(transport, site, path, self._manifests, self._tags)

    def fetch(self, descriptor: Descriptor) -> AsyncIterator[bytes]:
        """Yield the content; a broken download of a blob goes on where it stopped.

        What is not there is waited for for a few seconds: others may just have pushed it.

        Raises:
            ContentNotFoundError: Not there.
            RegistryError: The registry refused or failed.
        """
        if is_document(descriptor.media_type):
            return self._manifests.fetch(descriptor)
        return self._blobs.fetch(descriptor)

    async def exists(self, descriptor: Descriptor) -> bool:
        """Return whether the content is there, with the right size.

        Raises:
            RegistryError: The registry refused or failed; that is not the same as "not there".
        """
        if is_document(descriptor.media_type):
            return await self._manifests.exists(descriptor)
        return await self._blobs.exists(descriptor)

    async def push(
        self, descriptor: Descriptor, content: Callable[[], AsyncIterator[bytes]]
    ) -> None:
        """Store content; a no-op if it is there. Concurrent pushes of the same content are one.

        Blobs are mounted from another repository of the host where one is known to have them.

        Raises:
            ContentError: The content is not what the descriptor says; nothing is stored.
            MissingPartsError: The registry lacks what a document refers to, although some time has
                passed since; push that again.
            RegistryError: The registry refused or failed.
        """
        if is_document(descriptor.media_type):
            raw = b"".join([chunk async for chunk in check(content(), descriptor)])
            await self._push_document(descriptor, raw)
        else:
            await self._blobs.push(descriptor, partial(_checked, content, descriptor))

    async def _push_document(self, descriptor: Descriptor, raw: bytes) -> None:
        try:
            processed = await self._manifests.push(descriptor, raw)
        except MissingPartsError:
            # Whoever pushes the parts again must not be told that they are there.
            for child in parse_document(raw, descriptor.media_type).children:
                self._blobs.forget(child.digest)
                self._manifests.forget(child.digest)
            raise
        if not processed and b'"subject"' in raw:
            document = parse_document(raw, descriptor.media_type)
            await self._referrers.add(document)

    async def resolve(self, name: str) -> Descriptor:
        """Return what a tag or digest stands for; does not count against Docker Hub's pull limit.

        Raises:
            NameUnknownError: There is no such name.
            RegistryError: The registry refused or failed.
        """
        return await self._manifests.resolve(name)

    async def tag(self, descriptor: Descriptor, name: str) -> None:
        """Point a tag at a manifest or index that is already there, and make sure that it does.

        Raises:
            DeniedError: The tag is immutable, or the account may not do this.
            RegistryError: The registry refused or failed.
        """
        await self._tags.tag(descriptor, name)

    async def tag_all(self, descriptor: Descriptor, names: Sequence[str]) -> None:
        """Point several tags at a manifest or index, in one request where the registry can do that.

        Where it cannot, they move one after the other, in the order given.

        Raises:
            DeniedError: A tag is immutable, or the account may not do this.
            RegistryError: The registry refused or failed; some of the tags may have moved.
        """
        await self._tags.tag_all(descriptor, names)

    async def tags(self) -> tuple[str, ...]:
        """Return all tags in the registry's order; none for a repository that is not there.

        Raises:
            RegistryError: The registry refused or failed.
        """
        return await self._tags.all()

    async def delete(self, descriptor: Descriptor, *, along: Collection[str] = ()) -> None:
        """Remove a manifest or index by its digest, and with it all of its tags.

        Args:
            descriptor: What goes. What it refers to stays, and what refers to it, too.
            along: The tags that may go with it.

        Raises:
            DeniedError: It has other tags, too: nothing was removed. Or the account may not delete.
            RegistryError: The registry does not delete, or failed.
        """
        document = await read_document(self, descriptor)
        await self._tags.delete(descriptor.digest, along=along)
        await self._referrers.forget(document)

    async def drop(self, descriptor: Descriptor) -> None:
        """Remove a manifest or index with whatever tags it has: for callers who have read those.

        Idempotent. What refers to it stays; lists of referrers that bakex keeps forget it.

        Raises:
            DeniedError: The account may not delete.
            RegistryError: The registry does not delete, or failed.
        """
        document = await read_document(self, descriptor)
        await self._tags.drop(descriptor.digest)
        await self._referrers.forget(document)

    async def referrers(self, subject: Digest, artifact_type: str = "") -> tuple[Descriptor, ...]:
        """Return what refers to a manifest: signatures, SBOMs and other artifacts.

        Args:
            subject: The manifest or index.
            artifact_type: Only those of this type; empty for all.

        Raises:
            RegistryError: The registry refused or failed.
            ContentError: The list is malformed.
        """
        return await self._referrers.of(subject, artifact_type)

    async def untag(self, name: str) -> bool:
        """Remove a tag; its manifest and the manifest's other tags stay.

        Returns:
            Whether the tag is gone; many registries do not remove single tags.

        Raises:
            RegistryError: The registry failed.
        """
        return await self._tags.untag(name)

    async def check_push(self) -> None:
        """Make sure that the account may push here: open an upload, and give it up.

        Raises:
            UnauthorizedError: It wants credentials, or other ones.
            DeniedError: The account may not push here.
            RegistryError: The registry refused or failed.
        """
        await self._blobs.check_push()


def _checked(
    content: Callable[[], AsyncIterator[bytes]], descriptor: Descriptor
) -> AsyncGenerator[bytes, None]:
    return check(content(), descriptor)
