"""The FileSend service: what comes back from a build, as a tree or as one archive."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, ParamSpec, TypeAlias, TypeVar

from bakex.errors import OutputError
from bakex.session.attachable import CallError, Status
from bakex.session.blocking import in_thread
from bakex.session.filesync.packets import PacketError, decode_bytes
from bakex.session.filesync.receive import Received, receive_tree
from bakex.session.inbox import inbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import FileIO
    from pathlib import Path

    from bakex.session.attachable import Call, Handler, Metadata

P = ParamSpec("P")
T = TypeVar("T")

_METADATA_PREFIX = "exporter-md-"


class TreeTarget:
    """A directory that a ``local`` export is merged into.

    BuildKit makes one call per platform, at once; all write into the same directory.

    Attributes:
        directory: Created when the first call arrives.
        metadata: What the exporter said about its result, by key.
        received: What came of each call so far; only the finished ones are `complete`.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.metadata: dict[str, str] = {}
        self.received: list[Received] = []

    async def receive(self, call: Call) -> None:
        """Receive the files of one call.

        Raises:
            OutputError: They cannot be written, or are not acceptable.
        """
        received = Received()
        self.received.append(received)
        await receive_tree(call, self.directory, received=received)


class TarTarget:
    """A file that an archive is written to: whole, under its name, or not at all.

    The archive is written beside its destination, flushed to the disk and renamed at the end of
    the call. BuildKit also ends the call in the ordinary way when the export itself fails; only
    the build's own answer tells. A target that is not in a private directory should therefore be
    held back until that answer is there.

    Attributes:
        path: The destination, with symbolic links resolved when the call begins.
        metadata: What the exporter said about its result, by key.
        size: Bytes received.
        complete: Whether the archive is there, or (held back) would be.
    """

    def __init__(self, file: Path, *, hold: bool = False) -> None:
        """Describe a target; nothing is touched yet.

        Args:
            file: The destination; directories above it are created.
            hold: Rename on `commit` only; `discard` must be called if it is not.
        """
        self.path = file
        self.metadata: dict[str, str] = {}
        self.size = 0
        self.complete = False
        self._hold = hold
        self._temporary: Path | None = None
        self._file: FileIO | None = None
        self._committed = False

    async def receive(self, call: Call) -> None:
        """Receive the archive of one call.

        Raises:
            OutputError: It cannot be written, or the stream is malformed.
            CallError: There was a call for this target before.
        """
        if self._temporary is not None:
            raise CallError(Status.FAILED_PRECONDITION, "the archive was sent before")
        try:
            await self._on_disk(self._create)
            async with inbox(call) as arrived:
                while messages := await arrived.take():
                    await self._on_disk(self._write, messages)
            await self._on_disk(self._flush)
            if not self._hold:
                await self._on_disk(self.commit)
        finally:
            self._close()
            if not self.complete:
                self.discard()

    async def _on_disk(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await in_thread(function, *args, **kwargs)
        except OSError as error:
            raise self._failed(error) from error
        except PacketError as error:
            raise OutputError(f"the daemon sent a malformed archive: {error}") from error

    def _create(self) -> None:
        self.path = self.path.resolve()
        if self.path.exists() and not self.path.is_file():
            raise OutputError(f"{str(self.path)!r} is there and is not a regular file")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        name = f".{self.path.name[:60]}.{secrets.token_hex(6)}.tmp"
        self._temporary = self.path.with_name(name)
        self._file = self._temporary.open("xb", buffering=0)

    def _write(self, messages: list[bytes]) -> None:
        for message in messages:
            data = decode_bytes(message)
            self.size += len(data)
            while data and self._file is not None:
                data = data[self._file.write(data) :]

    def _flush(self) -> None:
        if self._file is not None:
            os.fsync(self._file.fileno())
        self.complete = True

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def commit(self) -> None:
        """Rename the archive to its destination; idempotent.

        Raises:
            OutputError: It is not complete, or cannot be renamed.
        """
        if self._committed:
            return
        if not self.complete or self._temporary is None:
            raise OutputError(f"the archive {str(self.path)!r} was not received")
        try:
            self._temporary.replace(self.path)
        except OSError as error:
            self.discard()
            raise self._failed(error) from error
        self._committed = True

    def discard(self) -> None:
        """Remove the archive unless it has been renamed; safe to repeat."""
        if self._temporary is not None and not self._committed:
            self.complete = False
            with suppress(OSError):
                self._temporary.unlink()

    def _failed(self, error: OSError) -> OutputError:
        reason = (error.strerror or str(error)).lower()
        return OutputError(f"cannot write {str(self.path)!r}: {reason}")


Target: TypeAlias = TreeTarget | TarTarget


class FileSend:
    """Takes the results of a build's exporters, by their position in the request."""

    def __init__(self, targets: Mapping[int, Target]) -> None:
        self._targets = {str(number): target for number, target in targets.items()}

    def services(self) -> Mapping[str, Handler]:
        """Return the method that receives files."""
        return {"/moby.filesync.v1.FileSend/DiffCopy": self._diff_copy}

    async def _diff_copy(self, call: Call) -> None:
        # Daemons before 0.13 have one exporter and do not number it.
        number = call.metadata.value("buildkit-attachable-exporter-id", "0")
        target = self._targets.get(number)
        if target is None:
            raise CallError(Status.NOT_FOUND, f"no export target {number!r}")
        target.metadata.update(_exporter_metadata(call.metadata))
        try:
            await target.receive(call)
        except OutputError as error:
            raise CallError(Status.INTERNAL, error.summary) from error


def _exporter_metadata(metadata: Metadata) -> dict[str, str]:
    keys = {key for key, _ in metadata.pairs if key.startswith(_METADATA_PREFIX)}
    # ``<key>-encoded`` only says how the value of ``<key>`` is written.
    marks = {key for key in keys if key.endswith("-encoded")}
    named = keys - {mark for mark in marks if mark.removesuffix("-encoded") in keys}
    return {key.removeprefix(_METADATA_PREFIX): metadata.value(key) for key in sorted(named)}
