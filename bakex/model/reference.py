"""References: ``[host/]path[:tag][@digest]`` (distribution's reference grammar)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from bakex.errors import DefinitionError
from bakex.model.digest import Digest

HUB = "docker.io"
_HUB_NAMES = frozenset({HUB, "index.docker.io", "registry-1.docker.io"})
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]+)?")
_WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_WORD}(?:/{_WORD})*")

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A parsed, normalised reference; Docker Hub's spellings become ``docker.io/library/...``."""

    host: str
    path: str
    tag: str = ""
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a reference as users write it; a missing tag stays missing.

        Raises:
            DefinitionError: Not a reference.
        """
        rest, at, digest = text.partition("@")
        first, slash, others = rest.partition("/")
        has_host = slash and (
            "." in first or ":" in first or first == "localhost" or first != first.lower()
        )
        host, path = (first, others) if has_host else (HUB, rest)
        path, colon, tag = path.partition(":")
        if host in _HUB_NAMES:
            host, path = HUB, path if "/" in path else f"library/{path}"
        well_formed = (
            _HOST.fullmatch(host)
            and _PATH.fullmatch(path)
            and (not colon or _TAG.fullmatch(tag))
            and len(host) + len(path) < 255
        )
        if not well_formed:
            raise DefinitionError(
                f"invalid reference {text!r}", hint="write [host/]path[:tag], path in lower case"
            )
        return cls(host, path, tag, Digest.parse(digest) if at else None)

    @property
    def repository(self) -> str:
        """``host/path``."""
        return f"{self.host}/{self.path}"

    @property
    def tag_or_latest(self) -> str:
        """The tag, ``latest`` when none was written."""
        return self.tag or "latest"

    @property
    def is_local(self) -> bool:
        """Whether the host is a loopback address, where plain HTTP is allowed."""
        name = self.host.rsplit(":", 1)[0] if not self.host.endswith("]") else self.host
        return name == "localhost" or name.startswith("127.") or name == "[::1]"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")
