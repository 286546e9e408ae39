"""Copying whatever is under a root from one store to another, children first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.errors import ContentError, DigestMismatchError, SizeMismatchError
from bakex.model.media_types import is_document, is_foreign
from bakex.oci.layout import OciLayout
from bakex.oci.verified import parse_document, read_document, stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bakex.interfaces import ContentReader, Store
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.index import Index
    from bakex.model.manifest import ImageManifest

MAX_DEPTH = 4  # index of indexes, then a manifest, then blobs
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
        if not (is_foreign(descriptor.media_type) and descriptor.urls):
            graph.blobs.setdefault(descriptor.digest, descriptor)
        return
    # A document cannot contain its own digest, so depth is what needs a bound, not cycles.
    if depth >= MAX_DEPTH:
        raise ContentError(f"{descriptor.digest} is nested too deeply")
    document = await read_document(reader, descriptor)
    for child in document.children:
        await _visit(reader, child, graph, depth=depth + 1)
    graph.documents[descriptor.digest] = (descriptor, document)


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
    blobs = sorted(graph.blobs.values(), key=lambda blob: -blob.size)
    await concurrently([partial(_blob, source, destination, blob) for blob in blobs], limit=limit)
    for descriptor, document in graph.documents.values():
        await destination.push(descriptor, partial(once, document.raw))


async def once(data: bytes) -> AsyncIterator[bytes]:
    """Yield some bytes: content, as `ContentWriter.push` takes it."""
    yield data


async def _blob(source: ContentReader, destination: Store, blob: Descriptor) -> None:
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
