"""A repository's manifests as far as something leads to them, read over the network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.errors import ContentError, ContentNotFoundError, NameUnknownError
from bakex.model.index import Index
from bakex.model.media_types import is_document
from bakex.oci.reach import Links, listed_subject
from bakex.oci.verified import read_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.manifest import ImageManifest
    from bakex.registry.repository import Repository

_AT_ONCE = 16
_MOST = 100_000  # manifests; a registry that never stops naming more is not followed forever


class Survey:
    """Reads manifests, what they consist of, and what refers to them; each once.

    Attributes:
        links: What leads to what.
        documents: What was read.
        attestations: Manifests that an index lists as attestations.
        missing: Digests that something names, and that are not there.
    """

    def __init__(self, store: Repository) -> None:
        self._store = store
        self._seen: set[Digest] = set()
        self._lists: dict[Digest, list[Digest]] = {}
        self.links = Links()
        self.documents: dict[Digest, tuple[Descriptor, ImageManifest | Index]] = {}
        self.attestations: set[Digest] = set()
        self.missing: set[Digest] = set()

    async def tags(self) -> dict[str, Descriptor]:
        """Read what every tag stands for; those that stand for nothing are left out.

        Raises:
            ContentError: One stands for something that bakex does not know.
            RegistryError: The registry refused or failed.
        """
        names = await self._store.tags()
        found = await concurrently([partial(self._tag, name) for name in names], limit=_AT_ONCE)
        tags = {name: root for name, root in zip(names, found, strict=True) if root is not None}
        for name, root in tags.items():
            about = listed_subject(name)
            if about is not None and root.digest not in self._lists.setdefault(about, []):
                self._lists[about].append(root.digest)
                self.links.belongs(root.digest, about)
        return tags

    async def explore(self, digests: Iterable[Digest]) -> None:
        """Read manifests and everything that they lead to or that refers to them.

        Raises:
            ContentError: Something is damaged, or of a kind that bakex does not know.
            RegistryError: The registry refused or failed.
        """
        waiting = list(self._new(digests))
        while waiting:
            jobs = [partial(self._visit, digest) for digest in waiting]
            found = await concurrently(jobs, limit=_AT_ONCE)
            waiting = list(self._new(digest for group in found for digest in group))

    def blobs(self, digests: Iterable[Digest]) -> dict[Digest, Descriptor]:
        """Return the configs and layers of those digests that are documents."""
        found: dict[Digest, Descriptor] = {}
        for digest in digests:
            if digest in self.documents:
                children = self.documents[digest][1].children
                found.update((c.digest, c) for c in children if not is_document(c.media_type))
        return found

    def kind(self, digest: Digest) -> str:
        """Return what a document is, in a word."""
        document = self.documents[digest][1]
        if isinstance(document, Index):
            return "index"
        if digest in self.attestations:
            return "attestation"
        return "image" if document.is_image else "artifact"

    def _new(self, digests: Iterable[Digest]) -> Iterator[Digest]:
        for digest in digests:
            if digest not in self._seen:
                self._seen.add(digest)
                if len(self._seen) > _MOST:
                    raise ContentError(f"there are more than {_MOST} manifests")
                yield digest

    async def _tag(self, name: str) -> Descriptor | None:
        try:
            return await self._store.resolve(name)
        except NameUnknownError:
            return None
        except ContentError as error:
            raise ContentError(
                f"cannot tell what the tag {name} leads to: {error.summary}"
            ) from None

    async def _visit(self, digest: Digest) -> list[Digest]:
        try:
            root = await self._store.resolve(str(digest))
            document = await read_document(self._store, root)
        except (NameUnknownError, ContentNotFoundError):
            self.missing.add(digest)
            return []
        except ContentError as error:
            raise ContentError(f"cannot tell what {digest} leads to: {error.summary}") from None
        self.documents[digest] = root, document
        self.links.add_document(digest, document)
        if isinstance(document, Index):
            self.attestations.update(entry.digest for entry in document.attestations)
        found = [child.digest for child in document.children if is_document(child.media_type)]
        if document.subject is not None:
            found.append(document.subject.digest)
        for entry in await self._store.referrers(digest):
            self.links.belongs(entry.digest, digest)
            found.append(entry.digest)
        return [*found, *self._lists.get(digest, ())]
