"""Descriptors: what some content is (OCI image-spec v1.1, descriptor.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, cast

from bakex.errors import ContentError
from bakex.model.digest import Digest
from bakex.model.platform import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """A media type, a digest and a size in bytes, with what is said about the content.

    Attributes:
        platform: The normalised platform, if any; for comparison.
        raw_platform: The platform object as it was written (``os.version`` and unknown
            fields included); what is written out again.
    """

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    raw_platform: Mapping[str, Any] = field(default_factory=dict[str, Any])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    artifact_type: str = ""

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Read the JSON object of a descriptor.

        Raises:
            ContentError: A required field is missing or of the wrong type.
        """
        if not isinstance(document, Mapping):
            raise ContentError("a descriptor must be an object")
        fields = cast("Mapping[str, Any]", document)
        media_type, digest, size = (fields.get(key) for key in ("mediaType", "digest", "size"))
        if not (isinstance(media_type, str) and isinstance(digest, str)):
            raise ContentError("a descriptor needs the strings mediaType and digest")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ContentError(f"the descriptor of {digest} has the size {size!r}")
        annotations = cast("Mapping[str, Any]", fields.get("annotations") or {})
        return cls(
            media_type=media_type,
            digest=Digest.parse(digest),
            size=size,
            platform=_platform(fields.get("platform")),
            raw_platform=fields.get("platform") or {},
            annotations={str(k): str(v) for k, v in annotations.items()},
            artifact_type=str(fields.get("artifactType") or ""),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object, keys in the order that Go's encoder writes."""
        document: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
        }
        if self.annotations:
            document["annotations"] = dict(sorted(self.annotations.items()))
        if self.raw_platform or self.platform:
            document["platform"] = dict(self.raw_platform) or _written(self.platform)
        if self.artifact_type:
            document["artifactType"] = self.artifact_type
        return document


def _platform(document: object) -> Platform | None:
    if not isinstance(document, Mapping):
        return None
    fields = cast("Mapping[str, Any]", document)
    os, architecture = fields.get("os"), fields.get("architecture")
    if not (isinstance(os, str) and isinstance(architecture, str)):
        raise ContentError("a platform needs the strings os and architecture")
    return Platform.of(os, architecture, str(fields.get("variant") or ""))


def _written(platform: Platform | None) -> dict[str, str]:
    if platform is None:
        return {}
    document = {"architecture": platform.architecture, "os": platform.os}
    return document | ({"variant": platform.variant} if platform.variant else {})
