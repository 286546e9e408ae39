"""What a target is made from, as one hash: to tell that its result is going to be another one.

An equal hash proves nothing: files of contexts, base images and remote contexts change by
themselves. Another hash means that the definition or the Dockerfile has changed. The files of
contexts are left out because only the build knows which of them the Dockerfile uses: most
directories get new files, such as logs and results, all the time (`survey` tells of those).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from bakex.engines.buildkit.sources import gather
from bakex.errors import BakexError
from bakex.model.attributes import declared
from bakex.session.filesync.tree import open_tree

if TYPE_CHECKING:
    from bakex.engines.buildkit.sources import Sources
    from bakex.model.target import Target
    from bakex.session.filesync.tree import Tree

_CHUNK = 1 << 20
_LINK = "target:"
# What becomes of a result, where it is made and how it is cached, says nothing about what it is.
_IRRELEVANT = frozenset(
    {
        "name", "description", "tags", "output", "cache-from", "cache-to", "pull", "no-cache",
        "no-cache-filter", "call", "node", "timeout", "retries", "publish.requires",
        "verify", "verify-allow",
    }
)  # fmt: skip


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


def fingerprint(target: Target, cwd: Path) -> str:
    """Return the hash of a target's definition and Dockerfile; empty if that cannot be read.

    Blocking.
    """
    found = hashlib.sha256()
    for name, (field, _) in declared(target).items():
        if name not in _IRRELEVANT:
            value: object = getattr(target, field)
            if isinstance(value, Mapping):
                value = sorted(cast("Mapping[str, object]", value).items())
            found.update(f"{name}={value!r}\n".encode())
    found.update(f"variants={sorted(target.variants.items())!r}\n".encode())
    try:
        sources = _sources(target, cwd)
        if "dockerfile" in sources.dirs:
            tree = open_tree(sources.dirs["dockerfile"])
            _add_file(found, tree, sources.attrs["filename"].encode())
    except BakexError:
        return ""
    return found.hexdigest()


def directories(target: Target, cwd: Path) -> dict[str, Path]:
    """Return the local directories of a target's build by the names that the build has for them.

    None if one is missing. Blocking.
    """
    try:
        dirs = _sources(target, cwd).dirs
    except BakexError:
        return {}
    return {name: found.resolve() for name, found in dirs.items() if isinstance(found, Path)}


def _sources(target: Target, cwd: Path) -> Sources:
    contexts = {k: v for k, v in target.contexts.items() if not v.startswith(_LINK)}
    return gather(replace(target, contexts=contexts), {}, cwd)


def _add_file(found: _Hash, tree: Tree, path: bytes) -> None:
    file = tree.open(path)
    if file is None:
        return
    with closing(file):
        while chunk := file.read(_CHUNK):
            found.update(chunk)
