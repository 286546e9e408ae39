"""A store in memory, for tests and for documents on their way elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.errors import ContentNotFoundError
from bakex.model.digest import Digest
from bakex.oci.verified import check

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from bakex.model.descriptor import Descriptor

_CHUNK = 1 << 18


class MemoryStore:
    """Implements `bakex.interfaces.Store`; as strict as the others.

    Attributes:
        blobs: Content by digest.
        tags: Descriptors by name.
    """

    def __init__(self) -> None:
        self.blobs: dict[Digest, bytes] = {}
        self.tags: dict[str, Descriptor] = {}
        self._named: dict[Digest, Descriptor] = {}

    async def fetch(self, descriptor: Descriptor) -> AsyncGenerator[bytes, None]:
        """Yield the content.

        Raises:
            ContentNotFoundError: Not there.
        """
        data = self.blobs.get(descriptor.digest)
        if data is None:
            raise ContentNotFoundError(f"{descriptor.digest} is not in memory")
        for start in range(0, len(data), _CHUNK):
            yield data[start : start + _CHUNK]

    async def exists(self, descriptor: Descriptor) -> bool:
        """Return whether the content is there, with the right size."""
        data = self.blobs.get(descriptor.digest)
        return data is not None and len(data) == descriptor.size

    async def push(
        self, descriptor: Descriptor, content: Callable[[], AsyncIterator[bytes]]
    ) -> None:
        """Store content; a no-op if it is there.

        Raises:
            ContentError: The content is not what the descriptor says; nothing is stored.
        """
        if not await self.exists(descriptor):
            chunks = [chunk async for chunk in check(content(), descriptor)]
            self.blobs[descriptor.digest] = b"".join(chunks)
        self._named.setdefault(descriptor.digest, descriptor)

    async def resolve(self, name: str) -> Descriptor:
        """Return what a tag or digest stands for.

        Raises:
            ContentNotFoundError: There is no such name.
        """
        found = self.tags.get(name) or (
            self._named.get(Digest.parse(name)) if ":" in name else None
        )
        if found is None:
            raise ContentNotFoundError(f"nothing in memory is called {name!r}")
        return found

    async def tag(self, descriptor: Descriptor, name: str) -> None:
        """Point a tag at stored content.

        Raises:
            ContentNotFoundError: The content is not there.
        """
        if not await self.exists(descriptor):
            raise ContentNotFoundError(f"{descriptor.digest} is not in memory")
        self.tags[name] = descriptor
