"""Whether two results are the same, but for when and under which number they were built.

BuildKit writes the time and a random number into every provenance, also when each step was cached,
so that no two indexes of attested images are the same. Here they are if their images are, and if
their attestations say the same.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from bakex.errors import ContentError
from bakex.model.manifest import ImageManifest
from bakex.oci.verified import read, read_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.interfaces import ContentReader
    from bakex.model.descriptor import Descriptor

_MAX_STATEMENT = 16 << 20
_PREDICATE = "in-toto.io/predicate-type"  # BuildKit's annotation on the layers of attestations
_BUILDKIT = "https://mobyproject.org/buildkit@v1#metadata"
# What says when and by which run something was made, by the path in the statement's predicate. The
# digests of steps are such things, because the number of a session is a part of what they are made
# of; the steps themselves count. A star stands for each element of a list.
# Sources: slsa.dev/provenance v0.2 and v1; SPDX 2.3, 6.5 and 6.9; buildkit solver/llbsolver/
# provenance (types, buildconfig.go).
_VOLATILE = (
    ("metadata", "buildInvocationID"),
    ("metadata", "buildStartedOn"),
    ("metadata", "buildFinishedOn"),
    ("runDetails", "metadata", "invocationId"),
    ("runDetails", "metadata", "invocationID"),
    ("runDetails", "metadata", "startedOn"),
    ("runDetails", "metadata", "finishedOn"),
    ("buildConfig", "digestMapping"),
    ("metadata", _BUILDKIT, "source", "infos", "*", "digestMapping"),
    ("buildDefinition", "internalParameters", "buildConfig", "digestMapping"),
    ("runDetails", "metadata", "buildkit_metadata", "source", "infos", "*", "digestMapping"),
    ("creationInfo", "created"),
    ("documentNamespace",),
)


async def say_the_same(
    one: tuple[ContentReader, Sequence[Descriptor]],
    other: tuple[ContentReader, Sequence[Descriptor]],
) -> bool:
    """Return whether attestations say the same about the same images, in the same order.

    Args:
        one: Entries of an index, and where their content is.
        other: The same of another index.

    Raises:
        ContentError: Something is missing or malformed.
        RegistryError: A registry refused or failed.
    """
    (there, first), (here, second) = one, other
    if len(first) != len(second):
        return False
    for entry, counterpart in zip(first, second, strict=True):
        if not await _says_same(there, entry, here, counterpart):
            return False
    return True


async def _says_same(
    there: ContentReader, one: Descriptor, here: ContentReader, other: Descriptor
) -> bool:
    if one == other:
        return True
    first, second = await read_document(there, one), await read_document(here, other)
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
        if await _statement(there, layer) != await _statement(here, counterpart):
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


def _drop(document: object, path: tuple[str, ...]) -> None:
    first, *others = path
    if first == "*":
        for element in cast("list[object]", document if isinstance(document, list) else []):
            _drop(element, tuple(others))
    elif isinstance(document, dict):
        fields = cast("dict[str, object]", document)
        if others:
            _drop(fields.get(first), tuple(others))
        else:
            fields.pop(first, None)
