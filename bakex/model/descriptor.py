"""Descriptors: what some content is (OCI image-spec v1.1, descriptor.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, cast

from bakex.errors import ContentError
from bakex.model.digest import Digest
from bakex.model.media_types import ATTESTATION, REFERENCE_DIGEST, REFERENCE_TYPE
from bakex.model.platform import Platform

# The order in which Go's image-spec v1.1 writes the fields of a platform.
_PLATFORM_FIELDS = ("architecture", "os", "os.version", "os.features", "variant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """A media type, a digest and a size in bytes, with what is said about the content.

    Attributes:
        platform: The normalised platform, if any; for comparison.
        raw_platform: The platform object as it was written (``os.version`` and unknown
            fields included); what is written out again.
        urls: Where else the content can be had; foreign layers have them.
        data: The content itself in base64, if it was embedded.
    """

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    raw_platform: Mapping[str, Any] = field(default_factory=dict[str, Any])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    artifact_type: str = ""
    urls: tuple[str, ...] = ()
    data: str = ""

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
        platform = fields.get("platform")
        return cls(
            media_type=media_type,
            digest=Digest.parse(digest),
            size=size,
            platform=_platform(platform),
            raw_platform=dict(platform) if platform else {},
            annotations=string_map(fields.get("annotations"), f"annotations of {digest}"),
            artifact_type=str(fields.get("artifactType") or ""),
            urls=_urls(fields.get("urls")),
            data=str(fields.get("data") or ""),
        )

    @property
    def is_attestation(self) -> bool:
        """Whether it is an entry of an index that describes another entry (BuildKit's form)."""
        return self.annotations.get(REFERENCE_TYPE) == ATTESTATION

    @property
    def subject(self) -> Digest | None:
        """The image that an attestation is about.

        Raises:
            ContentError: It names something that is no digest.
        """
        text = self.annotations.get(REFERENCE_DIGEST, "")
        return Digest.parse(text) if text else None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object, keys in the order that Go's encoder writes."""
        document: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
        }
        if self.urls:
            document["urls"] = list(self.urls)
        if self.annotations:
            document["annotations"] = dict(sorted(self.annotations.items()))
        if self.data:
            document["data"] = self.data
        if self.raw_platform or self.platform:
            document["platform"] = _ordered(self.raw_platform) or _written(self.platform)
        if self.artifact_type:
            document["artifactType"] = self.artifact_type
        return document


def string_map(document: object, what: str) -> dict[str, str]:
    """Return a JSON object whose values are strings; nothing counts as empty.

    Raises:
        ContentError: It is something else.
    """
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        raise ContentError(f"{what}: expected an object")
    found = cast("Mapping[str, object]", document)
    for key, value in found.items():
        if not isinstance(value, str):
            raise ContentError(f"{what}: the value of {key!r} is no string")
    return cast("dict[str, str]", dict(found))


def _urls(document: object) -> tuple[str, ...]:
    if document is None:
        return ()
    if not isinstance(document, list):
        raise ContentError("the urls of a descriptor must be a list")
    return tuple(str(url) for url in cast("list[object]", document))


def _platform(document: object) -> Platform | None:
    if document is None:
        return None
    if not isinstance(document, Mapping):
        raise ContentError("the platform of a descriptor must be an object")
    fields = cast("Mapping[str, Any]", document)
    os, architecture = fields.get("os"), fields.get("architecture")
    if not (isinstance(os, str) and isinstance(architecture, str)):
        raise ContentError("a platform needs the strings os and architecture")
    return Platform.of(os, architecture, str(fields.get("variant") or ""))


def _ordered(raw: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: raw[key] for key in _PLATFORM_FIELDS if raw.get(key)}
    return known | {key: value for key, value in sorted(raw.items()) if key not in _PLATFORM_FIELDS}


def _written(platform: Platform | None) -> dict[str, str]:
    if platform is None:
        return {}
    document = {"architecture": platform.architecture, "os": platform.os}
    return document | ({"variant": platform.variant} if platform.variant else {})
