"""The receiving side of the fsutil exchange: how a tree comes back from a build.

Rules (fsutil, receive.go, validator.go and hardlinks.go):

* Entries come in the order of `bakex.session.filesync.walk`; every parent is a directory that was
  announced before; a link to a file names a regular file that was announced before.
* A bounded number of files is asked for at a time, and none that is empty.
* When all is written we send FIN; the sender answers FIN and does *not* end its side, so that is
  the end.

The sender is not trusted: order, names, sizes and counts are checked, and `TreeWriter` keeps every
write below the root.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.errors import OutputError
from bakex.session.blocking import in_thread
from bakex.session.filesync import packets
from bakex.session.filesync.packets import PacketError, PacketType, Stat
from bakex.session.filesync.writer import OpenFile, TreeWriter
from bakex.session.inbox import inbox

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bakex.session.attachable import Call

MiB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a sender may ask of this side.

    Attributes:
        requests: Files that are asked for, and so may be open, at once.
        entries: Entries of a tree.
        metadata: Bytes of all entries' descriptions together.
        path: Bytes of a path (Linux: PATH_MAX).
        tell_s: Seconds that a sender which no longer reads may delay the report of a failure.
    """

    requests: int = 128
    entries: int = 2_000_000
    metadata: int = 512 * MiB
    path: int = 4096
    tell_s: float = 2.0


@dataclass(slots=True)
class Received:
    """What an exchange came to.

    Attributes:
        entries: Entries of the tree.
        files: Regular files, not counting further names of them.
        size: Bytes of content.
        complete: Whether everything was written. A daemon may cut the call off right after it was
            told so, before this side has seen its answer; nothing is missing then.
    """

    entries: int = 0
    files: int = 0
    size: int = 0
    complete: bool = False


async def receive_tree(
    call: Call, directory: Path, *, limits: Limits | None = None, received: Received | None = None
) -> Received:
    """Receive a tree into a directory and merge it with what is there.

    A failure leaves complete files in place and no incomplete one.

    Args:
        call: Its peer sends the tree.
        directory: Created if it is not there.
        limits: What is acceptable.
        received: Kept up to date while the exchange goes on; the result.

    Raises:
        OutputError: Something cannot be written, or the sender broke the rules; it was told.
    """
    limits = limits or Limits()
    try:
        receiver = Receiver(directory, limits, Received() if received is None else received)
        try:
            await in_thread(receiver.open)
            await _receive(call, receiver)
        finally:
            receiver.close()
    except OutputError as error:
        await _tell(call, error, limits.tell_s)
        raise
    return receiver.received


async def _receive(call: Call, receiver: Receiver) -> None:
    async with inbox(call) as arrived:
        while not receiver.done:
            messages = await arrived.take()
            if not messages:
                receiver.check_end()
                return
            answers = await in_thread(receiver.accept, messages)
            if answers:
                await call.send_all(answers)


async def _tell(call: Call, error: OutputError, timeout_s: float) -> None:
    # A courtesy: the sender also learns of the failure from the status of the call.
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await call.send(packets.encode_error(error.summary))


class Order:
    """Checks that entries come in the order of a walk, once, and in announced directories."""

    def __init__(self) -> None:
        self._open: list[tuple[bytes, bytes]] = [(b"", b"")]

    def check(self, path: bytes, *, is_dir: bool) -> None:
        """Accept the next entry.

        Raises:
            OutputError: The path is not clean, not relative, or not in order.
        """
        parent, _, name = path.rpartition(b"/")
        if name in {b"", b".", b".."} or b"\0" in name:
            raise _refused("an invalid path", path)
        while self._open and self._open[-1][0] != parent:
            self._open.pop()
        if not self._open or path.startswith(b"/") or self._open[-1][1] >= name:
            raise _refused("a path out of order", path)
        self._open[-1] = (parent, name)
        if is_dir:
            self._open.append((path, b""))


class Receiver:
    """The state of one exchange; takes batches of messages and returns answers. Blocks.

    Attributes:
        received: What has come so far.
        done: Whether the exchange is complete.
    """

    def __init__(self, directory: Path, limits: Limits, received: Received) -> None:
        self.received = received
        self.done = False
        self._where = str(directory)
        self._limits = limits
        self._order = Order()
        self._metadata = 0
        self._listed = False
        self._regular: set[bytes] = set()
        self._waiting: deque[tuple[int, Stat]] = deque()
        self._requested: dict[int, Stat] = {}
        self._files: dict[int, OpenFile] = {}
        self._writer = TreeWriter(directory)

    def open(self) -> None:
        """Create the directory, if necessary.

        Raises:
            OutputError: It cannot be created or opened.
        """
        try:
            self._writer.open()
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Remove incomplete files and close everything."""
        for file in self._files.values():
            self._writer.discard_file(file)
        self._files.clear()
        self._writer.close()

    def check_end(self) -> None:
        """Accept that the sender has ended, if it may.

        Raises:
            OutputError: It may not: something is missing.
        """
        if not self.received.complete:
            raise OutputError(f"the files for {self._where} are incomplete: the transfer broke off")

    def accept(self, messages: Iterable[bytes]) -> list[bytes]:
        """Work on messages and return the answers.

        Raises:
            OutputError: Something cannot be written, or the sender broke the rules.
        """
        try:
            for message in messages:
                if self.done:
                    break
                self._accept(packets.decode(message), len(message))
            return self._next_answers()
        except PacketError as error:
            raise OutputError(f"the daemon sent a malformed packet: {error}") from error
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> OutputError:
        reason = (error.strerror or str(error)).lower()
        return OutputError(f"cannot write to {self._where}: {reason}")

    def _accept(self, packet: packets.Packet, size: int) -> None:
        match packet.type:
            case PacketType.STAT if not self._listed:
                if packet.stat is None:
                    self._listed = True
                else:
                    self._accept_entry(packet.stat, size)
            case PacketType.DATA:
                self._accept_data(packet.id, packet.data)
            case PacketType.FIN if self.received.complete:
                self.done = True
            case PacketType.ERR:
                reason = bytes(packet.data).decode("utf-8", "replace")
                raise OutputError(f"the daemon could not send the files: {reason}")
            case _:
                raise OutputError(f"the daemon sent an unexpected packet of type {packet.type}")

    def _accept_entry(self, stat: Stat, size: int) -> None:
        file_id = self.received.entries
        self.received.entries += 1
        self._metadata += size
        self._check_limits(stat)
        self._order.check(stat.path, is_dir=stat.is_dir)
        if stat.is_dir:
            self._writer.make_directory(stat)
        elif not stat.is_regular:
            self._accept_special(stat)
        elif stat.linkname:
            if stat.linkname not in self._regular:
                raise _refused("a link to something that it did not send", stat.linkname)
            self._writer.make_link(stat)
        else:
            self._regular.add(stat.path)
            self.received.files += 1
            if stat.size:
                self._waiting.append((file_id, stat))
            else:
                self._writer.finish_file(self._writer.open_file(stat))

    def _check_limits(self, stat: Stat) -> None:
        limits = self._limits
        if self.received.entries > limits.entries or self._metadata > limits.metadata:
            raise OutputError("the daemon sent more entries than bakex accepts")
        if len(stat.path) > limits.path or stat.size < 0:
            raise _refused("an invalid path", stat.path[: limits.path])

    def _accept_special(self, stat: Stat) -> None:
        kinds = packets.GoMode.SYMLINK | packets.GoMode.DEVICE | packets.GoMode.FIFO
        if not stat.mode & kinds or b"\0" in stat.linkname:
            raise _refused("an entry of an unknown kind", stat.path)
        self._writer.make_special(stat)

    def _accept_data(self, file_id: int, data: memoryview) -> None:
        file = self._files.get(file_id)
        if file is None:
            stat = self._requested.pop(file_id, None)
            if stat is None:
                raise OutputError(f"the daemon sent content that was not asked for ({file_id})")
            file = self._files[file_id] = self._writer.open_file(stat)
        if data:
            self._write(file, data)
            return
        if file.size != file.stat.size:
            raise _refused(f"{file.size} of {file.stat.size} bytes", file.stat.path)
        del self._files[file_id]
        self._writer.finish_file(file)

    def _write(self, file: OpenFile, data: memoryview) -> None:
        file.size += len(data)
        self.received.size += len(data)
        if file.size > file.stat.size:
            raise _refused(f"more than {file.stat.size} bytes", file.stat.path)
        while data:
            data = data[os.write(file.descriptor, data) :]

    def _next_answers(self) -> list[bytes]:
        answers: list[bytes] = []
        while self._waiting and len(self._requested) + len(self._files) < self._limits.requests:
            file_id, stat = self._waiting.popleft()
            self._requested[file_id] = stat
            answers.append(packets.encode_request(file_id))
        if self._listed and not (self._requested or self._files or self.received.complete):
            self._writer.finish()
            self.received.complete = True
            answers.append(packets.FIN)
        return answers


def _refused(what: str, path: bytes) -> OutputError:
    return OutputError(f"the daemon sent {what}: {path.decode('utf-8', 'backslashreplace')!r}")
