"""Image archives from daemons that cannot write into an OCI layout themselves."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.errors import ContentError, DigestMismatchError, OutputError

if TYPE_CHECKING:
    from typing import IO

_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")
_CHUNK = 1 << 20


def unpack(archive: Path, layout: Path) -> None:
    """Add the blobs of an OCI archive to a layout; blocking. ``index.json`` is left alone.

    Raises:
        ContentError: The archive is malformed, or a blob is not what its name says.
        OutputError: The layout cannot be written.
    """
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                match = _BLOB.fullmatch(member.name)
                file = tar.extractfile(member) if match and member.isreg() else None
                if match and file is not None:
                    _add(file, match[1], layout)
    except tarfile.TarError as error:
        raise ContentError("the daemon sent a malformed archive", detail=f"{error}.") from None
    except OSError as error:
        raise OutputError(f"cannot write {str(layout)!r}", detail=f"{error.strerror}.") from None


def _add(file: IO[bytes], name: str, layout: Path) -> None:
    directory = layout / "blobs" / "sha256"
    if (directory / name).is_file():
        return
    directory.mkdir(parents=True, exist_ok=True)
    number, temporary = tempfile.mkstemp(dir=layout, prefix=".blob-")
    try:
        with os.fdopen(number, "wb") as out:
            os.fchmod(number, 0o644)
            shutil.copyfileobj(file, out, _CHUNK)
        with Path(temporary).open("rb") as written:
            found = hashlib.file_digest(written, "sha256").hexdigest()
        if found != name:
            raise DigestMismatchError(
                f"the daemon sent sha256:{found} under the name sha256:{name}"
            )
        Path(temporary).replace(directory / name)
    finally:
        Path(temporary).unlink(missing_ok=True)
