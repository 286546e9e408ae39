"""Content digests: ``algorithm:hex`` (OCI image-spec v1.1, descriptor.md, "Digests")."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from bakex.errors import ContentError

_HEX_LENGTH = {"sha256": 64, "sha512": 128}
_DIGEST = re.compile(r"(sha256|sha512):([0-9a-f]+)")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """The name of some bytes; only built from a checked grammar, so it is safe in a path."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``algorithm:hex``.

        Raises:
            ContentError: Not a digest, or an algorithm that bakex does not verify.
        """
        match = _DIGEST.fullmatch(text)
        if match is None or len(match[2]) != _HEX_LENGTH[match[1]]:
            raise ContentError(f"invalid digest {text!r}")
        return cls(match[1], match[2])

    @classmethod
    def of(cls, data: bytes, algorithm: str = "sha256") -> Self:
        """Return the digest of data.

        Args:
            data: The whole content.
            algorithm: One that `parse` knows.
        """
        import hashlib  # noqa: PLC0415 - start-up: planning needs no hash

        return cls(algorithm, hashlib.new(algorithm, data).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def is_digest(text: str) -> bool:
    """Return whether `Digest.parse` would take a text."""
    match = _DIGEST.fullmatch(text)
    return match is not None and len(match[2]) == _HEX_LENGTH[match[1]]
