"""Indexes (manifest lists): a typed view that keeps the raw bytes.

Sources: OCI image-spec v1.1, image-index.md; distribution's manifest-v2-2.md, "Manifest List".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, cast

from bakex.errors import ContentError
from bakex.model.descriptor import Descriptor, string_map
from bakex.model.digest import Digest
from bakex.model.documents import check_kind, load_object
from bakex.model.media_types import INDEXES, MAX_MANIFEST_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ENTRIES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A list of manifests, by platform.

    Attributes:
        raw: The document's bytes; its digest is the digest of these.
        media_type: OCI's or Docker's; never empty.
        manifests: The entries in their order: pullers take the first that fits.
        fields: The document, fields unknown to bakex included.
    """

    raw: bytes = field(repr=False)
    media_type: str
    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    subject: Descriptor | None = None
    fields: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, raw: bytes, media_type: str = "") -> Self:
        """Read an index.

        Args:
            raw: The bytes; at most 4 MiB.
            media_type: What its descriptor or the server says it is; empty if unknown.

        Raises:
            ContentError: Malformed, too large, or not an index.
        """
        fields = load_object(raw, "the index", MAX_MANIFEST_SIZE)
        kind = check_kind(fields, media_type, "the index", INDEXES)
        entries = fields.get("manifests")
        if fields.get("schemaVersion") != 2 or not isinstance(entries, list):
            raise ContentError("the index has no list of manifests, or another schemaVersion")
        listed = cast("list[object]", entries)
        if len(listed) > MAX_ENTRIES:
            raise ContentError(f"the index has {len(listed)} entries, more than {MAX_ENTRIES}")
        subject = fields.get("subject")
        return cls(
            raw=raw,
            media_type=kind,
            subject=None if subject is None else Descriptor.from_json(subject),
            manifests=tuple(Descriptor.from_json(entry) for entry in listed),
            annotations=string_map(fields.get("annotations"), "annotations of the index"),
            fields=fields,
        )

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor of the bytes."""
        return Descriptor(
            media_type=self.media_type, digest=Digest.of(self.raw), size=len(self.raw)
        )

    @property
    def images(self) -> tuple[Descriptor, ...]:
        """The entries that are not attestations."""
        return tuple(entry for entry in self.manifests if not entry.is_attestation)

    @property
    def attestations(self) -> tuple[Descriptor, ...]:
        """The entries that describe other entries."""
        return tuple(entry for entry in self.manifests if entry.is_attestation)

    @property
    def children(self) -> tuple[Descriptor, ...]:
        """What it consists of, in order."""
        return self.manifests
