"""Cells whose results stay in the image stores of their nodes, and so must be built there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.errors import UnsupportedOutputError
from bakex.model.result import StoreImage
from bakex.outputs.catalogue import exporter

if TYPE_CHECKING:
    from bakex.interfaces import Desk
    from bakex.model.plan import Cell


def is_pinned(cell: Cell, desk: Desk) -> bool:
    """Return whether the node of a cell is where the user will look for its result.

    An output that cannot be made counts for nothing: `bakex.api.outputs` says so before anything is
    built.

    Args:
        cell: Of a target whose outputs are made.
        desk: What the exporters will work with; only asked.
    """
    if not desk.keeps_images(cell.node):
        return False
    for output in cell.target.output:
        try:
            request = exporter(output.type).requests(cell.target, output, cell, desk)
        except UnsupportedOutputError:
            continue
        if isinstance(request, StoreImage):
            return True
    return False
