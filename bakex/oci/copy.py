"""Copying whatever is under a root from one store to another, children first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.errors import (
    ContentError,
    DigestMismatchError,
    MissingPartsError,
    SizeMismatchError,
)
from bakex.model.manifest import ImageManifest
from bakex.model.media_types import is_document, is_foreign
from bakex.oci.layout import OciLayout
from bakex.oci.verified import parse_document, read_document, stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bakex.interfaces import ContentReader, Store
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.index import Index

    Document = ImageManifest | Index

MAX_DEPTH = 4  # index of indexes, then a manifest, then blobs
_ASKED = 16
_ATTEMPTS = 3  # content that is damaged on its way is fetched again


class Graph:
    """Everything under some roots: documents (children before parents) and blobs, each once.

    Attributes:
        documents: Descriptor and parsed content of each manifest and index.
        blobs: Configs, layers and other leaves; foreign layers are left out.
    """

    def __init__(self) -> None:
        self.documents: dict[Digest, tuple[Descriptor, ImageManifest | Index]] = {}
        self.blobs: dict[Digest, Descriptor] = {}

    @property
    def descriptors(self) -> list[Descriptor]:
        """Blobs, then documents with children before parents."""
        return [*self.blobs.values(), *(descriptor for descriptor, _ in self.documents.values())]


async def walk(reader: ContentReader, *roots: Descriptor) -> Graph:
    """Read all documents under some roots.

    Raises:
        ContentError: Something is missing, malformed, or nested too deeply.
    """
    graph = Graph()
    for root in roots:
        await _visit(reader, root, graph, depth=0)
    return graph


async def _visit(
    reader: ContentReader, descriptor: Descriptor, graph: Graph, *, depth: int
) -> None:
    if descriptor.digest in graph.documents:
        return
    if not is_document(descriptor.media_type):
        if not _is_elsewhere(descriptor):
            graph.blobs.setdefault(descriptor.digest, descriptor)
        return
    # A document cannot contain its own digest, so depth is what needs a bound, not cycles.
    if depth >= MAX_DEPTH:
        raise ContentError(f"{descriptor.digest} is nested too deeply")
    document = await read_document(reader, descriptor)
    for child in document.children:
        await _visit(reader, child, graph, depth=depth + 1)
    graph.documents[descriptor.digest] = (descriptor, document)


def _is_elsewhere(blob: Descriptor) -> bool:
    """Return whether a blob is a layer that is fetched from its own URLs, and never copied."""
    return is_foreign(blob.media_type) and bool(blob.urls)


async def copy(
    source: ContentReader, destination: Store, root: Descriptor, *, limit: int = 16
) -> None:
    """Copy a root and everything under it; what is there already does not move again.

    At any moment everything in the destination has its children there: blobs come first, then
    manifests, then indexes. Names are not touched. Cancelling leaves complete content only.

    Args:
        source: Where to read.
        destination: Where to write.
        root: What to copy: a manifest or an index.
        limit: Blobs that move at the same time.

    Raises:
        ContentError: The source lacks something or holds something else.
        RegistryError: A registry refused or failed.
    """
    graph = await walk(source, root)
    known = await _known(destination, graph)
    blobs = sorted(graph.blobs.values(), key=lambda blob: -blob.size)
    jobs = [partial(_blob, source, destination, b, asks=b.digest in known) for b in blobs]
    await concurrently(jobs, limit=limit)
    for descriptor, document in graph.documents.values():
        await _document(source, destination, descriptor, document)


async def _known(destination: Store, graph: Graph) -> set[Digest]:
    """Return the blobs of the manifests that are there already.

    They should be there, too; stores may send small blobs without asking first, which a second run
    need not do.
    """
    manifests = [d for d in graph.documents.values() if isinstance(d[1], ImageManifest)]
    found = await concurrently(
        [partial(destination.exists, descriptor) for descriptor, _ in manifests], limit=_ASKED
    )
    present = zip(manifests, found, strict=True)
    return {child.digest for (_, m), there in present if there for child in m.children}


async def _document(
    source: ContentReader, destination: Store, descriptor: Descriptor, document: Document
) -> None:
    for left in reversed(range(_ATTEMPTS)):
        try:
            await destination.push(descriptor, partial(once, document.raw))
        except MissingPartsError:
            if not left:
                raise
        else:
            return
        for child in document.children:
            if is_document(child.media_type):
                await _document(source, destination, child, await read_document(source, child))
            elif not _is_elsewhere(child):
                await _blob(source, destination, child)


async def once(data: bytes) -> AsyncIterator[bytes]:
    """Yield some bytes: content, as `ContentWriter.push` takes it."""
    yield data


async def _blob(
    source: ContentReader, destination: Store, blob: Descriptor, *, asks: bool = False
) -> None:
    if asks and await destination.exists(blob):
        return
    if isinstance(source, OciLayout) and isinstance(destination, OciLayout):  # noqa: SIM102 - mypy
        if await destination.link(source, blob):
            return
    for left in reversed(range(_ATTEMPTS)):
        try:
            await destination.push(blob, partial(stream, source, blob))
        except (DigestMismatchError, SizeMismatchError):
            if not left:
                raise
        else:
            return


async def push_document(destination: Store, raw: bytes, media_type: str = "") -> Descriptor:
    """Store a manifest or index whose children are there, and return its descriptor.

    Raises:
        ContentError: It is neither.
        RegistryError: A registry refused or failed.
    """
    descriptor = parse_document(raw, media_type).descriptor
    await destination.push(descriptor, partial(once, raw))
    return descriptor
