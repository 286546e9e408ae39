"""A result that is published already, but for when and under which number it was built.

BuildKit writes the time and a random number into every provenance, also when each step was cached,
so that no two indexes of attested images are the same. A tag that stands for the same images, with
attestations that say the same, is right as it is: the index that is there is taken for the result.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from bakex.errors import ContentError
from bakex.model.index import Index
from bakex.model.manifest import ImageManifest
from bakex.oci.verified import read, read_document
from bakex.outputs.tagging import present

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.interfaces import ContentReader, RemoteRepository
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.reference import Reference

_MAX_STATEMENT = 16 << 20
_PREDICATE = "in-toto.io/predicate-type"  # BuildKit's annotation on the layers of attestations
# What says when and by which run something was made, by the path in the statement's predicate.
# Sources: slsa.dev/provenance v0.2 and v1; SPDX 2.3, 6.5 and 6.9.
_VOLATILE = (
    ("metadata", "buildInvocationID"),
    ("metadata", "buildStartedOn"),
    ("metadata", "buildFinishedOn"),
    ("runDetails", "metadata", "invocationId"),
    ("runDetails", "metadata", "invocationID"),
    ("runDetails", "metadata", "startedOn"),
    ("runDetails", "metadata", "finishedOn"),
    ("creationInfo", "created"),
    ("documentNamespace",),
)


async def published_before(
    store: RemoteRepository, references: Sequence[Reference], root: Index
) -> Descriptor | None:
    """Return an index that a tag stands for and that is the same as a new one in all that counts.

    Args:
        store: The repository; it has everything that the new index lists.
        references: The tags that the new index is to get.
        root: The new index; it need not be in the repository.

    Raises:
        RegistryError: The registry refused or failed.
    """
    seen: set[Digest] = set()
    for reference in references:
        found = await present(store, reference)
        if found is None or found.digest in seen:
            continue
        seen.add(found.digest)
        try:
            there = await read_document(store, found)
            if isinstance(there, Index) and await _is_same(store, there, root):
                return found
        except ContentError:  # what is there is damaged: the new index will replace it
            continue
    return None


async def _is_same(reader: ContentReader, there: Index, new: Index) -> bool:
    if (there.media_type, there.annotations) != (new.media_type, new.annotations):
        return False
    if there.images != new.images or len(there.attestations) != len(new.attestations):
        return False
    pairs = zip(there.attestations, new.attestations, strict=True)
    return all([await _says_same(reader, one, other) for one, other in pairs])


async def _says_same(reader: ContentReader, one: Descriptor, other: Descriptor) -> bool:
    if one == other:
        return True
    documents = await read_document(reader, one), await read_document(reader, other)
    first, second = documents
    if not (isinstance(first, ImageManifest) and isinstance(second, ImageManifest)):
        return False
    if one.subject != other.subject or len(first.layers) != len(second.layers):
        return False
    for layer, counterpart in zip(first.layers, second.layers, strict=True):
        if layer.digest == counterpart.digest:
            continue
        kinds = {item.annotations.get(_PREDICATE, "") for item in (layer, counterpart)}
        if len(kinds) > 1 or "" in kinds:
            return False
        if await _statement(reader, layer) != await _statement(reader, counterpart):
            return False
    return True


async def _statement(reader: ContentReader, layer: Descriptor) -> dict[str, Any]:
    """Return an in-toto statement without what differs from run to run.

    Raises:
        ContentError: It is not there, too large, or no statement.
    """
    raw = await read(reader, layer, limit=_MAX_STATEMENT)
    try:
        document: object = json.loads(raw)
    except (ValueError, RecursionError):
        raise ContentError(f"{layer.digest} is no in-toto statement") from None
    if not isinstance(document, dict):
        raise ContentError(f"{layer.digest} is no in-toto statement")
    statement = cast("dict[str, Any]", document)
    for path in _VOLATILE:
        _drop(statement, ("predicate", *path))
    return statement


def _drop(document: dict[str, Any], path: tuple[str, ...]) -> None:
    *parents, last = path
    for name in parents:
        child = document.get(name)
        if not isinstance(child, dict):
            return
        document = cast("dict[str, Any]", child)
    document.pop(last, None)
