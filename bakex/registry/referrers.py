"""What refers to a manifest: signatures, SBOMs and other artifacts with a ``subject``.

Source: OCI distribution-spec v1.1, "Listing Referrers" and "Referrers Tag Schema". Registries
without the API get an index under a tag made of the subject's digest. Nothing protects that index
from two writers at a time, so it is read back, and written again where an entry was lost.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from bakex.errors import ContentError, MediaTypeError, NameUnknownError, RegistryError
from bakex.model.documents import encode
from bakex.model.index import Index
from bakex.model.media_types import MAX_MANIFEST_SIZE, OCI_INDEX
from bakex.oci.referrers import described
from bakex.oci.verified import parse_document, read_document
from bakex.registry.listing import pages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.manifest import ImageManifest
    from bakex.registry.manifests import Manifests
    from bakex.registry.site import Site
    from bakex.registry.tags import Tags
    from bakex.registry.transport import Transport

_ATTEMPTS = 5
_NO_API = frozenset({400, 404, 405, 501})


class Referrers:
    """The referrers of the manifests of one repository."""

    def __init__(
        self, transport: Transport, site: Site, path: str, manifests: Manifests, tags: Tags
    ) -> None:
        self._transport = transport
        self._site = site
        self._path = path
        self._place = f"{site.host}/{path}"
        self._manifests = manifests
        self._tags = tags
        self._locks: dict[Digest, asyncio.Lock] = {}

    async def of(self, subject: Digest, artifact_type: str = "") -> tuple[Descriptor, ...]:
        """Return what refers to a manifest. See `Repository.referrers`."""
        found = None
        if self._site.has_referrers is not False:
            found = await self._listed(subject)
            self._site.has_referrers = found is not None
        if found is None:
            index = await self._fallback(subject)
            found = () if index is None else index.manifests
        unique = {entry.digest: entry for entry in found}
        return tuple(
            entry for entry in unique.values() if artifact_type in {"", entry.artifact_type}
        )

    async def add(self, document: ImageManifest | Index) -> None:
        """List a document under its subject, unless the registry keeps such lists itself.

        Raises:
            RegistryError: The registry refused or failed.
            MediaTypeError: The tag for it holds something else than an index.
        """
        subject = document.subject
        if subject is None or self._site.has_referrers:
            return
        await self._change(subject.digest, described(document), wanted=True)

    async def forget(self, document: ImageManifest | Index) -> None:
        """Take a removed document off the list under its subject, where bakex keeps that list.

        Raises:
            RegistryError: The registry refused or failed.
        """
        subject = document.subject
        if subject is not None and not self._site.has_referrers:
            await self._change(subject.digest, document.descriptor, wanted=False)

    async def _change(self, subject: Digest, entry: Descriptor, *, wanted: bool) -> None:
        tag = fallback_tag(subject)
        async with self._locks.setdefault(subject, asyncio.Lock()):
            for wait_s in (*self._transport.policy.settle_s[:_ATTEMPTS], None):
                index = await self._fallback(subject)
                listed = () if index is None else index.manifests
                if any(other.digest == entry.digest for other in listed) is wanted:
                    return
                if index is None and not wanted:
                    return
                kept = [other for other in listed if other.digest != entry.digest]
                raw = _encoded(index, [*kept, entry] if wanted else kept)
                if len(raw) > MAX_MANIFEST_SIZE:
                    raise ContentError(f"too much refers to {subject} in {self._place}")
                document = parse_document(raw, OCI_INDEX)
                await self._manifests.push(document.descriptor, raw)
                await self._tags.put(document.descriptor, tag)
                if wait_s is not None:
                    await self._transport.clock.sleep(self._transport.policy.jitter(wait_s))
        raise RegistryError(
            f"cannot list {entry.digest} as a referrer in {self._place}",
            detail=f"Others change the tag {tag} at the same time.",
        )

    async def _listed(self, subject: Digest) -> tuple[Descriptor, ...] | None:
        """Return what the registry's own list has; None if it keeps none."""
        found: list[Descriptor] = []
        try:
            async for answer, _ in pages(
                self._transport, self._site, self._path, f"referrers/{subject}", accept=OCI_INDEX
            ):
                kind = answer.headers.get("content-type", "").partition(";")[0].strip()
                if kind != OCI_INDEX:
                    return None
                found.extend(Index.parse(answer.body, OCI_INDEX).manifests)
        except RegistryError as error:
            if error.status in _NO_API and not found:
                return None
            raise
        return tuple(found)

    async def _fallback(self, subject: Digest) -> Index | None:
        tag = fallback_tag(subject)
        try:
            root = await self._manifests.resolve(tag)
        except NameUnknownError:
            return None
        document = await read_document(self._manifests, root)
        if not isinstance(document, Index):
            raise MediaTypeError(f"{self._place}:{tag} is no list of referrers")
        return document


def fallback_tag(subject: Digest) -> str:
    """Return the tag under which the referrers of a manifest are listed, where there is no API."""
    clean = [re.sub(r"[^A-Za-z0-9._-]", "-", part) for part in (subject.algorithm, subject.hex)]
    return f"{clean[0][:32]}-{clean[1][:64]}"


def _encoded(index: Index | None, entries: Sequence[Descriptor]) -> bytes:
    fields: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX}
    if index is not None:
        fields.update(index.fields)
    fields["manifests"] = [entry.to_json() for entry in entries]
    return encode(fields)
