"""``type=local``: the root file system of each platform as files in a directory.

The node's files are merged into the destination while they come in, as buildx does; so this is the
one output that is visible before all cells are done.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bakex.model.outputs import STDOUT
from bakex.model.publication import Publication
from bakex.model.result import SaveTree
from bakex.outputs.attributes import file_attributes, flag, platform_count, unsupported
from bakex.outputs.finished import Done

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.interfaces import Desk, Finished
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell
    from bakex.model.target import Target


class LocalExporter:
    """Implements `bakex.interfaces.Exporter`."""

    def requests(self, target: Target, output: Output, cell: Cell, desk: Desk) -> SaveTree:
        """Ask for the tree; in a directory of its own if the target has several platforms.

        Raises:
            UnsupportedOutputError: No directory, or ``mode=delete``.
        """
        del desk
        if output.dest in {"", STDOUT}:
            raise unsupported(target, output, "it needs a directory", "add dest=DIRECTORY")
        destination = Path(output.dest)
        if destination.exists() and not destination.is_dir():
            raise unsupported(
                target, output, f"the destination {output.dest} is a file", "add dest=DIRECTORY"
            )
        mode = output.attrs.get("mode", "copy")
        if mode != "copy":
            raise unsupported(
                target,
                output,
                f"mode={mode} is not supported",
                "empty the directory first, and drop mode",
            )
        split = flag(target, output, "platform-split", default=platform_count(target) > 1)
        return SaveTree(
            directory=destination / cell.platform.directory if split else destination,
            attrs=file_attributes(output),
        )

    async def finish(
        self,
        target: Target,
        output: Output,
        cells: Sequence[tuple[Cell, Descriptor | None]],
        desk: Desk,
    ) -> Finished:
        """Everything is where it belongs already."""
        del cells, desk
        place = Publication(target=target.name, kind="local", place=output.dest)
        return Done(publications=(place,))
