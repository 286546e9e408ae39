"""The sending side of the fsutil exchange: what a build context goes through.

Rules (fsutil, send.go):

* STAT for every entry, numbered from 0 by position, then STAT without a stat.
* The receiver asks for regular files by number, each at most once, as soon as their STAT was seen.
  It may have asked for all of them at once: only numbers are queued, never tasks or content.
* A file is sent as DATA packets and ends with an empty one. One that has vanished is just the empty
  one. One that cannot be read ends the exchange; fsutil sends that as empty too, but an image with
  a silently emptied file is worse than no image.
* After the receiver's FIN we answer FIN and are done: a daemon waits for our end before it ends its
  own side.

The list goes on only while little content is owed: a daemon has a thread of execution for each file
that it waits for, and its garbage collector looks through all of them again and again.

Listing and reading happen in threads, a bounded piece at a time; reading goes on while what was
read before is sent. All packets go through one lock, because a message may be sent in several parts
and two must not mix.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from bakex.errors import SessionError
from bakex.session.attachable import CallError, Status
from bakex.session.blocking import in_thread
from bakex.session.filesync import packets
from bakex.session.filesync.packets import PacketError, PacketType
from bakex.session.filesync.tree import unreadable
from bakex.session.filesync.walk import walk
from bakex.session.inbox import together

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from bakex.session.attachable import Call
    from bakex.session.filesync.packets import Stat
    from bakex.session.filesync.tree import File, Tree
    from bakex.session.filesync.walk import Selection

KiB = 1024
MAX_DATA_SIZE = 256 * KiB
"""Bytes of content in one packet; larger ones gain nothing, smaller ones cost both sides time."""

_ENTRIES_PER_STEP = 256  # as many as fsutil takes in ahead of what it writes to the disk
_OWED = 256  # files that have been asked for, from which on the list waits
_PACKETS_PER_STEP = 1024
_BYTES_PER_STEP = 512 * KiB
_STEPS_AHEAD = 4  # that have been read and wait to be sent


@dataclass(slots=True)
class Sent:
    """What an exchange came to.

    Attributes:
        entries: Listed entries.
        files: Files whose content was asked for.
        size: Bytes of content sent.
        vanished: Files that were listed but gone when they were asked for, sent as empty.
    """

    entries: int = 0
    files: int = 0
    size: int = 0
    vanished: int = 0


async def send_tree(call: Call, tree: Tree, selection: Selection) -> Sent:
    """Send a tree to the peer of a call.

    Raises:
        SessionError: Something cannot be read; the peer was told.
        CallError: The peer broke the rules, or gave up.
    """
    exchange = _Exchange(call, tree, walk(tree, selection))
    await together(
        exchange.told(exchange.list_entries()),
        exchange.told(exchange.read_content()),
        exchange.send_content(),
        exchange.receive_requests(),
    )
    await call.send(packets.FIN)
    return exchange.sent


class _Exchange:
    """One exchange: requests are queued, read and sent beside the list of entries."""

    def __init__(self, call: Call, tree: Tree, entries: Iterator[Stat]) -> None:
        self.sent = Sent()
        self._call = call
        self._tree = tree
        self._entries = entries
        self._turn = asyncio.Lock()
        self._offered: dict[int, bytes] = {}
        self._listed = False
        self._requested = deque[tuple[int, bytes]]()
        self._finished = False
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._content = asyncio.Queue[list[bytes]](_STEPS_AHEAD)

    async def told(self, work: Coroutine[None, None, None]) -> None:
        """Do a part of the work; tell the peer why if it fails."""
        try:
            await work
        except SessionError as error:
            await self._send([packets.encode_error(error.summary)])
            raise

    async def _send(self, messages: list[bytes]) -> None:
        async with self._turn:
            await self._call.send_all(messages)
        # A congested connection makes the sender wait; a fast one must not starve the others.
        await asyncio.sleep(0)

    async def list_entries(self) -> None:
        """Send the list of entries."""
        while messages := await in_thread(self._next_entries):
            await self._room.wait()
            await self._send(messages)
        self._listed = True
        await self._send([packets.END_OF_LIST])

    def _next_entries(self) -> list[bytes]:
        messages: list[bytes] = []
        for stat in islice(self._entries, _ENTRIES_PER_STEP):
            if stat.is_regular:
                self._offered[self.sent.entries] = stat.path
            self.sent.entries += 1
            messages.append(packets.encode_stat(stat))
        return messages

    async def receive_requests(self) -> None:
        """Queue what the receiver asks for, until it is done."""
        while not self._finished:
            messages = await self._call.receive_some()
            if not messages:
                raise CallError(Status.INVALID_ARGUMENT, "the receiver left before it was done")
            try:
                for message in messages:
                    file_id = packets.decode_request(message)
                    if file_id < 0:
                        self._accept(packets.decode(message))
                    else:
                        self._request(file_id)
            except PacketError as error:
                raise CallError(Status.INVALID_ARGUMENT, f"malformed packet: {error}") from None
            self._wake.set()
            if len(self._requested) >= _OWED:
                self._room.clear()

    def _accept(self, packet: packets.Packet) -> None:
        match packet.type:
            case PacketType.REQ:
                self._request(packet.id)
            case PacketType.FIN if self._listed:
                self._finished = True
            case PacketType.ERR:
                reason = bytes(packet.data).decode("utf-8", "replace")
                raise CallError(Status.INVALID_ARGUMENT, f"error from receiver: {reason}")
            case _:
                raise CallError(Status.INVALID_ARGUMENT, f"unexpected packet {packet.type}")

    def _request(self, file_id: int) -> None:
        # Taken out, so that a file is sent at most once.
        path = self._offered.pop(file_id, None)
        if path is None:
            raise CallError(Status.INVALID_ARGUMENT, f"invalid file id {file_id}")
        self._requested.append((file_id, path))

    async def read_content(self) -> None:
        """Read what is asked for, in that order, while what was read before is sent."""
        with closing(_Reader(self._tree, self._requested, self.sent)) as reader:
            while not self._finished:
                self._wake.clear()
                while messages := await in_thread(reader.next_messages):
                    if len(self._requested) < _OWED:
                        self._room.set()
                    await self._content.put(messages)
                if not self._finished:
                    await self._wake.wait()
        await self._content.put([])

    async def send_content(self) -> None:
        """Send what has been read."""
        while messages := await self._content.get():
            await self._send(messages)


class _Reader:
    """Reads requested files piece by piece, in threads; at most one file is open."""

    def __init__(self, tree: Tree, requested: deque[tuple[int, bytes]], sent: Sent) -> None:
        self._tree = tree
        self._requested = requested
        self._sent = sent
        self._id = 0
        self._path = b""
        self._file: File | None = None

    def next_messages(self) -> list[bytes]:
        """Return packets with up to half a MiB of content; none if nothing is asked for."""
        messages: list[bytes] = []
        size = 0
        while size < _BYTES_PER_STEP and len(messages) < _PACKETS_PER_STEP:
            if self._file is None and not self._next_file():
                break
            data = self._read()
            if data:
                size += len(data)
                messages.append(packets.encode_data(self._id, data))
            if self._file is None:
                messages.append(packets.encode_data(self._id, b""))
        self._sent.size += size
        return messages

    def _next_file(self) -> bool:
        """Open the next requested file, if it is there; return whether there is a request."""
        if not self._requested:
            return False
        self._id, self._path = self._requested.popleft()
        self._sent.files += 1
        self._file = self._tree.open(self._path)
        self._sent.vanished += self._file is None
        return True

    def _read(self) -> bytes:
        """Return the next piece, and close the file at its end; nothing if it is not there."""
        if self._file is None:
            return b""
        try:
            data = self._file.read(MAX_DATA_SIZE)
        except OSError as error:
            raise unreadable(self._path, error) from error
        if self._file.ended:
            self.close()
        return data

    def close(self) -> None:
        """Close the file that is open, if any."""
        if self._file is not None:
            self._file.close()
            self._file = None
