"""The entries of a layer, read as it streams by.

Nothing is kept: a layer of any size takes the same memory. Every byte is verified, and the end is
reached only by content that is what its descriptor says. A layer may come from anywhere, so what it
unpacks to, how many entries it has and how much of that are extended headers is bounded.
"""

from __future__ import annotations

import hashlib
import tarfile
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.errors import ContentError, DigestMismatchError
from bakex.oci.headers import BLOCK, Header, header, parse, records
from bakex.oci.unpacked import unpacked
from bakex.oci.verified import stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bakex.interfaces import ContentReader
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest

_GIB = 1 << 30
_LONG = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}
_CONTINUED = 482  # where GNU's sparse header says that another block of its map follows
_CONTINUED_MAP = 504  # where that block says it
_EMPTY = bytes(BLOCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a layer may be.

    Attributes:
        tame: Bytes that it may always unpack to.
        ratio: How many times its own size it may unpack to beyond that: gzip cannot do better, and
            what zstd makes smaller than that is nothing but one byte repeated.
        entries: Of the archive.
        extended: Bytes of one extended header; archive/tar of Go takes as much.
        extended_all: Bytes of all of them.
    """

    tame: int = 8 * _GIB
    ratio: int = 1100
    entries: int = 2_000_000
    extended: int = 1 << 20
    extended_all: int = 512 << 20


class LayerEntry:
    """One entry while it streams by; its content can be read until the next entry is asked for.

    Attributes:
        header: What it is.
        position: Its place in the layer, from 0.
    """

    def __init__(self, header: Header, position: int, source: _Tar) -> None:
        self.header = header
        self.position = position
        self._source = source

    async def content(self) -> AsyncGenerator[bytes, None]:
        """Yield what was not read yet of its content, in pieces of at most a few hundred kB.

        Raises:
            ContentError: The layer is damaged, cut short, or too large.
        """
        while chunk := await self._source.content():
            yield chunk


async def entries(
    reader: ContentReader,
    layer: Descriptor,
    *,
    diff_id: Digest | None = None,
    limits: Limits | None = None,
) -> AsyncGenerator[LayerEntry, None]:
    """Yield the entries of a layer in their order; whiteouts are files like others.

    Use ``contextlib.aclosing`` unless you read to the end.

    Args:
        reader: Where the layer is.
        layer: Its descriptor; compressed with gzip or zstd, or not at all.
        diff_id: What the config says that it is without compression; None to not check that.
        limits: How much it may be.

    Raises:
        ContentNotFoundError: Not there.
        ContentError: Not what the descriptor, or the config, says; no tar archive; too much.

    Source: OCI image-spec v1.1, layer.md.
    """
    bounds = limits or Limits()
    name = str(layer.digest)
    most = max(bounds.tame, layer.size * bounds.ratio)
    plain = unpacked(stream(reader, layer), most=most, name=f"the layer {name}")
    async with aclosing(plain):
        source = _Tar(plain, name, bounds, diff_id)
        position = 0
        while (found := await source.next()) is not None:
            if position >= bounds.entries:
                raise ContentError(f"the layer {name} has more than {bounds.entries} entries")
            yield LayerEntry(found, position, source)
            position += 1
        await source.finish()


class _Tar:
    """A tar archive as it comes."""

    def __init__(
        self, plain: AsyncGenerator[bytes, None], name: str, limits: Limits, diff_id: Digest | None
    ) -> None:
        self._plain = plain
        self._name = name
        self._limits = limits
        self._extended = 0
        self._diff_id = diff_id
        self._hash = hashlib.new(diff_id.algorithm) if diff_id else None
        self._piece: bytes = b""  # what came last
        self._read = 0  # how much of it was taken
        self._content = 0  # bytes that are left of the content of the entry
        self._padding = 0  # bytes behind them

    async def next(self) -> Header | None:
        """Return the header of the next entry; None at the end of the archive."""
        await self._skip()
        pax: dict[str, bytes] = {}
        while True:
            block = await self._take(BLOCK, may_end=not pax)
            if not block or block == _EMPTY:
                return None
            found = parse(block, self._name)
            if found.type in _LONG:
                pax[_LONG[found.type]] = (await self._body(found.size)).rstrip(b"\0")
            elif found.type in {tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE}:
                pax |= records(await self._body(found.size), self._name)
            elif found.type == tarfile.XGLTYPE:
                return header(found, records(await self._body(found.size), self._name), self._name)
            else:
                return await self._entry(found, block, pax)

    async def content(self) -> bytes:
        """Return some of the entry's content; nothing at its end."""
        chunk = await self._some(self._content)
        if self._content and not chunk:
            raise self._cut()
        self._content -= len(chunk)
        return chunk

    async def finish(self) -> None:
        """Read what is behind the archive's end, and check the whole."""
        while await self._some(1 << 20):
            pass
        if self._hash is not None and self._diff_id is not None:
            found = self._hash.hexdigest()
            if found != self._diff_id.hex:
                raise DigestMismatchError(
                    f"the layer {self._name} unpacks to {self._diff_id.algorithm}:{found},"
                    f" and the image's config says {self._diff_id}"
                )

    async def _entry(self, found: tarfile.TarInfo, block: bytes, pax: dict[str, bytes]) -> Header:
        more = found.type == tarfile.GNUTYPE_SPARSE and block[_CONTINUED]
        while more:
            more = (await self._take(BLOCK))[_CONTINUED_MAP]
        result = header(found, pax, self._name)
        self._content, self._padding = result.size, -result.size % BLOCK
        return result

    async def _skip(self) -> None:
        while await self.content():
            pass
        # It may be missing at the very end: umoci leaves it out, and archive/tar of Go takes that.
        while chunk := await self._some(self._padding):
            self._padding -= len(chunk)
        self._padding = 0

    async def _body(self, size: int) -> bytes:
        self._extended += size
        limits = self._limits
        if size > limits.extended or self._extended > limits.extended_all:
            raise ContentError(f"the layer {self._name} has an extended header that is too large")
        body = await self._take(size)
        await self._take(-size % BLOCK)
        return body

    async def _take(self, count: int, *, may_end: bool = False) -> bytes:
        """Return exactly so many bytes; nothing at the end, if it may be here."""
        parts: list[bytes] = []
        missing = count
        while missing:
            chunk = await self._some(missing)
            if not chunk:
                if may_end and not parts:
                    return b""
                raise self._cut()
            parts.append(chunk)
            missing -= len(chunk)
        return b"".join(parts)

    async def _some(self, most: int) -> bytes:
        if most and self._read == len(self._piece):
            try:
                self._piece, self._read = await anext(self._plain), 0
            except StopAsyncIteration:
                return b""
            if self._hash is not None:
                self._hash.update(self._piece)
        chunk = self._piece[self._read : self._read + most]
        self._read += len(chunk)
        return chunk

    def _cut(self) -> ContentError:
        return ContentError(f"the layer {self._name} is cut short")
