"""Images that come into the workspace: one layout for all cells of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bakex.model.result import SaveImage
from bakex.oci.copy import push_document
from bakex.oci.layout import OciLayout
from bakex.oci.validate import validate
from bakex.outputs.assembly import assembled
from bakex.outputs.attributes import names, node_attributes, target_annotations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bakex.interfaces import Desk
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell
    from bakex.model.platform import Platform
    from bakex.model.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """A target's image, complete in the workspace's layout.

    Attributes:
        root: As the target's report shows it.
        entries: The root once for each name, or once without one; with the annotations of kind
            ``index-descriptor``, which belong to the place where a root is listed.
        platforms: Image manifests by platform.
    """

    layout: OciLayout
    root: Descriptor
    entries: tuple[tuple[Descriptor, str], ...]
    platforms: Mapping[Platform, Descriptor]


def save_request(target: Target, output: Output, desk: Desk) -> SaveImage:
    """Return the request for a cell's image; content is shared among all outputs of a run.

    Raises:
        UnsupportedOutputError: An attribute makes no sense.
    """
    names(target, output)
    return SaveImage(layout=_place(desk), attrs=node_attributes(target, output))


async def gather(
    target: Target,
    output: Output,
    cells: Sequence[tuple[Cell, Descriptor | None]],
    desk: Desk,
) -> Gathered:
    """Assemble the cells' images in the workspace, and check the whole of it.

    Raises:
        ContentError: The parts do not fit together or are not what was asked for.
    """
    layout = OciLayout(_place(desk), durable=False)
    assembly = await assembled(target, cells, layout)
    await push_document(layout, assembly.raw, assembly.root.media_type)
    await validate(layout, assembly.root, platforms=[cell.platform for cell, _ in cells])
    listed = {a.key: a.value for a in target_annotations(target) if a.kind == "index-descriptor"}
    entry = replace(assembly.root, annotations=listed)
    called = [str(name) for name in names(target, output)] or [""]
    return Gathered(
        layout=layout,
        root=assembly.root,
        entries=tuple((entry, name) for name in called),
        platforms=assembly.images,
    )


def _place(desk: Desk) -> Path:
    return desk.workspace / "images"
