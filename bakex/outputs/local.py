"""``type=local``: the root file system as files, one folder per platform if there are several."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.errors import UnsupportedOutputError
from bakex.model.platform import Platform
from bakex.model.publication import Publication
from bakex.model.result import SaveTar, SaveTree
from bakex.outputs.oci import reveal
from bakex.outputs.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.interfaces import Desk, Finished
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell
    from bakex.model.result import ExportRequest
    from bakex.model.target import Target

_FALSE = frozenset({"0", "f", "false"})


class LocalExporter:
    """Implements `bakex.interfaces.Exporter`; files merge into the destination as they come."""

    def requests(
        self, target: Target, output: Output, cell: Cell, desk: Desk
    ) -> ExportRequest | None:
        """Ask each node for its files."""
        if output.dest in {"", "-"}:
            raise UnsupportedOutputError(
                f"target {target.name!r}: type=local needs a directory", hint="add dest=DIRECTORY"
            )
        directory = Path(output.dest)
        split = output.attrs.get("platform-split", "").lower() not in _FALSE
        if split and len(_platforms(target)) > 1:
            directory /= cell.platform.directory
        return SaveTree(directory=directory)

    async def finish(
        self,
        target: Target,
        output: Output,
        cells: Sequence[tuple[Cell, Descriptor | None]],
        desk: Desk,
    ) -> Finished:
        """Do nothing more: the files are in place."""
        publication = Publication(target=target.name, kind="local", place=output.dest)
        return Outcome(root=None, moves_tags=False, action=partial(_done, publication))


class TarExporter:
    """``type=tar`` of one platform."""

    def requests(
        self, target: Target, output: Output, cell: Cell, desk: Desk
    ) -> ExportRequest | None:
        """Ask the node for its files as a tar."""
        if len(_platforms(target)) > 1:
            raise UnsupportedOutputError(
                f"target {target.name!r}: type=tar takes one platform",
                hint="use type=local, or choose one with --platform",
            )
        return SaveTar(file=desk.workspace / f"{target.name}.tar")

    async def finish(
        self,
        target: Target,
        output: Output,
        cells: Sequence[tuple[Cell, Descriptor | None]],
        desk: Desk,
    ) -> Finished:
        """Leave the file in the workspace until it is published."""
        publication = Publication(target=target.name, kind="tar", place=output.dest or "-")
        file = desk.workspace / f"{target.name}.tar"
        action = partial(_move, file, output.dest, desk, publication)
        return Outcome(root=None, moves_tags=False, action=action)


class CacheOnlyExporter:
    """``type=cacheonly``: builds, and hands over nothing."""

    def requests(
        self, target: Target, output: Output, cell: Cell, desk: Desk
    ) -> ExportRequest | None:
        """Ask for nothing."""
        return None

    async def finish(
        self,
        target: Target,
        output: Output,
        cells: Sequence[tuple[Cell, Descriptor | None]],
        desk: Desk,
    ) -> Finished:
        """Do nothing."""
        return Outcome(root=None, moves_tags=False, action=_nothing)


def _platforms(target: Target) -> set[Platform]:
    words = [word.strip() for entry in target.platforms for word in entry.split(",")]
    return {Platform.parse(word) for word in words if word and word != "local"}


async def _done(publication: Publication) -> tuple[Publication, ...]:
    return (publication,)


async def _nothing() -> tuple[Publication, ...]:
    return ()


async def _move(
    file: Path, dest: str, desk: Desk, publication: Publication
) -> tuple[Publication, ...]:
    await reveal(file, dest, desk)
    return (publication,)
