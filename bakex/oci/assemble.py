"""Parts of several nodes -> one index. Pure.

The rules (spec/registry 2.8), in the order in which they are applied:

* Images come in the order of the parts (the declared platforms), attestations after all of them.
* An image that occurs twice is listed once; two images for one platform are an error.
* Every image is for the platform that its part was built for, and every part has one.
* An attestation whose image is not in the index is dropped.
* Annotations of kind ``index`` go on the index, ``manifest-descriptor`` on the entries of images.
* Docker's manifest list is made only of Docker's manifests, without annotations, because it cannot
  carry any; otherwise the result is an OCI index.

The bytes are those of ``buildx imagetools create`` for the same input.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bakex.errors import ContentError
from bakex.model.documents import encode, is_docker
from bakex.model.index import Index
from bakex.model.media_types import DOCKER_LIST, OCI_INDEX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bakex.model.annotations import Annotation
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.manifest import ImageManifest
    from bakex.model.platform import Platform
    from bakex.oci.parts import Image, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """The root of a target's result.

    Attributes:
        root: Descriptor of `raw`.
        raw: The index, or the manifest if there is a single image and nothing else to say.
        images: The image manifests by platform, in index order; of several for one platform
            (Windows versions), the first.
        children: Everything that the root refers to, in order; empty if it is a manifest.
        orphans: Attestations that were dropped because their image is not there.
    """

    root: Descriptor
    raw: bytes
    images: Mapping[Platform, Descriptor]
    children: tuple[Descriptor, ...] = ()
    orphans: tuple[Descriptor, ...] = ()


def assemble(
    parts: Sequence[Part],
    *,
    annotations: Sequence[Annotation] = (),
    force_index: bool = False,
) -> Assembly:
    """Return the root over parts.

    Args:
        parts: In the order in which the target declares its platforms.
        annotations: All of the target's; only the kinds ``index`` and ``manifest-descriptor`` are
            applied here, the others change the parts themselves and were applied by the nodes.
        force_index: Make an index even of a single image.

    Raises:
        ContentError: The parts do not fit together; the message names the nodes.
    """
    if not parts:
        raise ContentError("there is nothing to assemble an index of")
    images = _images(parts)
    attestations, orphans = _attestations(parts, [image.descriptor.digest for image in images])
    on_index = {a.key: a.value for a in annotations if a.kind == "index"}
    bare = [image.descriptor for image in images]
    entries = [_annotated(entry, annotations) for entry in bare]
    whole: ImageManifest | Index | None = None
    if not on_index and entries == bare:
        whole = _whole(parts, images, attestations, force_index=force_index)
    children = (*entries, *attestations)
    if whole is None:
        whole = Index.parse(_encoded(children, on_index))
    return Assembly(
        root=whole.descriptor,
        raw=whole.raw,
        images=_by_platform(entries),
        children=children if isinstance(whole, Index) else (),
        orphans=orphans,
    )


def _whole(
    parts: Sequence[Part],
    images: Sequence[Image],
    attestations: Sequence[Descriptor],
    *,
    force_index: bool,
) -> ImageManifest | Index | None:
    """Return what is already the result: a lone image, or the index that the only node made."""
    if len(images) == 1 and not attestations and not force_index:
        return images[0].manifest
    document = parts[0].document
    if len(parts) > 1 or not isinstance(document, Index):
        return None
    listed = [entry.digest for entry in document.manifests]
    wanted = [*(image.descriptor.digest for image in images), *(a.digest for a in attestations)]
    return document if listed == wanted else None


def _images(parts: Sequence[Part]) -> list[Image]:
    found: dict[Digest, Image] = {}
    owners: dict[tuple[object, ...], tuple[Digest, str]] = {}
    for part in parts:
        if not part.images:
            raise ContentError(f"{_origin(part)} made no image for {part.platform}")
        for image in part.images:
            digest = image.descriptor.digest
            _check_platform(part, image)
            other, origin = owners.setdefault(_identity(image), (digest, _origin(part)))
            if other != digest:
                raise ContentError(
                    f"there are two images for {part.platform}",
                    detail=f"{other} comes from {origin}, {digest} from {_origin(part)}.",
                )
            found[digest] = _merged(found[digest], image) if digest in found else image
    return list(found.values())


def _origin(part: Part) -> str:
    return f"node {part.origin}" if part.origin else "a node"


def _check_platform(part: Part, image: Image) -> None:
    if image.config.platform != part.platform:
        raise ContentError(
            f"{_origin(part)} built {image.config.platform} where {part.platform} was asked for",
            detail=f"The image is {image.descriptor.digest}.",
            hint="look for FROM --platform in the Dockerfile",
        )


def _identity(image: Image) -> tuple[object, ...]:
    """Return what a puller tells images apart by."""
    raw = image.descriptor.raw_platform
    features = raw.get("os.features") or ()
    return image.config.platform, raw.get("os.version"), tuple(sorted(map(str, features)))


def _merged(first: Image, second: Image) -> Image:
    annotations = {**second.descriptor.annotations, **first.descriptor.annotations}
    return replace(first, descriptor=replace(first.descriptor, annotations=annotations))


def _attestations(
    parts: Sequence[Part], order: Sequence[Digest]
) -> tuple[tuple[Descriptor, ...], tuple[Descriptor, ...]]:
    found = {entry.digest: entry for part in parts for entry in part.attestations}
    rank = {digest: place for place, digest in enumerate(order)}
    linked = [(rank[entry.subject], entry) for entry in found.values() if entry.subject in rank]
    linked.sort(key=lambda pair: pair[0])
    orphans = tuple(entry for entry in found.values() if entry.subject not in rank)
    return tuple(entry for _, entry in linked), orphans


def _annotated(entry: Descriptor, annotations: Iterable[Annotation]) -> Descriptor:
    added = {
        a.key: a.value
        for a in annotations
        if a.kind == "manifest-descriptor" and a.platform in {None, entry.platform}
    }
    return replace(entry, annotations={**entry.annotations, **added}) if added else entry


def _by_platform(entries: Iterable[Descriptor]) -> dict[Platform, Descriptor]:
    found: dict[Platform, Descriptor] = {}
    for entry in entries:
        if entry.platform is not None:
            found.setdefault(entry.platform, entry)
    return found


def _encoded(children: Sequence[Descriptor], annotations: Mapping[str, str]) -> bytes:
    annotated = bool(annotations) or any(child.annotations for child in children)
    docker = all(is_docker(child.media_type) for child in children) and not annotated
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": DOCKER_LIST if docker else OCI_INDEX,
        "manifests": [child.to_json() for child in children],
    }
    if annotations:
        document["annotations"] = dict(sorted(annotations.items()))
    return encode(document)
