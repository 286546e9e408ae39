"""The cells' images joined into one: what image outputs have in common."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.errors import ContentError
from bakex.model.annotations import Annotation
from bakex.oci.assemble import assemble
from bakex.oci.parts import collect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from bakex.interfaces import ContentReader
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell
    from bakex.model.target import Target
    from bakex.oci.assemble import Assembly
    from bakex.oci.parts import Part

_AT_ONCE = 8
# What bakex itself acts on; the node gets the rest.
_OURS = frozenset({"name", "push", "push-by-digest", "name-canonical", "tar", "type", "dest"})


def node_attrs(output: Output) -> dict[str, str]:
    """Return the exporter attributes that the node has to honour."""
    return {key: value for key, value in output.attrs.items() if key not in _OURS}


def names(target: Target, output: Output) -> tuple[str, ...]:
    """Return the image names of an output: its own ``name``, else the target's tags."""
    own = [name.strip() for name in output.attrs.get("name", "").split(",") if name.strip()]
    return tuple(own) or target.tags


async def joined(
    reader: ContentReader, target: Target, cells: Sequence[tuple[Cell, Descriptor | None]]
) -> Assembly:
    """Read the cells' images and assemble the target's root, in declared platform order.

    Raises:
        ContentError: A part is missing or does not fit.
        RegistryError: The registry refused or failed.
    """
    jobs: list[Callable[[], Awaitable[Part]]] = []
    for cell, root in cells:
        if root is None:
            raise ContentError(f"{cell.id}: its node handed over no image")
        jobs.append(partial(collect, reader, root, platform=cell.platform, origin=cell.node))
    parts = await concurrently(jobs, limit=_AT_ONCE)
    annotations = [a for text in target.annotations for a in Annotation.parse(text)]
    return assemble(parts, annotations=annotations, force_index=len(cells) > 1)


def by_platform(assembly: Assembly) -> Mapping[str, Descriptor]:
    """Return the images by platform name, in index order."""
    return {str(platform): image for platform, image in assembly.images.items()}
