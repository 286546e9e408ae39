"""What a layer says about programs: the entries that count, picked while it streams by.

Of a file, only what it says about processors and interpreters is kept; of a file that cannot be
run, only that it is there, because it takes the place of what lower layers have.
"""

from __future__ import annotations

import posixpath
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.oci.layers import entries
from bakex.platforms import elf, macho, pe
from bakex.platforms.excerpt import Excerpt, Gatherer
from bakex.platforms.recognise import recognise

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bakex.interfaces import ContentReader
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.oci.layers import LayerEntry
    from bakex.platforms.program import Content

FILE, DIRECTORY, LINK, HARD_LINK = "file", "directory", "link", "hard link"
WHITEOUT, OPAQUE = "whiteout", "opaque"
_MARK, _ALL = ".wh.", ".wh..wh..opq"
_OTHER_MARKS = ".wh..wh."  # what aufs keeps for itself
_SCRIPT = b"#!"
_MAGIC = 4  # bytes
_FIRST_LINE = 256
_BINARIES = frozenset({elf.MAGIC, *macho.MAGICS})
# Where dynamic linkers are told where libraries are: glibc's, and musl's.
_LISTS = ("etc/ld.so.conf", "etc/ld-musl-")
_LIST_FOLDER = "etc/ld.so.conf.d/"
_LONGEST_LIST = 1 << 16  # bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a layer, or what it does to lower layers.

    Attributes:
        path: Without slashes around it; empty for the root.
        kind: ``file``, ``directory``, ``link``, ``hard link``, ``whiteout`` (there is nothing any
            more), ``opaque`` (nothing of a directory's content), or what else a layer may have.
        link: Where a link leads to, as it is written; for a hard link, a path.
        runs: Whether somebody may execute it.
        content: What it says.
        text: Its content, if it tells dynamic linkers where libraries are.
    """

    path: str
    kind: str
    link: str = ""
    runs: bool = False
    content: Content = None
    text: str = ""

    @property
    def counts(self) -> bool:
        """Whether the file is more than something in the way of others."""
        return self.runs or self.content is not None or bool(self.text)


async def picked(
    reader: ContentReader, layer: Descriptor, diff_id: Digest | None
) -> AsyncGenerator[Entry, None]:
    """Yield what counts of a layer, in its order. Use ``contextlib.aclosing``.

    Args:
        reader: Where the layer is.
        layer: Its descriptor.
        diff_id: What the config says that it is without compression.

    Raises:
        ContentError: The layer cannot be read, or is not what it is said to be.
    """
    source = entries(reader, layer, diff_id=diff_id)
    async with aclosing(source):
        async for entry in source:
            found = await _entry(entry)
            if found is not None:
                yield found


def tidied(path: str) -> str:
    """Return a path without what leads nowhere, and without slashes around it."""
    return posixpath.normpath("/" + path).strip("/")


async def _entry(entry: LayerEntry) -> Entry | None:
    header = entry.header
    if header.kind == "global header":
        return None
    path = tidied(header.name)
    folder, _, name = path.rpartition("/")
    if name.startswith(_MARK):
        return _mark(folder, name)
    if header.kind == FILE:
        text = await _text(entry) if _is_list(path) else ""
        content = None if text else await _content(entry)
        return Entry(path, FILE, "", bool(header.mode & 0o111), content, text)
    link = tidied(header.link) if header.kind == HARD_LINK else header.link
    return Entry(path, header.kind, link)


def _mark(folder: str, name: str) -> Entry | None:
    if name == _ALL:
        return Entry(folder, OPAQUE)
    if name.startswith(_OTHER_MARKS):
        return None
    return Entry(f"{folder}/{name[len(_MARK) :]}".strip("/"), WHITEOUT)


def _is_list(path: str) -> bool:
    return path.startswith(_LISTS) and (
        path == _LISTS[0]
        or (path.startswith(_LIST_FOLDER) and path.endswith(".conf"))
        or (path.startswith(_LISTS[1]) and path.endswith(".path"))
    )


async def _text(entry: LayerEntry) -> str:
    return (await _start(entry, _LONGEST_LIST)).decode("utf-8", "replace")


async def _start(entry: LayerEntry, most: int) -> bytes:
    found = b""
    async with aclosing(entry.content()) as chunks:
        async for chunk in chunks:
            found += chunk
            if len(found) >= most:
                break
    return found[:most]


async def _content(entry: LayerEntry) -> Content:
    if entry.header.size < _MAGIC:
        return None
    start = b""
    gatherer: Gatherer | None = None
    async with aclosing(entry.content()) as chunks:
        async for chunk in chunks:
            if gatherer is not None:
                gatherer.feed(chunk)
                continue
            start += chunk
            if start[:2] == _SCRIPT:
                if len(start) >= _FIRST_LINE:
                    break
            elif len(start) >= _MAGIC:
                if start[:_MAGIC] not in _BINARIES and start[:2] != pe.MAGIC:
                    return None
                gatherer = Gatherer(elf.wanted)
                gatherer.feed(start)
    return recognise(Excerpt.whole(start) if gatherer is None else gatherer.excerpt())
