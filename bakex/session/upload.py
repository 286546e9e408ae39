"""The upload service: archives that serve as build contexts (moby.upload.v1).

The daemon fetches what is at ``http://buildkit-session/ID`` through this service instead of from
the network. Source: buildkit session/upload.
"""

from __future__ import annotations

import posixpath
import zlib
from typing import TYPE_CHECKING, BinaryIO, Protocol

from bakex._pb import bk_pb2 as pb
from bakex.errors import SessionError
from bakex.session.attachable import CallError, Status
from bakex.session.blocking import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bakex.session.attachable import Call, Handler

PREFIX = "http://buildkit-session/"
_BLOCK = 512  # bytes of a header of a tar archive
_EXTENDED = (b"x", b"g", b"L", b"K")  # types of headers that belong to the entry behind them
_CHUNK = 1 << 20  # bytes per message; daemons accept 4 MiB and more


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class Upload:
    """Sends files by id; each as often as it is asked for."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = dict(files)

    def services(self) -> Mapping[str, Handler]:
        """Return the method that sends a file."""
        return {"/moby.upload.v1.Upload/Pull": self._pull}

    async def _pull(self, call: Call) -> None:
        name = posixpath.basename(call.metadata.value("urlpath"))
        path = self._files.get(name)
        if path is None:
            raise CallError(Status.NOT_FOUND, f"no upload {name!r}")
        try:
            with await in_thread(path.open, "rb") as file:
                pack = _packer(file)
                while data := await in_thread(file.read, _CHUNK):
                    await _send(call, await in_thread(pack.compress, data) if pack else data)
                if pack:
                    await _send(call, pack.flush())
        except OSError as error:
            reason = (error.strerror or "input/output error").lower()
            failure = SessionError(f"cannot read the context {str(path)!r}: {reason}")
            raise CallError(Status.INTERNAL, failure.summary) from failure


async def _send(call: Call, data: bytes) -> None:
    if data:
        await call.send(pb.BytesMessage(data=data).SerializeToString())


def _packer(file: BinaryIO) -> _Packer | None:
    """Return what packs an archive that the daemon would not recognise as it is; mostly nothing.

    Frontends read 1 KiB to see whether a context is an archive. One that begins with an extended
    header (of pax or GNU) has no entry up to there, and would be taken for a Dockerfile; a packed
    archive shows itself by its first bytes (buildkit frontend/dockerui, isArchive).
    """
    block = file.read(_BLOCK)
    file.seek(0)
    extended = block[257:262] == b"ustar" and block[156:157] in _EXTENDED
    return zlib.compressobj(level=1, wbits=31) if extended else None
