"""Referrers: artifacts with a ``subject``, as registries list them and as layouts hold them.

A layout has no list of its own. As in oras, a referrer is an entry of ``index.json``, by its digest
alone or with a name; what an entry that is an index lists counts, too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bakex.errors import ContentNotFoundError
from bakex.model.index import Index
from bakex.model.manifest import ImageManifest
from bakex.model.media_types import is_document
from bakex.oci.verified import read_document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.oci.layout import OciLayout


class LayoutReferrers:
    """Implements `bakex.interfaces.Referring` for a layout."""

    def __init__(self, layout: OciLayout) -> None:
        self._layout = layout

    async def referrers(self, subject: Digest, artifact_type: str = "") -> tuple[Descriptor, ...]:
        """Return what refers to a manifest, in the order of ``index.json``.

        Documents that are listed but not there are passed over, as image-layout.md allows that.

        Raises:
            ContentError: A document is malformed.
        """
        found: dict[Digest, Descriptor] = {}
        async for document in self._documents():
            if document.subject is not None and document.subject.digest == subject:
                entry = described(document)
                if artifact_type in {"", entry.artifact_type}:
                    found[entry.digest] = entry
        return tuple(found.values())

    async def _documents(self) -> AsyncIterator[ImageManifest | Index]:
        waiting = [*self._layout.index().entries]
        seen: set[Digest] = set()
        while waiting:
            entry = waiting.pop(0)
            if entry.digest in seen or not is_document(entry.media_type):
                continue
            seen.add(entry.digest)
            try:
                document = await read_document(self._layout, entry)
            except ContentNotFoundError:
                continue
            yield document
            if isinstance(document, Index):
                waiting.extend(document.manifests)


def described(document: ImageManifest | Index) -> Descriptor:
    """Return the entry for a document in a list of referrers."""
    kind = document.fields.get("artifactType")
    if not kind and isinstance(document, ImageManifest):
        kind = document.config.media_type
    return replace(
        document.descriptor,
        artifact_type=str(kind or ""),
        annotations=dict(document.annotations),
    )
