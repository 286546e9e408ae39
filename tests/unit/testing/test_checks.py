"""The checks find what is wrong with a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.oci.memory import MemoryStore
from bakex.testing.checks import check_store

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from bakex.model.descriptor import Descriptor


class Believing(MemoryStore):
    """Stores whatever comes."""

    async def push(
        self, descriptor: Descriptor, content: Callable[[], AsyncIterator[bytes]]
    ) -> None:
        self.blobs[descriptor.digest] = b"".join([chunk async for chunk in content()])


class Inventing(MemoryStore):
    """Has something for every descriptor."""

    async def fetch(self, descriptor: Descriptor) -> AsyncGenerator[bytes, None]:
        yield self.blobs.get(descriptor.digest, b"wanted")


class Boasting(MemoryStore):
    """Says that it has everything."""

    async def exists(self, descriptor: Descriptor) -> bool:
        return True


class Careless(MemoryStore):
    """Looks at no sizes."""

    async def exists(self, descriptor: Descriptor) -> bool:
        return descriptor.digest in self.blobs


class Sticky(MemoryStore):
    """Never moves a tag."""

    async def tag(self, descriptor: Descriptor, name: str) -> None:
        if name not in self.tags:
            await super().tag(descriptor, name)


class Partial(MemoryStore):
    """Keeps what came before the source broke, and does not say that it broke."""

    async def push(
        self, descriptor: Descriptor, content: Callable[[], AsyncIterator[bytes]]
    ) -> None:
        try:
            await super().push(descriptor, content)
        except LookupError:
            pass
        except Exception as error:
            if "broke" not in str(error):
                raise


class Guessing(MemoryStore):
    """Resolves every name."""

    async def resolve(self, name: str) -> Descriptor:
        return next(iter(self._named.values()))


@pytest.mark.parametrize(
    "store", [Believing, Inventing, Boasting, Careless, Sticky, Partial, Guessing]
)
async def test_bad_stores_are_found(store: type[MemoryStore]) -> None:
    with pytest.raises(AssertionError):
        await check_store(store())
