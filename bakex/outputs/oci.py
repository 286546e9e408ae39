"""``type=oci``: an OCI layout, as an archive or a directory, with every platform."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.errors import OutputError, UnsupportedOutputError
from bakex.model.publication import Publication
from bakex.model.result import SaveImage
from bakex.oci.archive import write_archive
from bakex.oci.copy import copy, push_document
from bakex.oci.layout import OciLayout
from bakex.oci.validate import validate
from bakex.outputs.images import by_platform, joined, names, node_attrs
from bakex.outputs.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.interfaces import Desk, Finished
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell
    from bakex.model.result import ExportRequest
    from bakex.model.target import Target
    from bakex.oci.assemble import Assembly

_FALSE = frozenset({"0", "f", "false"})


def staging(desk: Desk, target: Target) -> Path:
    """Return the layout in which a target's cells leave their blobs."""
    return desk.workspace / "images" / target.name


async def assembled(
    target: Target, cells: Sequence[tuple[Cell, Descriptor | None]], desk: Desk
) -> tuple[OciLayout, Assembly]:
    """Join what the cells left in the staging layout, and check all of it.

    Raises:
        ContentError: The parts do not fit together, or are not complete.
    """
    layout = OciLayout(staging(desk, target), durable=False)
    assembly = await joined(layout, target, cells)
    root = await push_document(layout, assembly.raw, assembly.root.media_type)
    await validate(layout, root, platforms=[cell.platform for cell, _ in cells])
    return layout, assembly


async def write_file(
    layout: OciLayout,
    entries: Sequence[tuple[Descriptor, str]],
    dest: str,
    desk: Desk,
    *,
    docker: bool,
) -> Path:
    """Write an archive beside its destination and return its temporary name.

    Raises:
        OutputError: It cannot be written.
    """
    if dest in {"", "-"}:
        file = desk.workspace / f"{layout.root.name}.tar"
    else:
        file = Path(dest).with_name(f".{Path(dest).name}.bakex")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write {dest}", detail=error.strerror or "") from None
    await write_archive(layout, entries, file, docker=docker)
    return file


async def reveal(file: Path, dest: str, desk: Desk) -> None:
    """Give a finished archive its name, or copy it to standard output.

    Raises:
        OutputError: It cannot be renamed.
    """
    if dest in {"", "-"}:
        await desk.write_stdout(file)
        return
    try:
        await asyncio.to_thread(os.replace, file, dest)
    except OSError as error:
        raise OutputError(f"cannot write {dest}", detail=error.strerror or "") from None


class OciExporter:
    """Implements `bakex.interfaces.Exporter`."""

    def requests(
        self, target: Target, output: Output, cell: Cell, desk: Desk
    ) -> ExportRequest | None:
        """Ask each node for the blobs of its image."""
        if _is_directory(output) and output.dest in {"", "-"}:
            raise UnsupportedOutputError(
                f"target {target.name!r}: type=oci,tar=false needs a directory",
                hint="add dest=DIRECTORY",
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
        """Join the cells' images and write them beside the destination."""
        layout, assembly = await assembled(target, cells, desk)
        entries = [(assembly.root, name) for name in names(target, output) or ("",)]
        publication = Publication(
            target=target.name,
            kind="oci",
            place=output.dest or "-",
            root=assembly.root,
            platforms=by_platform(assembly),
        )
        if _is_directory(output):
            destination = OciLayout.create(Path(output.dest))
            await copy(layout, destination, assembly.root)
            action = partial(_enter, destination, entries, publication)
        else:
            file = await write_file(layout, entries, output.dest, desk, docker=False)
            action = partial(_rename, file, output.dest, desk, publication)
        return Outcome(root=assembly.root, moves_tags=False, action=action)


def _is_directory(output: Output) -> bool:
    return output.attrs.get("tar", "").lower() in _FALSE


async def _enter(
    layout: OciLayout, entries: Sequence[tuple[Descriptor, str]], publication: Publication
) -> tuple[Publication, ...]:
    await layout.enter(entries)
    return (publication,)


async def _rename(
    file: Path, dest: str, desk: Desk, publication: Publication
) -> tuple[Publication, ...]:
    await reveal(file, dest, desk)
    return (publication,)
