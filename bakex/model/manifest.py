"""Image manifests and configs: typed views of documents whose raw bytes are kept.

The digest is always that of the bytes as they came; nothing is encoded again. Sources: OCI
image-spec v1.1, manifest.md and config.md; distribution's manifest-v2-2.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, cast

from bakex.errors import ContentError
from bakex.model.descriptor import Descriptor, string_map
from bakex.model.digest import Digest
from bakex.model.documents import check_kind, load_object
from bakex.model.media_types import (
    CONFIGS,
    MANIFESTS,
    MAX_CONFIG_SIZE,
    MAX_MANIFEST_SIZE,
)
from bakex.model.platform import Platform

_MAX_LAYERS = 1000  # far above overlayfs and every builder; bounds what is done for one manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageManifest:
    """A manifest: one image for one platform, or an artifact such as an attestation.

    Attributes:
        raw: The document's bytes; its digest is the digest of these.
        media_type: OCI's or Docker's; never empty.
        fields: The document, fields unknown to bakex included.
    """

    raw: bytes = field(repr=False)
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: Descriptor | None = None
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    fields: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, raw: bytes, media_type: str = "") -> Self:
        """Read a manifest.

        Args:
            raw: The bytes; at most 4 MiB.
            media_type: What its descriptor or the server says it is; empty if unknown.

        Raises:
            ContentError: Malformed, too large, or not a manifest.
        """
        fields = load_object(raw, "the image manifest", MAX_MANIFEST_SIZE)
        kind = check_kind(fields, media_type, "the image manifest", MANIFESTS)
        layers = fields.get("layers")
        if fields.get("schemaVersion") != 2 or not isinstance(layers, list):
            raise ContentError("the image manifest has no list of layers, or another schemaVersion")
        found = tuple(Descriptor.from_json(layer) for layer in cast("list[object]", layers))
        if len(found) > _MAX_LAYERS:
            raise ContentError(f"the image manifest has {len(found)} layers")
        subject = fields.get("subject")
        return cls(
            raw=raw,
            media_type=kind,
            config=Descriptor.from_json(fields.get("config")),
            layers=found,
            subject=None if subject is None else Descriptor.from_json(subject),
            artifact_type=str(fields.get("artifactType") or ""),
            annotations=string_map(fields.get("annotations"), "annotations of the manifest"),
            fields=fields,
        )

    @property
    def is_image(self) -> bool:
        """Whether its config is an image config; otherwise it is an artifact."""
        return self.config.media_type in CONFIGS

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor of the bytes, without a platform."""
        return Descriptor(
            media_type=self.media_type, digest=Digest.of(self.raw), size=len(self.raw)
        )

    @property
    def children(self) -> tuple[Descriptor, ...]:
        """What it consists of: the config, then the layers from the lowest up."""
        return (self.config, *self.layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """The config of an image: what it runs, on which platform, and the layers' contents.

    Attributes:
        platform: Normalised.
        raw_platform: The platform fields as written, in Go's order, ready for a descriptor.
        diff_ids: Digests of the uncompressed layers, from the lowest up.
        filled: How many entries of the history made a layer; None without a history.
    """

    raw: bytes = field(repr=False)
    platform: Platform
    raw_platform: Mapping[str, Any]
    diff_ids: tuple[Digest, ...]
    filled: int | None = None
    fields: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read an image config of at most 8 MiB.

        Raises:
            ContentError: Malformed, too large, or without a platform or layers.
        """
        fields = load_object(raw, "the image config", MAX_CONFIG_SIZE)
        os, architecture = fields.get("os"), fields.get("architecture")
        if not (isinstance(os, str) and os and isinstance(architecture, str) and architecture):
            raise ContentError("the image config names no os and architecture")
        keys = ("architecture", "os", "os.version", "os.features", "variant")
        return cls(
            raw=raw,
            platform=Platform.of(os, architecture, str(fields.get("variant") or "")),
            raw_platform={key: fields[key] for key in keys if fields.get(key)},
            diff_ids=_diff_ids(fields.get("rootfs")),
            filled=_filled(fields.get("history")),
            fields=fields,
        )

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels; what is not text is left out."""
        config = self.fields.get("config")
        if not isinstance(config, Mapping):
            return {}
        labels = cast("Mapping[str, object]", config).get("Labels")
        if not isinstance(labels, Mapping):
            return {}
        found = cast("Mapping[str, object]", labels)
        return {key: value for key, value in found.items() if isinstance(value, str)}


def _diff_ids(rootfs: object) -> tuple[Digest, ...]:
    found: Mapping[str, object] = {}
    if isinstance(rootfs, Mapping):
        found = cast("Mapping[str, object]", rootfs)
    diff_ids = found.get("diff_ids")
    # An image without layers is legal, and Go writes its empty list as null.
    listed: object = [] if diff_ids is None else diff_ids
    if found.get("type") != "layers" or not isinstance(listed, list):
        raise ContentError("the image config has no rootfs of type layers")
    return tuple(Digest.parse(str(entry)) for entry in cast("list[object]", listed))


def _filled(history: object) -> int | None:
    if not isinstance(history, list) or not history:
        return None
    entries = cast("list[object]", history)
    return sum(
        not (isinstance(entry, Mapping) and cast("Mapping[str, object]", entry).get("empty_layer"))
        for entry in entries
    )
