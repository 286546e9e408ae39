"""The packets of the fsutil exchange, encoded and decoded by hand.

A build context of 20,000 files is 60,000 packets, so this module makes no message objects. The
field numbers are those of ``fsutil/types/wire.proto`` and ``stat.proto``:

* Packet: 1 type, 2 stat, 3 id, 4 data. ``Packet{}`` (no bytes) is a STAT without a stat and ends
  the list of entries.
* Stat: 1 path, 2 mode, 3 uid, 4 gid, 5 size, 6 modification time (ns), 7 link name, 8 and 9 device
  numbers, 10 extended attributes.

Paths are bytes: a file name need not be UTF-8, and the order of entries is that of bytes.
"""

from __future__ import annotations

import stat as posix
from enum import IntEnum
from functools import cache
from typing import NamedTuple

_EMPTY = memoryview(b"")
_WIRE_VARINT, _WIRE_64, _WIRE_BYTES, _WIRE_32 = 0, 1, 2, 5
_MASK_64 = 0xFFFF_FFFF_FFFF_FFFF


class PacketError(ValueError):
    """The bytes are not a packet; translated by whoever reads the stream."""


class PacketType(IntEnum):
    """What a packet is about."""

    STAT = 0
    REQ = 1
    DATA = 2
    FIN = 3
    ERR = 4


class GoMode(IntEnum):
    """The bits of Go's ``os.FileMode`` above the permissions; not those of ``st_mode``."""

    DIR = 1 << 31
    SYMLINK = 1 << 27
    DEVICE = 1 << 26
    FIFO = 1 << 25
    SOCKET = 1 << 24
    SETUID = 1 << 23
    SETGID = 1 << 22
    CHAR_DEVICE = 1 << 21
    STICKY = 1 << 20
    IRREGULAR = 1 << 19


# An attribute of an enumeration is looked up by a function.
_DIR = int(GoMode.DIR)
_TYPE_BITS = (
    GoMode.DIR
    | GoMode.SYMLINK
    | GoMode.DEVICE
    | GoMode.FIFO
    | GoMode.SOCKET
    | GoMode.CHAR_DEVICE
    | GoMode.IRREGULAR
)
_GO_TYPES = {
    posix.S_IFDIR: int(GoMode.DIR),
    posix.S_IFLNK: int(GoMode.SYMLINK),
    posix.S_IFBLK: int(GoMode.DEVICE),
    posix.S_IFCHR: GoMode.DEVICE | GoMode.CHAR_DEVICE,
    posix.S_IFIFO: int(GoMode.FIFO),
}
_SPECIAL = (
    (posix.S_ISUID, GoMode.SETUID),
    (posix.S_ISGID, GoMode.SETGID),
    (posix.S_ISVTX, GoMode.STICKY),
)


class Stat(NamedTuple):
    """One entry of a tree; a named tuple because one is made for every file.

    Attributes:
        path: Relative, slash-separated, clean.
        mode: Go's ``os.FileMode``.
        size: Bytes; 0 for directories and for later names of a hard-linked file.
        mtime_ns: Nanoseconds since 1970; may be negative.
        linkname: Target of a symbolic link, or the path of an earlier name of the same file.
        devmajor: Of a device.
        devminor: Of a device.
        xattrs: Extended attributes, sorted by name.
    """

    path: bytes
    mode: int
    size: int = 0
    mtime_ns: int = 0
    linkname: bytes = b""
    devmajor: int = 0
    devminor: int = 0
    xattrs: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def is_dir(self) -> bool:
        """Whether the entry is a directory."""
        return bool(self.mode & _DIR)

    @property
    def is_regular(self) -> bool:
        """Whether the entry has content that may be requested (no type bit is set)."""
        return not self.mode & _TYPE_BITS


class Packet(NamedTuple):
    """A decoded packet; `data` is a view into the message."""

    type: int
    stat: Stat | None
    id: int
    data: memoryview


@cache
def go_mode(st_mode: int) -> int:
    """Return Go's mode for a ``st_mode``; a socket becomes a regular file, as fsutil does."""
    mode = (st_mode & 0o777) | _GO_TYPES.get(posix.S_IFMT(st_mode), 0)
    for bit, go_bit in _SPECIAL:
        if st_mode & bit:
            mode |= go_bit
    return mode


def permissions(mode: int) -> int:
    """Return the permissions of a Go mode as ``chmod`` takes them, with set-id and sticky."""
    bits = mode & 0o777
    for bit, go_bit in _SPECIAL:
        if mode & go_bit:
            bits |= bit
    return bits


def varint(value: int) -> bytes:
    """Encode a number from 0 to 2**64-1."""
    if value < 0x80:
        return bytes((value,))
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    if value >> 56 and not value >> 63:
        # Nine bytes: every time of modification from 1972 to 2262. The loop takes three times as
        # long, once per file.
        return bytes(
            (
                value & 0x7F | 0x80,
                value >> 7 & 0x7F | 0x80,
                value >> 14 & 0x7F | 0x80,
                value >> 21 & 0x7F | 0x80,
                value >> 28 & 0x7F | 0x80,
                value >> 35 & 0x7F | 0x80,
                value >> 42 & 0x7F | 0x80,
                value >> 49 & 0x7F | 0x80,
                value >> 56,
            )
        )
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(tag: int, value: bytes) -> bytes:
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    return bytes((tag,)) + varint(size) + value


def encode_stat(entry: Stat) -> bytes:
    """Encode a STAT packet. Owner and group are left out: a build context belongs to nobody."""
    path, mode, size, mtime_ns, linkname, devmajor, devminor, xattrs = entry
    body = _field(0x0A, path)
    if mode:
        body += b"\x10" + varint(mode)
    if size:
        body += b"\x28" + varint(size)
    if mtime_ns:
        body += b"\x30" + varint(mtime_ns & _MASK_64)
    if linkname:
        body += _field(0x3A, linkname)
    if devmajor:
        body += b"\x40" + varint(devmajor)
    if devminor:
        body += b"\x48" + varint(devminor)
    for name, value in xattrs:
        body += _field(0x52, _field(0x0A, name) + _field(0x12, value))
    return _field(0x12, body)


END_OF_LIST = b""
FIN = b"\x08\x03"
_REQUEST = b"\x08\x01\x18"


def encode_request(file_id: int) -> bytes:
    """Encode the request for a file's content."""
    return _REQUEST + varint(file_id) if file_id else b"\x08\x01"


def decode_request(message: bytes) -> int:
    """Return the number in a request as daemons write it; -1 for all else, which is for `decode`.

    A request comes for every file, and this takes a third of the time.
    """
    if message.startswith(_REQUEST):
        size = len(message)
        if size == 5 and message[3] > 0x7F >= message[4]:
            return message[3] & 0x7F | message[4] << 7
        if size == 6 and message[3] > 0x7F and message[4] > 0x7F >= message[5]:
            return message[3] & 0x7F | (message[4] & 0x7F) << 7 | message[5] << 14
    return -1


def encode_data(file_id: int, data: bytes) -> bytes:
    """Encode a piece of a file; no data means that the file is complete."""
    head = b"\x08\x02" + (b"\x18" + varint(file_id) if file_id else b"")
    return b"".join((head, b"\x22", varint(len(data)), data)) if data else head


def encode_error(message: str) -> bytes:
    """Encode the packet that ends an exchange with a reason."""
    return b"\x08\x04" + _field(0x22, message.encode("utf-8", "replace"))


def encode_bytes(data: bytes) -> bytes:
    """Encode BuildKit's ``BytesMessage`` (1: data)."""
    return _field(0x0A, data)


def decode_bytes(message: bytes) -> memoryview:
    """Decode a ``BytesMessage`` without copying the data.

    Raises:
        PacketError: The message is malformed.
    """
    view, at, data = memoryview(message), 0, _EMPTY
    while at < len(message):
        tag, at = _read_varint(message, at)
        if tag == 0x0A:
            data, at = _read_bytes(view, message, at)
        else:
            at = _skip(message, at, tag)
    return data


def decode(message: bytes) -> Packet:
    """Decode a packet; unknown fields are skipped.

    Raises:
        PacketError: The message is malformed.
    """
    view, at, end = memoryview(message), 0, len(message)
    kind, entry, file_id, data = 0, None, 0, _EMPTY
    while at < end:
        tag, at = _read_varint(message, at)
        if tag == 0x08:
            kind, at = _read_varint(message, at)
        elif tag == 0x18:
            file_id, at = _read_varint(message, at)
        elif tag == 0x22:
            data, at = _read_bytes(view, message, at)
        elif tag == 0x12:
            body, at = _read_bytes(view, message, at)
            entry = _decode_stat(bytes(body))
        else:
            at = _skip(message, at, tag)
    return Packet(kind, entry, file_id, data)


def _decode_stat(message: bytes) -> Stat:
    view, at = memoryview(message), 0
    numbers: dict[int, int] = {}
    texts: dict[int, bytes] = {}
    xattrs: dict[bytes, bytes] = {}
    while at < len(message):
        tag, at = _read_varint(message, at)
        if tag in {0x0A, 0x3A}:
            text, at = _read_bytes(view, message, at)
            texts[tag] = bytes(text)
        elif tag & 7 == _WIRE_VARINT:
            numbers[tag], at = _read_varint(message, at)
        elif tag == 0x52:
            item, at = _read_bytes(view, message, at)
            name, value = _decode_xattr(bytes(item))
            xattrs[name] = value
        else:
            at = _skip(message, at, tag)
    return Stat(
        path=texts.get(0x0A, b""),
        mode=numbers.get(0x10, 0) & 0xFFFF_FFFF,
        size=_signed(numbers.get(0x28, 0)),
        mtime_ns=_signed(numbers.get(0x30, 0)),
        linkname=texts.get(0x3A, b""),
        devmajor=_signed(numbers.get(0x40, 0)),
        devminor=_signed(numbers.get(0x48, 0)),
        xattrs=tuple(sorted(xattrs.items())),
    )


def _decode_xattr(message: bytes) -> tuple[bytes, bytes]:
    view, at = memoryview(message), 0
    parts: dict[int, bytes] = {}
    while at < len(message):
        tag, at = _read_varint(message, at)
        if tag in {0x0A, 0x12}:
            part, at = _read_bytes(view, message, at)
            parts[tag] = bytes(part)
        else:
            at = _skip(message, at, tag)
    return parts.get(0x0A, b""), parts.get(0x12, b"")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    try:
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & _MASK_64, at
            shift += 7
            if shift > 63:
                raise PacketError("a number is too long")
    except IndexError:
        raise PacketError("a message ends within a number") from None


def _read_bytes(view: memoryview, message: bytes, at: int) -> tuple[memoryview, int]:
    size, at = _read_varint(message, at)
    if size > len(message) - at:
        raise PacketError("a message ends within a field")
    return view[at : at + size], at + size


def _skip(message: bytes, at: int, tag: int) -> int:
    wire = tag & 7
    if wire == _WIRE_VARINT:
        return _read_varint(message, at)[1]
    if wire == _WIRE_BYTES:
        size, at = _read_varint(message, at)
    elif wire in {_WIRE_64, _WIRE_32}:
        size = 8 if wire == _WIRE_64 else 4
    else:
        raise PacketError("a field has an unknown wire type")
    if size > len(message) - at:
        raise PacketError("a message ends within a field")
    return at + size
