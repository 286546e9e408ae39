"""What manifests, indexes and configs share: JSON objects whose raw bytes are the truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from bakex.errors import ContentError, MediaTypeError, SizeMismatchError
from bakex.model.media_types import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST

if TYPE_CHECKING:
    from collections.abc import Collection

# Go's encoding/json escapes these so that a document can stand in HTML and in JavaScript.
_GO_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+"


def load_object(raw: bytes, what: str, limit: int) -> Mapping[str, Any]:
    """Read a JSON object.

    Raises:
        SizeMismatchError: More than `limit` bytes.
        ContentError: Not a JSON object, or one that names a key twice.
    """
    if len(raw) > limit:
        raise SizeMismatchError(f"{what} has {len(raw)} bytes, more than the {limit} allowed")
    try:
        document: object = json.loads(raw, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ContentError(f"{what} is not valid JSON", detail=str(error)) from None
    if not isinstance(document, Mapping):
        raise ContentError(f"{what} is not a JSON object")
    return cast("Mapping[str, Any]", document)


def encode(document: Mapping[str, Any], *, compact: bool = False) -> bytes:
    """Return a JSON object as Go's encoder writes it, with two spaces of indentation or with none.

    Byte for byte what BuildKit and ``buildx imagetools create`` produce for the same document, so
    that the same index has the same digest whoever made it. Keys keep their order.
    """
    layout: dict[str, Any] = {"separators": (",", ":")} if compact else {"indent": 2}
    text = json.dumps(document, ensure_ascii=False, **layout)
    return text.translate(_GO_ESCAPES).encode()


def check_kind(
    fields: Mapping[str, Any], media_type: str, what: str, allowed: Collection[str]
) -> str:
    """Return the media type of a document, checked against its own field and its shape.

    Args:
        fields: The document.
        media_type: What its descriptor or the Content-Type header says; empty if neither does.
        what: How messages call the document.
        allowed: The kinds that the caller takes.

    Raises:
        MediaTypeError: The two disagree, the shape is another one, or the kind is not supported.
    """
    own = fields.get("mediaType")
    if own is not None and not isinstance(own, str):
        raise MediaTypeError(f"{what}: its mediaType is no string")
    if own and media_type and own != media_type:
        raise MediaTypeError(f"{what} was announced as {media_type} but calls itself {own}")
    found = own or media_type
    if found not in allowed:
        old = found.startswith(_SCHEMA1) or fields.get("schemaVersion") == 1
        raise MediaTypeError(
            f"{what} is of the unsupported type {found or 'unknown'}",
            hint="push the image again with a current tool" if old else "",
        )
    # A document that can be read both ways is how confusion attacks start (CVE-2021-41190).
    if "manifests" in fields and ("layers" in fields or "config" in fields):
        raise MediaTypeError(f"{what} is both an index and an image manifest")
    return found


def kind_of(fields: Mapping[str, Any], media_type: str = "") -> str:
    """Return the media type of a manifest or index: its own word, the given one, or its shape."""
    own = fields.get("mediaType")
    if isinstance(own, str) and own:
        return own
    if media_type:
        return media_type
    if "manifests" in fields:
        return OCI_INDEX
    return OCI_MANIFEST if "layers" in fields else ""


def is_docker(media_type: str) -> bool:
    """Return whether a document is of Docker's schema 2 and not of OCI's."""
    return media_type in {DOCKER_LIST, DOCKER_MANIFEST}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in names if names.count(key) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return found
