"""HTTP/2 frames on their way in: many small ones become a few large ones.

Daemons put every message into a DATA frame of its own, and what h2 does for a frame takes longer
than what a service does for a message: 20,000 files are 20,000 requests of a few bytes. Adjacent
DATA frames of one stream mean the same as one with their contents: windows count contents, not
frames (RFC 9113, sections 5.2.1 and 6.1). All other frames pass as they are, and all checks remain
with h2.
"""

from __future__ import annotations

import struct

_HEAD = struct.Struct(">HBBBI")  # length, in two parts; type; flags; number of the stream
_DATA = 0


class Merger:
    """Merges the DATA frames of a byte stream; holds an incomplete frame back."""

    def __init__(self, *, preface: int) -> None:
        """Begin with a connection.

        Args:
            preface: How many bytes come before the first frame.
        """
        self._preface = preface
        self._rest = b""
        self._beyond = False

    def feed(self, data: bytes, max_size: int) -> bytes:
        """Return the frames that are complete with these bytes.

        Args:
            data: What has arrived.
            max_size: The largest content of a frame that may arrive. From the first larger one on
                everything is passed as it is, for h2 to refuse.
        """
        if self._beyond:
            return data
        passed = data[: self._preface]
        self._preface -= len(passed)
        run = _Run([passed], max_size)
        data, at = self._rest + data[len(passed) :], 0
        while len(data) - at >= _HEAD.size:
            high, low, kind, flags, number = _HEAD.unpack_from(data, at)
            size = high << 8 | low
            if size > max_size:
                self._beyond = True
                break
            start, end = at + _HEAD.size, at + _HEAD.size + size
            if end > len(data):
                break
            # With a flag, such as the end of the stream or padding, it says more than its content.
            if kind == _DATA and not flags and size:
                run.add(number, data[start:end])
            else:
                run.end()
                run.out.append(data[at:end])
            at = end
        run.end()
        self._rest = data[at:]
        if self._beyond:
            run.out.append(self._rest)
            self._rest = b""
        return b"".join(run.out)


class _Run:
    """Adjacent DATA frames of one stream, as many as fit into one."""

    __slots__ = ("_max_size", "_number", "_parts", "_size", "out")

    def __init__(self, out: list[bytes], max_size: int) -> None:
        self.out = out
        self._max_size = max_size
        self._parts: list[bytes] = []
        self._size = 0
        self._number = 0

    def add(self, number: int, content: bytes) -> None:
        """Take the content of the next frame."""
        if number != self._number or self._size + len(content) > self._max_size:
            self.end()
            self._number = number
        self._parts.append(content)
        self._size += len(content)

    def end(self) -> None:
        """Write the frame."""
        if self._parts:
            self.out.append(_HEAD.pack(self._size >> 8, self._size & 0xFF, _DATA, 0, self._number))
            self.out += self._parts
            self._parts = []
            self._size = 0
