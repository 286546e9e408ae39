"""Parts of a file that are enough to tell what it is, kept while it streams by.

The beginning has the headers, the end has the tables of sections, and what the headers point at in
between is kept as it comes. Memory is bounded however large the file is and whatever it says.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HEAD = 1 << 20  # bytes; the names of the libraries of all but the largest programs are in them
TAIL = 1 << 18  # bytes; spec: sections without addresses, such as .ARM.attributes, are at the end
RANGE = 1 << 16  # bytes of one thing that a header points at
RANGES = 32  # of such things

Range = tuple[int, int]  # offset, length


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """Parts of a file.

    Attributes:
        size: Of the whole file, in bytes.
        parts: Offset and content, the beginning first; they may overlap.
    """

    size: int
    parts: tuple[tuple[int, bytes], ...]

    @classmethod
    def whole(cls, content: bytes) -> Excerpt:
        """Return all of a small file."""
        return cls(size=len(content), parts=((0, content),))

    @property
    def head(self) -> bytes:
        """The beginning."""
        return self.parts[0][1] if self.parts else b""

    def read(self, offset: int, length: int) -> bytes | None:
        """Return bytes of the file; None if they were not kept, or are not there."""
        if offset < 0 or length < 0:
            return None
        for start, content in self.parts:
            if start <= offset and offset + length <= start + len(content):
                return content[offset - start : offset - start + length]
        return None


class Gatherer:
    """Makes an excerpt of a file that streams by.

    Args:
        wanted: Is asked once, with an excerpt of the beginning, which ranges behind it to keep.
    """

    def __init__(self, wanted: Callable[[Excerpt], Sequence[Range]] = lambda _: ()) -> None:
        self._wanted = wanted
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._ranges: list[tuple[int, int, bytearray]] | None = None
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        missing = HEAD - len(self._head)
        if missing > 0:
            self._head += chunk[:missing]
            self._size += len(chunk[:missing])
            chunk = chunk[missing:]
        if not chunk:
            return
        if self._ranges is None:
            asked = self._wanted(Excerpt(size=self._size, parts=((0, bytes(self._head)),)))
            self._ranges = [
                (offset, length, self._head[offset : offset + length])
                for offset, length in ((o, min(n, RANGE)) for o, n in asked[:RANGES])
            ]
        for offset, length, kept in self._ranges:
            first = offset + len(kept) - self._size
            if first >= 0:
                kept.extend(chunk[first : max(offset + length - self._size, 0)])
        self._size += len(chunk)
        self._keep_tail(chunk)

    def excerpt(self) -> Excerpt:
        """Return what was kept; the file is at its end."""
        tail = b"".join(self._tail)[-TAIL:]
        found = [(0, bytes(self._head))]
        if tail:
            found.append((self._size - len(tail), tail))
        found += [(offset, bytes(kept)) for offset, _, kept in self._ranges or () if kept]
        return Excerpt(size=self._size, parts=tuple(found))

    def _keep_tail(self, chunk: bytes) -> None:
        self._tail.append(chunk[-TAIL:])
        self._tail_size += len(self._tail[-1])
        while self._tail_size - len(self._tail[0]) >= TAIL:
            self._tail_size -= len(self._tail.popleft())
