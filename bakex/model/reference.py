"""References: ``[host/]path[:tag][@digest]`` (distribution's reference grammar)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self

from bakex.errors import ContentError, DefinitionError
from bakex.model.digest import Digest

HUB = "docker.io"
_HUB_NAMES = frozenset({HUB, "index.docker.io", "registry-1.docker.io"})
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]+)?")
_WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_WORD}(?:/{_WORD})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
# Only addresses and the reserved name: a host called 127.example.com is not this machine.
_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]", re.IGNORECASE)
_HINT = "write [host/]path[:tag], path in lower case"


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
            raise DefinitionError(f"invalid reference {text!r}", hint=_HINT)
        try:
            return cls(host, path, tag, Digest.parse(digest) if at else None)
        except ContentError as error:
            raise DefinitionError(
                f"invalid reference {text!r}", detail=error.summary, hint=_HINT
            ) from None

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
        return is_loopback(self.host)

    def tagged(self, tag: str) -> Self:
        """Return the reference of a tag in the same repository.

        Raises:
            DefinitionError: Not a tag.
        """
        if not _TAG.fullmatch(tag):
            raise DefinitionError(f"invalid tag {tag!r}")
        return replace(self, tag=tag, digest=None)

    def pinned(self, digest: Digest) -> Self:
        """Return the reference of content in the same repository, without a tag."""
        return replace(self, tag="", digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


def is_loopback(host: str) -> bool:
    """Return whether ``host[:port]`` is an address of this machine itself."""
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    return _LOOPBACK.fullmatch(name) is not None
