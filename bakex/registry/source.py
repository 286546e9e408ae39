"""Reading a repository through its mirrors: the first that has it, and has it right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.errors import ContentError, DigestMismatchError, RegistryError, SizeMismatchError
from bakex.oci.verified import check, closing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from bakex.model.descriptor import Descriptor
    from bakex.registry.repository import Repository


class Source:
    """Implements `bakex.interfaces.ContentSource` over mirrors and the repository behind them."""

    def __init__(self, repositories: Sequence[Repository]) -> None:
        """Take the repositories in the order in which they are asked; at least one."""
        self._repositories = tuple(repositories)
        self._liars: set[Repository] = set()

    async def resolve(self, name: str) -> Descriptor:
        """Return what a tag or digest stands for.

        Raises:
            NameUnknownError: There is no such name.
            RegistryError: The repository itself refused or failed, and so did its mirrors.
        """
        *mirrors, own = self._repositories
        for mirror in mirrors:
            try:
                return await mirror.resolve(name)
            except (RegistryError, ContentError):
                continue
        return await own.resolve(name)

    async def exists(self, descriptor: Descriptor) -> bool:
        """Return whether the repository itself has something, with the right size.

        Raises:
            RegistryError: The registry refused or failed.
        """
        return await self._repositories[-1].exists(descriptor)

    async def fetch(self, descriptor: Descriptor) -> AsyncGenerator[bytes, None]:
        """Yield the content, verified.

        A mirror that breaks in the middle is followed by the next place, which goes on from there.
        One that gave something else is not asked again, but what was handed out of that cannot be
        taken back: the error says so, and another attempt will do.

        Raises:
            ContentNotFoundError: Not there.
            ContentError: It is something else.
            RegistryError: The repository itself refused or failed, and so did its mirrors.
        """
        *mirrors, own = self._repositories
        position = 0
        for repository in mirrors:
            if repository in self._liars:
                continue
            try:
                async with closing(_rest(repository, descriptor, position)) as chunks:
                    async for chunk in chunks:
                        position += len(chunk)
                        yield chunk
            except (DigestMismatchError, SizeMismatchError):
                self._liars.add(repository)
                if position:
                    raise
                continue
            except (RegistryError, ContentError):
                continue
            return
        async with closing(_rest(own, descriptor, position)) as chunks:
            async for chunk in chunks:
                yield chunk


async def _rest(
    repository: Repository, descriptor: Descriptor, position: int
) -> AsyncGenerator[bytes, None]:
    skip = position
    async with closing(check(repository.fetch(descriptor), descriptor)) as chunks:
        async for chunk in chunks:
            fresh, skip = chunk[skip:], max(0, skip - len(chunk))
            if fresh:
                yield fresh
