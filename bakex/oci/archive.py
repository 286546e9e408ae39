"""Layouts as tar archives, the same bytes for the same content.

The archive is an OCI layout (``oci-archive:``). Single images in it are also listed in docker's
``manifest.json``, which points at the same blobs, as ``docker save`` has written it since version
25; so it is a docker archive at the same time. Entries have no owner and no time.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from bakex._util.threads import in_thread
from bakex.errors import OutputError
from bakex.model.index import Index
from bakex.oci.copy import walk
from bakex.oci.layout import MARKER
from bakex.oci.layout_index import EMPTY, LayoutIndex, split_name
from bakex.oci.verified import Verifier

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bakex._util.threads import StopFlag
    from bakex.model.descriptor import Descriptor
    from bakex.model.manifest import ImageManifest
    from bakex.oci.copy import Graph
    from bakex.oci.layout import OciLayout


async def write_archive(
    layout: OciLayout,
    entries: Sequence[tuple[Descriptor, str]],
    file: Path,
    *,
    docker: bool = False,
) -> None:
    """Write roots of a layout, with everything under them, into a tar file.

    Deterministic: the same content and names give the same bytes. Not atomic: give it a file that
    nobody looks at yet.

    Args:
        layout: Where the content is; every byte is verified on its way.
        entries: Roots with a full image name, a tag, or an empty name.
        file: Is overwritten.
        docker: Also list single images in docker's ``manifest.json``.

    Raises:
        ContentError: The layout lacks something or holds something else.
        OutputError: The file cannot be written.
    """
    graph = await walk(layout, *(descriptor for descriptor, _ in entries))
    documents = [("oci-layout", MARKER), ("index.json", _index(entries))]
    if docker and (listed := _docker_manifest(graph, entries)):
        documents.append(("manifest.json", json.dumps(listed, separators=(",", ":")).encode()))
    try:
        await in_thread(partial(_write, layout, graph, documents, file))
    except OSError as error:
        raise OutputError(f"cannot write {file}", detail=error.strerror or "") from None


def _index(entries: Sequence[tuple[Descriptor, str]]) -> bytes:
    return LayoutIndex.parse(EMPTY).entered(entries).raw


def _docker_manifest(
    graph: Graph, entries: Sequence[tuple[Descriptor, str]]
) -> list[dict[str, object]]:
    """Return what ``docker load`` reads: one entry for each image that can be loaded so.

    Docker's form has no place for several platforms under one name, so an index of several images
    is only in ``index.json``, where docker's containerd image store finds it.
    """
    names: dict[str, list[str]] = {}
    layers: dict[str, list[str]] = {}
    for root, name in entries:
        manifest = _only_image(graph, root)
        if manifest is None:
            continue
        config = _path(manifest.config)
        layers[config] = [_path(layer) for layer in manifest.layers]
        names.setdefault(config, []).extend([name] if split_name(name)[0] else [])
    return [
        {"Config": config, "RepoTags": tags, "Layers": layers[config]}
        for config, tags in names.items()
    ]


def _only_image(graph: Graph, root: Descriptor) -> ImageManifest | None:
    _, document = graph.documents[root.digest]
    if isinstance(document, Index):
        return _only_image(graph, document.images[0]) if len(document.images) == 1 else None
    return document if document.is_image else None


def _path(descriptor: Descriptor) -> str:
    return f"blobs/{descriptor.digest.algorithm}/{descriptor.digest.hex}"


def _write(
    layout: OciLayout,
    graph: Graph,
    documents: Sequence[tuple[str, bytes]],
    file: Path,
    stop: StopFlag,
) -> None:
    blobs = sorted(graph.descriptors, key=_path)
    directories = sorted({f"blobs/{blob.digest.algorithm}" for blob in blobs} | {"blobs"})
    with file.open("wb") as target:
        with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
            # Small documents come first, so that a reader of a stream knows what will follow.
            for name, data in documents:
                archive.addfile(_entry(name, len(data)), io.BytesIO(data))
            for name in directories:
                entry = _entry(name, 0)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
            for blob in blobs:
                with layout.opened(blob.digest) as source:
                    verified = _VerifiedFile(source, blob, stop)
                    archive.addfile(_entry(_path(blob), blob.size), verified)
                    verified.finish()
        target.flush()
        os.fsync(target.fileno())


class _VerifiedFile:
    """What `tarfile` reads a blob from: checks every byte, and looks for a request to stop."""

    def __init__(self, file: BinaryIO, descriptor: Descriptor, stop: StopFlag) -> None:
        self._file = file
        self._verifier = Verifier(descriptor)
        self._stop = stop

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes; an early end is an error because the tar header is out already."""
        self._stop.check()
        data = self._file.read(size)
        self._verifier.update(data)
        if len(data) < size:
            self._verifier.finish()
        return data

    def finish(self) -> None:
        """Make sure that this was all, and the right content."""
        self._verifier.update(self._file.read(1))
        self._verifier.finish()


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry
