"""Every invariant of an image graph, checked before anything becomes visible.

* Each document is there, has its digest and size, and is of the kind its descriptor says.
* Each blob is there with its size; with ``contents``, each byte is read and checked, too.
* An index lists images before attestations, no platform twice, and each attestation's image.
* An image's config is for the platform that the index says, with one diff ID for each layer.
* If platforms are given, the images are for exactly these.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.errors import ContentError, ContentNotFoundError
from bakex.model.index import Index
from bakex.oci.copy import walk
from bakex.oci.layout import OciLayout
from bakex.oci.verified import prove, read_config, stream

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from bakex.interfaces import ContentSource
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.manifest import ImageConfig, ImageManifest
    from bakex.model.platform import Platform
    from bakex.oci.copy import Graph


async def validate(
    store: ContentSource,
    root: Descriptor,
    *,
    platforms: Collection[Platform] | None = None,
    contents: bool = False,
    limit: int = 16,
) -> dict[Platform, Descriptor]:
    """Check everything under a root, and return its images by platform in index order.

    Args:
        store: Where it is.
        root: A manifest or an index.
        platforms: What there must be images for, no more and no less; None for whatever there is.
        contents: Read all layers instead of asking whether they are there.
        limit: Requests or reads at the same time.

    Raises:
        ContentError: An invariant does not hold; the message names the descriptor.
        RegistryError: A registry refused or failed.
    """
    graph = await walk(store, root)
    check = _read if contents else _is_there
    await concurrently([partial(check, store, b) for b in graph.blobs.values()], limit=limit)
    listed = [descriptor for descriptor, _ in graph.documents.values()]
    await concurrently([partial(_is_there, store, d) for d in listed], limit=limit)
    for descriptor, document in graph.documents.values():
        if isinstance(document, Index):
            _check_index(descriptor, document)
    images: dict[Platform, Descriptor] = {}
    for descriptor, manifest in _images(graph, root):
        config = await read_config(store, manifest)
        _check_image(descriptor, manifest, config)
        images.setdefault(config.platform, descriptor)
    if platforms is not None:
        check_platforms(images, platforms)
    return images


async def validate_layout(root: Path, *, contents: bool = True) -> None:
    """Check every image that a layout's ``index.json`` lists.

    Raises:
        ContentError: Not a layout, or an invariant does not hold.
    """
    layout = OciLayout.open(root)
    for entry in layout.index().entries:
        await validate(layout, entry, contents=contents)


def check_platforms(found: Collection[Platform], wanted: Collection[Platform]) -> None:
    """Make sure that there are images for exactly the platforms that were asked for.

    Raises:
        ContentError: One is missing, or there is one more.
    """
    missing = [str(platform) for platform in wanted if platform not in found]
    if missing:
        raise ContentError(f"the image for {', '.join(missing)} is missing")
    extra = [str(platform) for platform in found if platform not in wanted]
    if extra:
        raise ContentError(f"there is an image for {', '.join(extra)}, which was not asked for")


async def _is_there(store: ContentSource, blob: Descriptor) -> None:
    if not await store.exists(blob):
        raise ContentNotFoundError(f"{blob.digest} is missing, or has another size")


async def _read(store: ContentSource, blob: Descriptor) -> None:
    await prove(stream(store, blob))


def _check_index(descriptor: Descriptor, index: Index) -> None:
    seen: dict[tuple[object, ...], Digest] = {}
    for entry in index.images:
        raw = entry.raw_platform
        features = tuple(sorted(map(str, raw.get("os.features") or ())))
        key = (entry.platform, raw.get("os.version"), features)
        if entry.platform and seen.setdefault(key, entry.digest) != entry.digest:
            raise ContentError(f"the index {descriptor.digest} lists {entry.platform} twice")
    if index.manifests != (*index.images, *index.attestations):
        raise ContentError(f"the index {descriptor.digest} lists an attestation before an image")
    known = {entry.digest for entry in index.images}
    for entry in index.attestations:
        if entry.subject not in known:
            raise ContentError(
                f"the attestation {entry.digest} is about {entry.subject or 'nothing'},"
                f" which the index {descriptor.digest} does not list"
            )


def _images(graph: Graph, root: Descriptor) -> list[tuple[Descriptor, ImageManifest]]:
    """Return the images below a root in index order, each with the descriptor that lists it."""
    _, document = graph.documents[root.digest]
    if not isinstance(document, Index):
        return [(root, document)] if document.is_image else []
    found: list[tuple[Descriptor, ImageManifest]] = []
    for entry in document.images:
        found.extend(_images(graph, entry) if entry.digest in graph.documents else [])
    return found


def _check_image(descriptor: Descriptor, manifest: ImageManifest, config: ImageConfig) -> None:
    if descriptor.platform is not None and descriptor.platform != config.platform:
        raise ContentError(
            f"the image {descriptor.digest} is listed for {descriptor.platform}"
            f" but its config says {config.platform}"
        )
    layers, diff_ids = len(manifest.layers), len(config.diff_ids)
    if layers != diff_ids:
        raise ContentError(
            f"the image {descriptor.digest} has {layers} layers but {diff_ids} diff IDs"
        )
    if config.filled is not None and config.filled != layers:
        raise ContentError(
            f"the image {descriptor.digest} has {layers} layers"
            f" but a history that made {config.filled}"
        )
