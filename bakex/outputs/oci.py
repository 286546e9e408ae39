"""``type=oci``: the image as an OCI layout, in a tar file or (``tar=false``) in a directory.

The index over several platforms, from however many nodes, is made here. A directory that is a
layout already keeps what it has: new blobs nobody refers to yet, then one change of ``index.json``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.errors import ContentError, OutputError
from bakex.model.outputs import STDOUT
from bakex.oci.archive import write_archive
from bakex.oci.copy import copy
from bakex.oci.layout import OciLayout
from bakex.outputs.assembly import published
from bakex.outputs.attributes import flag, label, unsupported
from bakex.outputs.files import check_file, deliver, stage
from bakex.outputs.finished import Waiting
from bakex.outputs.gathering import gather, save_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex._util.atomic import Staged
    from bakex.interfaces import Desk, Finished
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell
    from bakex.model.publication import Publication, TagMove
    from bakex.model.result import SaveImage
    from bakex.model.target import Target
    from bakex.outputs.gathering import Gathered

_UNNAMED = "latest"  # what BuildKit's client calls an image without a name in a directory


class OciExporter:
    """Implements `bakex.interfaces.Exporter`."""

    def requests(self, target: Target, output: Output, cell: Cell, desk: Desk) -> SaveImage:
        """Ask for the image's content.

        Raises:
            UnsupportedOutputError: No destination, one of the wrong kind, or a senseless attribute.
        """
        del cell
        check_destination(target, output)
        return save_request(target, output, desk)

    async def finish(
        self,
        target: Target,
        output: Output,
        cells: Sequence[tuple[Cell, Descriptor | None]],
        desk: Desk,
    ) -> Finished:
        """Assemble the image and write it beside its destination.

        Raises:
            ContentError: The parts do not fit together or are not what was asked for.
            OutputError: The destination cannot be written.
        """
        found = await gather(target, output, cells, desk)
        return await written(target, output, found, desk)


def check_destination(target: Target, output: Output) -> None:
    """Make sure, before anything is built, that the destination fits ``tar=``.

    Raises:
        UnsupportedOutputError: It does not.
    """
    if flag(target, output, "tar", default=True):
        check_file(target, output)
        return
    if output.dest in {"", STDOUT}:
        raise unsupported(target, output, "tar=false needs a directory", "add dest=DIRECTORY")
    place = Path(output.dest)
    if place.exists() and not place.is_dir():
        raise unsupported(target, output, f"the destination {place} is a file")
    if not _is_free(place):
        try:
            OciLayout.open(place)
        except ContentError as error:
            raise unsupported(
                target, output, error.summary, "choose another directory, or empty this one"
            ) from None


async def written(
    target: Target, output: Output, found: Gathered, desk: Desk, *, docker: bool = False
) -> Finished:
    """Write a gathered image beside its destination.

    Args:
        target: Whose it is.
        output: Where it goes, and in what form.
        found: The image.
        desk: The run's.
        docker: Make the archive one that ``docker load`` takes in all its versions.

    Raises:
        ContentError: The workspace was damaged.
        OutputError: The destination cannot be written.
    """
    is_archive = flag(target, output, "tar", default=True)
    kind = "docker-archive" if docker and is_archive else "oci"
    place = published(target, kind, output.dest, found.root, found.platforms)
    if is_archive:
        file = desk.workspace / f"{label(target, output)}.tar"
        await write_archive(found.layout, found.entries, file, docker=docker)
        return await deliver(file, output, desk, place, root=found.root)
    destination = Path(output.dest)
    entries = tuple((entry, name or _UNNAMED) for entry, name in found.entries)
    if not _is_free(destination):
        existing = OciLayout.create(destination)
        await copy(found.layout, existing, found.root)
        return _Entering(publication=place, layout=existing, entries=entries)
    staged = stage(destination, directory=True)
    fresh = OciLayout.create(staged.path)
    await copy(found.layout, fresh, found.root)
    await fresh.enter(entries)
    return _Placing(publication=place, staged=staged, layout=fresh, entries=entries)


def _is_free(place: Path) -> bool:
    return not (place.is_dir() and any(place.iterdir()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entering:
    """An image whose content is in an existing layout but not listed there yet."""

    publication: Publication
    layout: OciLayout
    entries: tuple[tuple[Descriptor, str], ...]
    moves: tuple[TagMove, ...] = ()

    @property
    def root(self) -> Descriptor | None:
        return self.publication.root

    async def publish(self) -> tuple[Publication, ...]:
        await self.layout.enter(self.entries)
        return (self.publication,)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placing:
    """A whole layout beside a destination where there was nothing."""

    publication: Publication
    staged: Staged
    layout: OciLayout
    entries: tuple[tuple[Descriptor, str], ...]
    moves: tuple[TagMove, ...] = ()

    @property
    def root(self) -> Descriptor | None:
        return self.publication.root

    async def publish(self) -> tuple[Publication, ...]:
        destination = self.staged.destination
        if self.staged.is_committed or _is_free(destination):
            return await Waiting(publication=self.publication, staged=self.staged).publish()
        # Another output of the run, or somebody else, has made a layout there meanwhile.
        try:
            existing = OciLayout.create(destination)
        except ContentError as error:
            raise OutputError(f"cannot write {destination}", detail=error.summary) from None
        for entry, _ in self.entries:
            await copy(self.layout, existing, entry)
        await existing.enter(self.entries)
        return (self.publication,)
