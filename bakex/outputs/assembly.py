"""From the cells' roots to the root of the target."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.errors import InternalError
from bakex.model.publication import Publication
from bakex.oci.assemble import assemble
from bakex.oci.parts import collect
from bakex.outputs.attributes import target_annotations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.interfaces import ContentReader
    from bakex.model.descriptor import Descriptor
    from bakex.model.plan import Cell
    from bakex.model.platform import Platform
    from bakex.model.target import Target
    from bakex.oci.assemble import Assembly

_AT_ONCE = 8


async def assembled(
    target: Target,
    cells: Sequence[tuple[Cell, Descriptor | None]],
    reader: ContentReader,
) -> Assembly:
    """Read what the cells handed over, and make the target's root of it. Stores nothing.

    Raises:
        ContentError: The parts do not fit together or are not what was asked for.
        RegistryError: The registry refused or failed.
    """
    jobs = [
        partial(collect, reader, image_of(cell, root), platform=cell.platform, origin=cell.node)
        for cell, root in cells
    ]
    parts = await concurrently(jobs, limit=_AT_ONCE)
    return assemble(parts, annotations=target_annotations(target))


def image_of(cell: Cell, root: Descriptor | None) -> Descriptor:
    """Return the image that a cell handed over.

    Raises:
        InternalError: It handed over none, although it was asked to.
    """
    if root is None:
        raise InternalError(f"{cell.id} handed over no image")
    return root


def published(
    target: Target,
    kind: str,
    place: str,
    root: Descriptor | None,
    images: Mapping[Platform, Descriptor],
) -> Publication:
    """Return what is said about a place that has an image."""
    return Publication(
        target=target.name,
        kind=kind,
        place=place,
        root=root,
        platforms={str(platform): image for platform, image in images.items()},
    )
