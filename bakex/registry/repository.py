"""One repository as a store: blobs and manifests behind the five verbs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bakex.model.media_types import is_document
from bakex.oci.verified import check
from bakex.registry.blobs import Blobs
from bakex.registry.manifests import Manifests

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from bakex.model.descriptor import Descriptor
    from bakex.registry.site import Site
    from bakex.registry.transport import Transport


class Repository:
    """Implements `bakex.interfaces.Store`. Safe for concurrent use.

    Manifests and indexes go by their media type to ``/manifests/``, everything else to ``/blobs/``.
    """

    def __init__(self, transport: Transport, site: Site, path: str) -> None:
        self._blobs = Blobs(transport, site, path)
        self._manifests = Manifests(transport, site, path)

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
            RegistryError: The registry refused or failed.
        """
        if is_document(descriptor.media_type):
            chunks = [chunk async for chunk in check(content(), descriptor)]
            await self._manifests.push(descriptor, b"".join(chunks))
        else:
            await self._blobs.push(descriptor, partial(_checked, content, descriptor))

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
        await self._manifests.tag(descriptor, name)


def _checked(
    content: Callable[[], AsyncIterator[bytes]], descriptor: Descriptor
) -> AsyncGenerator[bytes, None]:
    return check(content(), descriptor)
