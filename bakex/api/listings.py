"""Kept lists of what builds have seen of local directories (`bakex.engines.buildkit.listing`).

A list has some hundred bytes for each file, so only the newest ones stay. Files that cannot be read
or written count as none.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import TYPE_CHECKING

from bakex._util.atomic import write_file
from bakex.engines.buildkit.listing import Listing

if TYPE_CHECKING:
    from pathlib import Path

_KEPT = 64  # lists that stay
_MAX_SIZE = 256 << 20  # bytes of a list when it is unpacked


class Listings:
    """A directory of lists. All of it is blocking."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, name: str) -> Listing | None:
        """Return a list by its name; None if it is not there any more."""
        try:
            packed = (self._directory / name).read_bytes()
            raw = zlib.decompressobj().decompress(packed, _MAX_SIZE)
            return Listing.from_json(json.loads(raw))
        except (
            OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, zlib.error,
        ):  # fmt: skip
            return None

    def write(self, listing: Listing) -> str:
        """Keep a list and return its name; empty if that is not possible."""
        raw = json.dumps(listing.to_json(), separators=(",", ":")).encode()
        name = f"{hashlib.sha256(raw).hexdigest()[:32]}.z"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            write_file(self._directory / name, zlib.compress(raw, 1))
            self._prune()
        except OSError:
            return ""
        return name

    def _prune(self) -> None:
        found = sorted(self._directory.glob("*.z"), key=lambda path: path.stat().st_mtime_ns)
        for path in found[:-_KEPT]:
            path.unlink()
