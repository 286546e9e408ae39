"""Files on their way to a destination that is a file or standard output."""

from __future__ import annotations

import errno
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bakex._util.atomic import Staged
from bakex._util.threads import in_thread
from bakex.errors import OutputError
from bakex.model.outputs import STDOUT
from bakex.outputs.attributes import unsupported
from bakex.outputs.finished import Streamed, Waiting

if TYPE_CHECKING:
    from bakex._util.threads import StopFlag
    from bakex.interfaces import Desk, Finished
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.publication import Publication
    from bakex.model.target import Target

_CHUNK = 1 << 20


def check_file(target: Target, output: Output) -> None:
    """Make sure, before anything is built, that a destination can be a file.

    Raises:
        UnsupportedOutputError: There is none, or it is a directory.
    """
    if not output.dest:
        raise unsupported(target, output, "it needs a destination", "add dest=FILE")
    if output.dest != STDOUT and Path(output.dest).is_dir():
        raise unsupported(
            target, output, f"the destination {output.dest} is a directory", "add dest=FILE"
        )


def stage(destination: Path, *, directory: bool = False) -> Staged:
    """Return an empty file or directory beside a destination, whose parents are made.

    Raises:
        OutputError: It cannot be made.
    """
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        return Staged(destination, directory=directory)
    except OSError as error:
        raise OutputError(f"cannot write {destination}", detail=error.strerror or "") from None


async def deliver(
    file: Path,
    output: Output,
    desk: Desk,
    publication: Publication,
    *,
    root: Descriptor | None = None,
) -> Finished:
    """Bring a finished file of the workspace beside its destination, or ready for standard output.

    Raises:
        OutputError: It cannot be written there.
    """
    if output.dest == STDOUT:
        return Streamed(root=root, publication=publication, file=file, desk=desk)
    staged = stage(Path(output.dest))
    try:
        await in_thread(partial(_move, file, staged.path))
    except OSError as error:
        staged.discard()
        raise OutputError(f"cannot write {output.dest}", detail=error.strerror or "") from None
    return Waiting(root=root, publication=publication, staged=staged)


def _move(source: Path, target: Path, stop: StopFlag) -> None:
    mode = target.stat().st_mode & 0o777
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with source.open("rb") as reader, target.open("wb") as writer:
            while chunk := reader.read(_CHUNK):
                stop.check()
                writer.write(chunk)
        source.unlink()
    target.chmod(mode)
