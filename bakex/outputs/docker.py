"""``type=docker``: into the user's docker daemon, or an archive that ``docker load`` reads."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bakex.errors import UnsupportedOutputError
from bakex.model.publication import Publication
from bakex.model.result import SaveImage
from bakex.oci.layout import OciLayout
from bakex.outputs.images import by_platform, names, node_attrs
from bakex.outputs.oci import assembled, reveal, staging, write_file
from bakex.outputs.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bakex.interfaces import Desk, Finished
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell
    from bakex.model.result import ExportRequest
    from bakex.model.target import Target


class DockerExporter:
    """Implements `bakex.interfaces.Exporter`."""

    def requests(
        self, target: Target, output: Output, cell: Cell, desk: Desk
    ) -> ExportRequest | None:
        """Ask each node for the blobs of its image."""
        if not output.dest and desk.loader() is None:
            raise UnsupportedOutputError(
                f"target {target.name!r}: there is no docker daemon to load the image into",
                hint="start docker, or write an archive with type=docker,dest=FILE",
            )
        layout = staging(desk, target)
        OciLayout.create(layout, durable=False)
        return SaveImage(layout=layout, attrs=node_attrs(output))

    async def finish(
        self,
        target: Target,
        output: Output,
        cells: Sequence[tuple[Cell, Descriptor | None]],
        desk: Desk,
    ) -> Finished:
        """Join the cells' images into an archive."""
        layout, assembly = await assembled(target, cells, desk)
        entries = [(assembly.root, name) for name in names(target, output) or ("",)]
        file = await write_file(layout, entries, output.dest, desk, docker=True)
        publication = Publication(
            target=target.name,
            kind="docker",
            place=output.dest or ", ".join(names(target, output)),
            root=assembly.root,
            platforms=by_platform(assembly),
        )
        action = partial(_deliver, file, output.dest, desk, publication)
        return Outcome(root=assembly.root, moves_tags=False, action=action)


async def _deliver(
    file: Path, dest: str, desk: Desk, publication: Publication
) -> tuple[Publication, ...]:
    loader = desk.loader()
    if dest or loader is None:
        await reveal(file, dest, desk)
    else:
        await loader.load(file)
    return (publication,)
