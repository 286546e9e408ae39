"""``type=docker``: into docker's image store, or as an archive that ``docker load`` takes.

* With a destination: an OCI layout that is a docker archive at the same time, as ``docker save``
  writes it. An image of several platforms is in it only as the OCI layout.
* Without one, and with a single platform on the node whose store it is: the node keeps the image,
  unless it has gates, for which it must wait.
* Otherwise the content is gathered here and loaded as an archive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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

    from bakex.carriers import ImageLoader
    from bakex.interfaces import Desk, Finished
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell
    from bakex.model.publication import Publication, TagMove
    from bakex.model.result import ExportRequest
    from bakex.model.target import Target

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
            return store_request(target, output)
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


def store_request(target: Target, output: Output) -> StoreImage:
    """Return the request to keep an image under its names.

    Raises:
        UnsupportedOutputError: A name or an attribute makes no sense.
    """
    called = tuple(str(name) for name in names(target, output))
    return StoreImage(names=called, attrs=node_attributes(target, output))


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
    platforms = {built.platform: root} if root is not None else {}
    return Done(
        root=root,
        publications=tuple(
            published(target, _KIND, place, root, platforms)
            for place in called or [str(root.digest) if root is not None else built.node]
        ),
    )


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
