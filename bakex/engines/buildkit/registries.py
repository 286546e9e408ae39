"""Which registries a build names, so that its daemon gets no credentials for others.

The names are looked for in everything that the client knows of the build: the Dockerfile, arguments
(which may be parts of names), named contexts, caches and outputs. Finding too many does no harm; a
Dockerfile that is not at hand may name any.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.model.reference import HUB

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bakex.engines.buildkit.recipe import Recipe
    from bakex.session.filesync.tree import LocalDir

_HOST = re.compile(
    r"\[[0-9a-fA-F:]+\](?::[0-9]+)?"  # [::1]:5000
    r"|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::[0-9]+)?"  # a.example, a.example:5000
    r"|[A-Za-z0-9-]+:[0-9]+"  # registry:5000
    r"|localhost"
)
_MAX_DOCKERFILE = 16 << 20  # bytes; BuildKit's frontends read no more


def registries(recipe: Recipe) -> frozenset[str] | None:
    """Return the hosts that a build may name, apart from its outputs; None for any.

    Reads the Dockerfile, so call it in a thread.
    """
    dockerfile = read_dockerfile(recipe.dirs.get("dockerfile"), recipe.attrs.get("filename", ""))
    if dockerfile is None:
        return None
    texts = [dockerfile, *recipe.attrs.values()]
    for entry in (*recipe.imports, *recipe.exports):
        texts.extend(entry.attrs.values())
    return hosts(texts)


def hosts(texts: Iterable[str]) -> frozenset[str]:
    """Return everything in some texts that may be a host."""
    return frozenset(host.lower() for text in texts for host in _HOST.findall(text))


class Names:
    """The registries that the builds of one session name; grows as builds come along."""

    def __init__(self) -> None:
        self._known: frozenset[str] | None = frozenset()

    def add(self, names: frozenset[str] | None) -> None:
        """Take what another build names; None for any."""
        self._known = None if names is None or self._known is None else self._known | names

    def has(self, host: str) -> bool:
        """Return whether one of the builds may get into a registry."""
        return is_named(host, self._known)


def is_named(host: str, names: frozenset[str] | None) -> bool:
    """Return whether a build with these names may get into a registry.

    A name with another port, and names below a domain, count: arguments may be put together.
    """
    if names is None or host == HUB:
        return True
    host = host.lower()
    bare = host.rpartition(":")[0] or host
    return any(
        name in {host, bare} or bare == name.rpartition(":")[0] or bare.endswith(f".{name}")
        for name in names
    )


def read_dockerfile(directory: LocalDir | None, name: str) -> str | None:
    """Return the text of a Dockerfile; None if it is not at hand or cannot be read. Blocking."""
    if directory is None:
        return None
    try:
        if isinstance(directory, Path):
            with (directory / name).open("rb") as file:
                content = file.read(_MAX_DOCKERFILE)
        else:
            content = directory[name]
    except (OSError, KeyError):
        return None
    return content.decode("utf-8", "replace")
