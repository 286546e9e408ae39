"""``type=docker``: into docker's image store, or as an archive that ``docker load`` takes.

* With a destination: an OCI layout that is a docker archive at the same time, as ``docker save``
  writes it. An image of several platforms is in it only as the OCI layout.
* Without one, and with a single platform on the node whose store it is: the node keeps the image
  without a name, and gives it its own ones at the end. With gates it does not keep the image.
* Otherwise the content is gathered here and loaded as an archive.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakex.errors import NodeError
from bakex.model.result import StoreImage
from bakex.oci.archive import write_archive
from bakex.outputs.assembly import published
from bakex.outputs.attributes import label, names, node_attributes, platform_count, unsupported
from bakex.outputs.finished import Done
from bakex.outputs.gathering import gather, save_request
from bakex.outputs.oci import check_destination, written

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bakex.carriers import ImageLoader, ImageStore
    from bakex.interfaces import Desk, Finished
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell
    from bakex.model.publication import Publication, TagMove
    from bakex.model.result import ExportRequest
    from bakex.model.target import Target

# Of names until an image has its own ones, where there is no digest to ask for it.
_PASSING = "bakex.invalid/kept"
_KIND = "docker"  # of publications in docker's image store, whatever the output's type


class DockerExporter:
    """Implements `bakex.interfaces.Exporter`."""

    def requests(self, target: Target, output: Output, cell: Cell, desk: Desk) -> ExportRequest:
        """Ask the node to keep the image, or for its content.

        Raises:
            UnsupportedOutputError: There is no docker to load it into, or a senseless attribute.
        """
        if output.dest:
            check_destination(target, output)
            return save_request(target, output, desk)
        if is_kept(target, cell, desk):
            return store_request(target, output, cell, desk)
        if desk.loader() is None:
            raise unsupported(
                target,
                output,
                "there is no docker daemon to load the image into",
                "add dest=FILE, or use type=oci or type=registry",
            )
        return save_request(target, output, desk)

    async def finish(
        self,
        target: Target,
        output: Output,
        cells: Sequence[tuple[Cell, Descriptor | None]],
        desk: Desk,
    ) -> Finished:
        """Assemble what has to be loaded or written.

        Raises:
            ContentError: The parts do not fit together or are not what was asked for.
            OutputError: The destination cannot be written.
        """
        if output.dest:
            found = await gather(target, output, cells, desk)
            return await written(target, output, found, desk, docker=True)
        if is_kept(target, cells[0][0], desk):
            return kept(target, output, cells[0], desk)
        return await loadable(target, output, cells, desk)


def is_kept(target: Target, cell: Cell, desk: Desk) -> bool:
    """Return whether the node's own store is where the user's images are, and takes this one."""
    return platform_count(target) == 1 and desk.keeps_images(cell.node) and not cell.gates


def store_request(target: Target, output: Output, cell: Cell, desk: Desk) -> StoreImage:
    """Return the request to keep an image; under its names only if these cannot be given later.

    Raises:
        UnsupportedOutputError: A name or an attribute makes no sense.
    """
    called = tuple(str(name) for name in names(target, output))
    store = desk.images(cell.node)
    if called and store is not None:
        called = () if store.by_digest else (_passing(called, cell, desk),)
    return StoreImage(names=called, attrs=node_attributes(target, output))


def _passing(called: Sequence[str], cell: Cell, desk: Desk) -> str:
    """Return the name of an image until it has its own ones: nobody else's, the same every time."""
    text = "\n".join([str(desk.workspace), str(cell.id), *called])
    return f"{_PASSING}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def kept(
    target: Target, output: Output, cell: tuple[Cell, Descriptor | None], desk: Desk
) -> Finished:
    """Return what there is to say about an image that its node has kept.

    A store in which nobody looks for images is no place where a result is published.
    """
    built, root = cell
    if not desk.keeps_images(built.node):
        return Done(root=root)
    called = [str(name) for name in names(target, output)]
    store = desk.images(built.node)
    platforms = {built.platform: root} if root is not None else {}
    places = tuple(
        published(target, _KIND, place, root, platforms)
        for place in called or [str(root.digest) if root is not None else built.node]
    )
    if not called or store is None:
        return Done(root=root, publications=places)
    source = _passing(called, built, desk)
    if root is not None and store.by_digest:
        source = str(root.digest)
    return _Naming(root=root, store=store, source=source, publications=places)


async def loadable(
    target: Target,
    output: Output,
    cells: Sequence[tuple[Cell, Descriptor | None]],
    desk: Desk,
) -> Finished:
    """Gather an image and write the archive that will be loaded.

    Raises:
        ContentError: The parts do not fit together or are not what was asked for.
        OutputError: The workspace cannot be written.
    """
    loader = desk.loader()
    if loader is None:
        raise unsupported(target, output, "there is no docker daemon to load the image into")
    found = await gather(target, output, cells, desk)
    archive = desk.workspace / f"{label(target, output)}.tar"
    await write_archive(found.layout, found.entries, archive, docker=True)
    places = tuple(
        published(target, _KIND, name or str(found.root.digest), found.root, found.platforms)
        for _, name in found.entries
    )
    return _Loading(root=found.root, loader=loader, archive=archive, publications=places)


@dataclass(slots=True, kw_only=True)
class _Naming:
    """An image that its node has, and that is to get its names."""

    root: Descriptor | None
    store: ImageStore = field(repr=False)
    source: str
    publications: tuple[Publication, ...]
    moves: tuple[TagMove, ...] = ()
    is_named: bool = False

    async def publish(self) -> tuple[Publication, ...]:
        if not self.is_named:
            for publication in self.publications:
                await self.store.tag(self.source, publication.place)
            self.is_named = True
            if not self.store.by_digest:
                with suppress(NodeError):  # it has its names, and that is what counts
                    await self.store.remove(self.source)
        return self.publications


@dataclass(slots=True, kw_only=True)
class _Loading:
    """An archive that is to be loaded into docker's image store."""

    root: Descriptor
    loader: ImageLoader = field(repr=False)
    archive: Path
    publications: tuple[Publication, ...]
    moves: tuple[TagMove, ...] = ()
    is_loaded: bool = False

    async def publish(self) -> tuple[Publication, ...]:
        if not self.is_loaded:
            await self.loader.load(self.archive)
            self.is_loaded = True
        return self.publications
