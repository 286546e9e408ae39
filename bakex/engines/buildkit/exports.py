"""Export requests as BuildKit's exporters, and what the daemon says about the results.

Each image that is asked for gets a solve of its own, because the daemon returns one merged map for
all exporters of a solve and later ones overwrite earlier ones. The second solve is cached.
Source: buildkit exporter/{containerimage,oci,local,tar}, exporter/containerimage/annotations.go.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from bakex.errors import CapabilityError, ContentError
from bakex.model.annotations import MANIFEST, Annotation
from bakex.model.descriptor import Descriptor
from bakex.model.node import Feature, Wire
from bakex.model.result import PushImage, SaveImage, SaveTar, SaveTree, StoreImage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bakex.model.node import NodeInfo
    from bakex.model.plan import Cell
    from bakex.model.result import ExportRequest

_DESCRIPTOR = "containerimage.descriptor"
# What other parts of bakex and of buildx read; image exporters would turn them into metadata.
_CLIENT_ONLY = frozenset({"dest", "context", "load", "mode", "tar", "type", "prefer-image-digest"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One solve: its exporters, and where the session puts what they send.

    Attributes:
        exporters: Type and attributes; the index is the id under which files are sent.
        trees: Directories by exporter index.
        tars: Files by exporter index.
        layout: OCI layout that takes the image's blobs.
        archive: Index of an exporter whose tar holds an image for `layout`; -1 for none.
        image: Position, in the requests, of the image that this solve makes; -1 for none.
        passing: Name in the daemon's image store under which the image waits to be taken out; empty
            for daemons that hand images over themselves.
    """

    exporters: tuple[tuple[str, Mapping[str, str]], ...] = ()
    trees: Mapping[int, Path] = field(default_factory=dict[int, "Path"])
    tars: Mapping[int, Path] = field(default_factory=dict[int, "Path"])
    layout: Path | None = None
    archive: int = -1
    image: int = -1
    passing: str = ""


def is_classic(info: NodeInfo) -> bool:
    """Return whether images only come out of the node through docker's own API."""
    return Feature.OCI_EXPORT not in info.features and Feature.IMAGE_LOAD in info.features


def rounds(cell: Cell, requests: Sequence[ExportRequest], info: NodeInfo) -> tuple[Round, ...]:
    """Return the solves that fulfil the requests, at least one.

    Raises:
        CapabilityError: The node lacks an exporter.
    """
    images = [
        i for i, request in enumerate(requests) if not isinstance(request, SaveTree | SaveTar)
    ]
    files = [i for i, request in enumerate(requests) if isinstance(request, SaveTree | SaveTar)]
    if Feature.MULTIPLE_EXPORTS in info.features:
        # The image comes last, so that what is said about it is not overwritten.
        groups = [[*files, *images[:1]], *([i] for i in images[1:])]
    else:
        groups = [[i] for i in (*images, *files)]
    return tuple(_round(cell, requests, group, info) for group in groups or [[]])


def _round(
    cell: Cell, requests: Sequence[ExportRequest], group: Sequence[int], info: NodeInfo
) -> Round:
    exporters: list[tuple[str, Mapping[str, str]]] = []
    trees: dict[int, Path] = {}
    tars: dict[int, Path] = {}
    layout: Path | None = None
    archive = image = -1
    passing = ""
    for position in group:
        request, index = requests[position], len(exporters)
        _require(request, info)
        exporters.append(_exporter(cell, request, info))
        match request:
            case SaveTree():
                trees[index] = request.directory
            case SaveTar():
                tars[index] = request.file
            case SaveImage() | PushImage() if is_classic(info):
                image, passing = position, exporters[-1][1]["name"]
            case SaveImage():
                image, layout = position, request.layout
                archive = index if exporters[-1][1]["tar"] == "true" else -1
            case PushImage() | StoreImage():
                image = position
    return Round(
        exporters=tuple(exporters),
        trees=trees,
        tars=tars,
        layout=layout,
        archive=archive,
        image=image,
        passing=passing,
    )


def withheld(round_: Round) -> Round:
    """Return a round that makes the same image, but does not push it."""
    kind, attrs = round_.exporters[-1]
    exporters = (*round_.exporters[:-1], (kind, {**attrs, "push": "false"}))
    return replace(round_, exporters=exporters)


def only_image(round_: Round) -> Round:
    """Return a round that makes the image of another one, and none of its files."""
    return Round(exporters=round_.exporters[-1:], image=round_.image)


def _require(request: ExportRequest, info: NodeInfo) -> None:
    if is_classic(info):
        return
    lacks = (isinstance(request, PushImage) and Feature.IMAGE_PUSH not in info.features) or (
        isinstance(request, SaveImage) and Feature.OCI_EXPORT not in info.features
    )
    if lacks:
        what = "push images by digest" if isinstance(request, PushImage) else "hand over images"
        raise CapabilityError(
            f"{info.name} cannot {what}",
            detail="It has no exporter for that.",
            hint="use another builder",
        )


def _exporter(cell: Cell, request: ExportRequest, info: NodeInfo) -> tuple[str, dict[str, str]]:
    given = {name: value for name, value in request.attrs.items() if name not in _CLIENT_ONLY}
    images = {**image_annotations(cell), **given}
    match request:
        case PushImage() | SaveImage() if is_classic(info):
            # Nobody can guess it, and no two builds have the same one.
            return "moby", {"name": f"bakex.invalid/passing:{secrets.token_hex(16)}"}
        case PushImage():
            # store=false: the names of other builds in the daemon's store stay what they are.
            fixed = {"push": "true", "push-by-digest": "true", "store": "false"}
            if request.insecure:
                fixed["registry.insecure"] = "true"
            names = ",".join(request.repositories)
            return "image", {"oci-mediatypes": "true", **images, **fixed, "name": names}
        case SaveImage():
            streams = Feature.OCI_LAYOUT_CONTEXTS not in info.features
            # A solve for one platform leaves default attestations out of an oci export, and one for
            # several does not: for a target of several platforms the latter is what was asked for.
            inline = {"attestation-inline": "true"} if len(cell.target.platforms) > 1 else {}
            return "oci", {**inline, **images, "tar": "true" if streams else "false"}
        case StoreImage():
            kind = "moby" if info.endpoint.wire is Wire.DOCKER else "image"
            # dockerd's classic store takes no empty name.
            named = {"name": ",".join(request.names)}
            return kind, images if is_classic(info) and not request.names else {**images, **named}
        case SaveTree():
            return "local", {**given, "platform-split": "false"}
        case SaveTar():
            return "tar", {**given, "platform-split": "false"}


def image_annotations(cell: Cell) -> dict[str, str]:
    """Return the target's annotations that belong to the image of one platform.

    Those of an index are added where the index is made, which is not here.

    Raises:
        DefinitionError: One is malformed.
    """
    found: dict[str, str] = {}
    for text in cell.target.annotations:
        for item in Annotation.parse(text):
            here = item.platform in {None, cell.platform}
            if here and item.kind == MANIFEST:
                found[f"annotation.{item.key}"] = item.value
            elif here and item.kind == "manifest-descriptor":
                found[f"annotation-manifest-descriptor.{item.key}"] = item.value
    return found


def descriptor(response: Mapping[str, str], info: NodeInfo) -> Descriptor:
    """Return the descriptor of the image that a solve has made.

    Raises:
        CapabilityError: The daemon does not tell.
        ContentError: What it tells is malformed.
    """
    encoded = response.get(_DESCRIPTOR)
    if encoded is None:
        raise CapabilityError(
            f"{info.name} does not say what image it made",
            detail="BuildKit does so since version 0.10.",
            hint="use a newer daemon",
        )
    document = _decoded(encoded)
    if document is None:
        raise ContentError(f"{info.name} sent a malformed descriptor")
    return Descriptor.from_json(document)


def cache_manifest(response: Mapping[str, str]) -> Descriptor | None:
    """Return the descriptor of the cache that a solve has written; None if it wrote none.

    Raises:
        ContentError: It is malformed.
    """
    encoded = response.get("cache.manifest")
    return Descriptor.from_json(_decoded(encoded)) if encoded else None


def metadata(response: Mapping[str, str]) -> dict[str, object]:
    """Return a response with the values that are JSON objects, in base64 or not, decoded."""
    return {key: _decoded(value) or value for key, value in sorted(response.items())}


def _decoded(text: str) -> dict[str, object] | None:
    for candidate in (text.encode(), _unbase64(text)):
        if candidate.startswith(b"{"):
            try:
                document: object = json.loads(candidate)
            except ValueError:
                continue
            if isinstance(document, dict):
                return cast("dict[str, object]", document)
    return None


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
