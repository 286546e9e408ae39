"""``type=cacheonly``: build, and hand nothing over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.outputs.finished import Done

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.interfaces import Desk, Finished
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell
    from bakex.model.target import Target


class CacheOnlyExporter:
    """Implements `bakex.interfaces.Exporter`."""

    def requests(self, target: Target, output: Output, cell: Cell, desk: Desk) -> None:
        """Ask for nothing."""
        del target, output, cell, desk

    async def finish(
        self,
        target: Target,
        output: Output,
        cells: Sequence[tuple[Cell, Descriptor | None]],
        desk: Desk,
    ) -> Finished:
        """There is nothing to assemble."""
        del target, output, cells, desk
        return Done()
