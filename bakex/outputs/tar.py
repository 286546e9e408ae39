"""``type=tar``: root file systems as one tar file, each of several platforms in a directory."""

from __future__ import annotations

import copy
import tarfile
from functools import partial
from typing import IO, TYPE_CHECKING

from bakex._util.threads import in_thread
from bakex.errors import ContentError, OutputError
from bakex.model.publication import Publication
from bakex.model.result import SaveTar
from bakex.outputs.attributes import file_attributes, flag, label, platform_count
from bakex.outputs.files import check_file, deliver

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bakex._util.threads import StopFlag
    from bakex.interfaces import Desk, Finished
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell
    from bakex.model.target import Target

# What a PAX header repeats; tarfile writes it again from the entry itself.
_REPEATED = frozenset({"path", "linkpath", "size", "mtime", "uid", "gid", "uname", "gname"})


class TarExporter:
    """Implements `bakex.interfaces.Exporter`."""

    def requests(self, target: Target, output: Output, cell: Cell, desk: Desk) -> SaveTar:
        """Ask for the file system as a tar file in the workspace.

        Raises:
            UnsupportedOutputError: No destination, or a directory.
        """
        check_file(target, output)
        return SaveTar(
            file=_part(target, output, cell, desk.workspace), attrs=file_attributes(output)
        )

    async def finish(
        self,
        target: Target,
        output: Output,
        cells: Sequence[tuple[Cell, Descriptor | None]],
        desk: Desk,
    ) -> Finished:
        """Join the platforms' files and bring the result to its destination.

        Raises:
            ContentError: A part is not a tar file, or two platforms have the same path.
            OutputError: A file cannot be written.
        """
        split = flag(target, output, "platform-split", default=platform_count(target) > 1)
        parts = [
            (cell.platform.directory if split else "", _part(target, output, cell, desk.workspace))
            for cell, _ in cells
        ]
        whole = desk.workspace / f"{label(target, output)}.tar"
        if len(parts) == 1 and not split:
            whole = parts[0][1]
        else:
            await _join(parts, whole)
        place = Publication(target=target.name, kind="tar", place=output.dest)
        return await deliver(whole, output, desk, place)


def _part(target: Target, output: Output, cell: Cell, workspace: Path) -> Path:
    return workspace / f"{label(target, output)}-{cell.platform.directory}.tar"


async def _join(parts: Sequence[tuple[str, Path]], whole: Path) -> None:
    try:
        await in_thread(partial(_join_blocking, parts, whole))
    except tarfile.TarError as error:
        raise ContentError(
            "a node sent something else than a tar file", detail=str(error)
        ) from None
    except OSError as error:
        raise OutputError(f"cannot write {whole}", detail=error.strerror or "") from None


def _join_blocking(parts: Sequence[tuple[str, Path]], whole: Path, stop: StopFlag) -> None:
    seen: dict[str, tuple[int, bool]] = {}
    with tarfile.open(whole, "w", format=tarfile.PAX_FORMAT) as target:
        for number, (prefix, part) in enumerate(parts):
            if prefix:
                directory = tarfile.TarInfo(prefix)
                directory.type, directory.mode = tarfile.DIRTYPE, 0o755
                target.addfile(directory)
            with tarfile.open(part, "r|") as source:
                for entry in source:
                    stop.check()
                    moved = _moved(entry, prefix)
                    if _is_new(moved, number, seen):
                        content = source.extractfile(entry) if entry.isreg() else None
                        target.addfile(moved, content and _Stoppable(content, stop))
            part.unlink()


def _moved(entry: tarfile.TarInfo, prefix: str) -> tarfile.TarInfo:
    """Return an entry below another directory; hard links move along, symbolic ones stay."""
    moved = copy.copy(entry)
    moved.pax_headers = {k: v for k, v in entry.pax_headers.items() if k not in _REPEATED}
    if prefix:
        moved.name = f"{prefix}/{entry.name.lstrip('/')}"
        if entry.islnk():
            moved.linkname = f"{prefix}/{entry.linkname.lstrip('/')}"
    return moved


def _is_new(entry: tarfile.TarInfo, part: int, seen: dict[str, tuple[int, bool]]) -> bool:
    """Return whether an entry is to be written: a directory that several platforms have is, once.

    Raises:
        ContentError: Two platforms have different things there.
    """
    name = entry.name.strip("/")
    owner, was_directory = seen.setdefault(name, (part, entry.isdir()))
    if owner == part:
        return True
    if was_directory and entry.isdir():
        return False
    raise ContentError(
        f"two platforms have the path {name!r}", hint="drop platform-split=false from the output"
    )


class _Stoppable:
    """A file whose reader is asked to stop between two reads."""

    def __init__(self, file: IO[bytes], stop: StopFlag) -> None:
        self._file = file
        self._stop = stop

    def read(self, size: int = -1, /) -> bytes:
        self._stop.check()
        return self._file.read(size)
