"""Headers of tar entries, as layers have them: ustar, GNU's and pax (POSIX.1-2024, pax).

Only single blocks and the bodies of extended headers come in here; `bakex.oci.layers` reads them.
What containerd's archive/tar does is what counts: a global header applies to nothing.
"""

from __future__ import annotations

import re
import tarfile
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from bakex.errors import ContentError

if TYPE_CHECKING:
    from collections.abc import Mapping

BLOCK = 512
FILE = "file"
_KINDS = {
    tarfile.REGTYPE: FILE,
    tarfile.AREGTYPE: FILE,
    tarfile.CONTTYPE: FILE,
    tarfile.LNKTYPE: "hard link",
    tarfile.SYMTYPE: "link",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
    tarfile.DIRTYPE: "directory",
    tarfile.FIFOTYPE: "pipe",
    tarfile.GNUTYPE_SPARSE: "sparse file",
    tarfile.XGLTYPE: "global header",
}
_WITHOUT_CONTENT = frozenset(
    {"hard link", "link", "character device", "block device", "directory", "pipe", "global header"}
)
_XATTR = "SCHILY.xattr."
_SPARSE = "GNU.sparse."
_RECORD = re.compile(rb"([0-9]{1,9}) ([^=]+)=")
_NUMBER = re.compile(r"[0-9]{1,18}")
_TIME = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{0,12})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a layer says about one of its entries, besides its content.

    Attributes:
        name: Its path in the image, without slashes around it; ``.`` for the root.
        written: The name as the archive has it.
        kind: ``file``, ``directory``, ``link``, ``hard link``, ``character device``,
            ``block device``, ``pipe``, ``sparse file``, ``global header`` or ``type X``.
        size: Bytes of content in the archive.
        mode: Permission bits, with set-uid and its like.
        mtime_ns: Nanoseconds since 1970.
        link: What a link, or a hard link, leads to.
        device: Major and minor number.
        xattrs: Extended attributes.
        extra: Records of extended headers that say something else, such as times of access.
    """

    name: str
    written: str
    kind: str
    size: int = 0
    mode: int = 0
    uid: int = 0
    gid: int = 0
    user: str = ""
    group: str = ""
    mtime_ns: int = 0
    link: str = ""
    device: tuple[int, int] = (0, 0)
    xattrs: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    extra: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def has_content(self) -> bool:
        """Whether an entry of this kind can have content."""
        return self.kind not in _WITHOUT_CONTENT


def records(body: bytes, layer: str) -> dict[str, bytes]:
    """Return the records of an extended header; of two with one key, the last one.

    Raises:
        ContentError: Malformed.
    """
    found: dict[str, bytes] = {}
    position = 0
    while position < len(body):
        match = _RECORD.match(body, position)
        end = position + int(match[1]) if match else 0
        if match is None or not match.end() < end <= len(body) or body[end - 1] != ord("\n"):
            raise ContentError(f"the layer {layer} has a malformed extended header")
        found[_text(match[2])] = body[match.end() : end - 1]
        position = end
    return found


def parse(block: bytes, layer: str) -> tarfile.TarInfo:
    """Read a block that is a header.

    Raises:
        ContentError: It is none.
    """
    try:
        found = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise ContentError(
            f"the layer {layer} is no tar archive, or damaged", detail=f"{error}."
        ) from None
    if found.size < 0:
        raise ContentError(f"the layer {layer} has an entry of a negative size")
    return found


def header(block: tarfile.TarInfo, pax: Mapping[str, bytes], layer: str) -> Header:
    """Return what a header means together with the extended one before it.

    Args:
        block: The header.
        pax: The records of the extended header; GNU's long names as ``path`` and ``linkpath``.
        layer: Its digest, for messages.

    Raises:
        ContentError: A record makes no sense.
    """
    left = {key: _text(value) for key, value in pax.items() if not key.startswith(_XATTR)}
    written = left.pop("path", block.name)
    kind = _KINDS.get(block.type, f"type {_text(block.type)}")
    if any(key.startswith(_SPARSE) for key in left):
        kind, written = "sparse file", left.get("GNU.sparse.name", written)
    size = _number(left.pop("size", None), block.size, layer)
    modified = left.pop("mtime", None)
    return Header(
        name=written.strip("/").removeprefix("./") or ".",
        written=written,
        kind=kind,
        size=0 if kind in _WITHOUT_CONTENT else size,
        mode=block.mode & 0o7777,
        uid=_number(left.pop("uid", None), block.uid, layer),
        gid=_number(left.pop("gid", None), block.gid, layer),
        user=left.pop("uname", block.uname),
        group=left.pop("gname", block.gname),
        mtime_ns=int(block.mtime) * 10**9 if modified is None else _time(modified, layer),
        link=left.pop("linkpath", block.linkname) if kind in {"link", "hard link"} else "",
        device=(block.devmajor, block.devminor) if kind.endswith("device") else (0, 0),
        xattrs={k[len(_XATTR) :]: v for k, v in pax.items() if k.startswith(_XATTR)},
        extra=left,
    )


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _number(text: str | None, default: int, layer: str) -> int:
    if text is None:
        return default
    if not _NUMBER.fullmatch(text):
        raise ContentError(f"the layer {layer} has an extended header with the number {text!r}")
    return int(text)


def _time(text: str, layer: str) -> int:
    if not _TIME.fullmatch(text):
        raise ContentError(f"the layer {layer} has an extended header with the time {text!r}")
    return int(Decimal(text) * 10**9)
