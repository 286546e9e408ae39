"""What is known about layers: read once, and kept for the next image that has the layer.

A layer's digest says what it holds, so what was found out about it stays true. It is kept in the
cache directory, a file for each layer; removing them costs time and nothing else.
"""

from __future__ import annotations

import json
import zlib
from contextlib import aclosing, suppress
from dataclasses import fields
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from bakex._util.atomic import write_file
from bakex._version import __version__
from bakex.platforms.program import Program, Script
from bakex.verification.layer import Entry, picked

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from bakex.interfaces import ContentReader
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.platforms.program import Content

_KEPT = 400  # layers
_LEVEL = 1  # of compression: somebody waits while it is written
_GZIP = 31  # window bits of zlib; gzip has a checksum
_FIELDS = tuple(item.name for item in fields(Program))
_SCRIPT = "script"


class Facts:
    """What layers hold.

    Attributes:
        read: Layers that had to be read so far.
        bytes: Of these, as they are stored.
    """

    def __init__(self, folder: Path) -> None:
        """Take the directory in which it is kept; it is made when it is needed."""
        self._folder = folder
        self.read = 0
        self.bytes = 0

    async def entries(
        self, reader: ContentReader, layer: Descriptor, diff_id: Digest
    ) -> AsyncGenerator[Entry, None]:
        """Yield what counts of a layer; see `bakex.verification.layer.picked`.

        Use ``contextlib.aclosing``. What was read to its end is kept, if the disk lets us.

        Raises:
            ContentError: The layer cannot be read, or is not what it is said to be.
        """
        path = self._path(layer, diff_id)
        known = _load(path)
        if known is not None:
            for line in known.splitlines():
                yield _parsed(line)
            return
        self.read += 1
        self.bytes += layer.size
        packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
        packed: list[bytes] = []
        source = picked(reader, layer, diff_id)
        async with aclosing(source):
            async for entry in source:
                packed.append(packer.compress(_written(entry)))
                yield entry
        self._keep(path, b"".join((*packed, packer.flush())))

    def _path(self, layer: Descriptor, diff_id: Digest) -> Path:
        # What is made of a file may differ in any other version.
        key = "\n".join((str(layer.digest), str(diff_id), __version__))
        return self._folder / f"{sha256(key.encode()).hexdigest()}.gz"

    def _keep(self, path: Path, data: bytes) -> None:
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_file(path, data)
            files = sorted(self._folder.glob("*.gz"), key=lambda file: file.stat().st_mtime)
            for file in files[:-_KEPT]:
                file.unlink()


def _load(path: Path) -> bytes | None:
    """Return the lines of a file; None if it is not there, or damaged."""
    try:
        data = path.read_bytes()
        path.touch()  # those that nobody asked for go first
    except OSError:
        return None
    try:
        return zlib.decompress(data, wbits=_GZIP)
    except zlib.error:
        return None


def _written(entry: Entry) -> bytes:
    values = (entry.path, entry.kind, entry.link, entry.runs, _plain(entry.content), entry.text)
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def _plain(content: Content) -> object:
    if content is None:
        return None
    if isinstance(content, Script):
        return [_SCRIPT, content.interpreter, content.argument]
    return [[getattr(program, name) for name in _FIELDS] for program in content]


def _parsed(line: bytes) -> Entry:
    path, kind, link, runs, content, text = json.loads(line)
    return Entry(path, kind, link, runs, _read(content), text)


def _read(content: Any) -> Content:  # noqa: ANN401 - JSON
    if content is None:
        return None
    if content[0] == _SCRIPT:
        return Script(interpreter=content[1], argument=content[2])
    return tuple(_program(values) for values in content)


def _program(values: list[Any]) -> Program:
    read = [tuple(cast("list[str]", v)) if isinstance(v, list) else v for v in values]
    named: dict[str, Any] = dict(zip(_FIELDS, read, strict=True))
    return Program(**named)
