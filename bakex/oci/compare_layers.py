"""What differs between two layers, file by file.

Both are read at the same time, an entry of each in turn. An entry is kept until the other layer has
the one of its name, so layers that have the same entries in the same order need no memory however
large they are. Of several entries of one name, the first is compared with the first.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import deque
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bakex.model.difference import ADDED, CHANGED, REMOVED, FileDifference, Moved

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from bakex.oci.headers import Header
    from bakex.oci.layers import LayerEntry

    Entries = AsyncGenerator[LayerEntry, None]

_HEAD = 4096  # bytes of a file that are kept to look at
_FEW = 4096  # entries that wait; if there are more, the beginnings of files are not kept
_NOWHERE = -1
_NS = 10**9
_LAST_S = 253_402_300_799  # the end of the year 9999


@dataclass(frozen=True, slots=True)
class _Record:
    """An entry as it is compared: what it is, and the digest of its content if it has any."""

    header: Header
    content: str
    position: int = field(compare=False)
    head: bytes = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What differs in two layers; see `bakex.model.difference.LayerDifference`."""

    files: tuple[FileDifference, ...]
    counts: Mapping[str, int]
    moved: Moved | None


async def compare_contents(a: Entries, b: Entries, *, most: int) -> Contents:
    """Return what differs between the entries of two layers.

    Args:
        a: The entries of the first one; closed at the end, as those of the other one.
        b: The entries of the second one.
        most: How many files to tell of, by `FileDifference.rank`; all of them are counted.

    Raises:
        ContentError: One of the layers cannot be read.
    """
    pairs = _Pairs(most)
    async with aclosing(a), aclosing(b):
        waiting = deque(enumerate((a, b)))
        while waiting:
            side, source = waiting.popleft()
            entry = await anext(source, None)
            if entry is not None:
                pairs.take(side, await _record(entry, keeps_head=pairs.waiting < _FEW))
                waiting.append((side, source))
    return pairs.contents()


async def _record(entry: LayerEntry, *, keeps_head: bool) -> _Record:
    hasher, head = hashlib.sha256(), b""
    async for chunk in entry.content():
        hasher.update(chunk)
        if keeps_head and len(head) < _HEAD:
            head += chunk[: _HEAD - len(head)]
    content = f"sha256:{hasher.hexdigest()}" if entry.header.has_content else ""
    return _Record(entry.header, content, entry.position, head)


class _Pairs:
    """Brings together the entries of one name, and keeps what differs."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._alone: tuple[dict[str, deque[_Record]], dict[str, deque[_Record]]] = ({}, {})
        self._found: list[FileDifference] = []
        self._counts = {ADDED: 0, REMOVED: 0, CHANGED: 0}
        self._places = array("q")  # position in a -> position in b
        self._displaced: dict[int, str] = {}  # position in a -> name, where the two are not equal
        self.waiting = 0

    def take(self, side: int, record: _Record) -> None:
        """Take an entry of the first (0) or the second (1) layer."""
        name = record.header.name
        others = self._alone[1 - side]
        if name not in others:
            self._alone[side].setdefault(name, deque()).append(record)
            self.waiting += 1
            return
        other = others[name].popleft()
        if not others[name]:
            del others[name]
        self.waiting -= 1
        self._pair(*((other, record) if side else (record, other)))

    def contents(self) -> Contents:
        """Return what was found; both layers are at their ends."""
        for side, status in enumerate((REMOVED, ADDED)):
            for records in self._alone[side].values():
                for record in records:
                    self._keep(status, *((None, record) if side else (record, None)))
        self._cut()
        return Contents(files=tuple(self._found), counts=self._counts, moved=self._moved())

    def _pair(self, a: _Record, b: _Record) -> None:
        missing = a.position + 1 - len(self._places)
        if missing > 0:
            self._places.extend([_NOWHERE] * missing)
        self._places[a.position] = b.position
        if a.position != b.position:
            self._displaced[a.position] = a.header.name
        if a != b:
            self._keep(CHANGED, a, b)

    def _keep(self, status: str, a: _Record | None, b: _Record | None) -> None:
        self._counts[status] += 1
        record = a or b
        if record is None or not self._most:
            return
        heads = (a.head, b.head) if a and b else (b"", b"")
        self._found.append(
            FileDifference(
                path=_shown(record.header.name),
                a=_state(a) if a else None,
                b=_state(b) if b else None,
                heads=heads,
            )
        )
        if len(self._found) > 2 * self._most:
            self._cut()

    def _cut(self) -> None:
        self._found.sort(key=lambda file: file.rank)
        del self._found[self._most :]

    def _moved(self) -> Moved | None:
        """Return the first pair out of order; one of the two of an inversion was displaced."""
        last, furthest = _NOWHERE, _NOWHERE
        for position, place in enumerate(self._places):
            if place == _NOWHERE:
                continue
            if place < last:
                at = position if position in self._displaced else furthest
                name = _shown(self._displaced[at])
                return Moved(path=name, a=at + 1, b=self._places[at] + 1)
            last, furthest = place, position
        return None


def _state(record: _Record) -> dict[str, object]:
    """Return all that is known of an entry, under the names that people know it by."""
    header = record.header
    state: dict[str, object] = {
        "type": header.kind,
        "mode": f"{header.mode:04o}",
        "uid": header.uid,
        "gid": header.gid,
        "user": _shown(header.user),
        "group": _shown(header.group),
        "modified": _moment(header.mtime_ns),
    }
    if header.has_content:
        state |= {"size": header.size, "content": record.content}
    if header.link:
        state["link"] = _shown(header.link)
    if header.kind.endswith("device"):
        state["device"] = "{}:{}".format(*header.device)
    if header.xattrs:
        xattrs = sorted(header.xattrs.items())
        state["xattrs"] = {_shown(key): value.hex() for key, value in xattrs}
    if header.extra:
        state["pax"] = {_shown(key): _shown(text) for key, text in sorted(header.extra.items())}
    if header.written.strip("/").removeprefix("./") != header.written:
        state["written"] = _shown(header.written)
    return state


def _moment(ns: int) -> str:
    """Return a time in RFC 3339; what no calendar has, in seconds."""
    seconds, rest = divmod(ns, _NS)
    if not 0 <= seconds <= _LAST_S:
        return f"@{seconds}"
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _shown(text: str) -> str:
    """Return text that is UTF-8 whatever it was; other bytes are written in hexadecimal."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
