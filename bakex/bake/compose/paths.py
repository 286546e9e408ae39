"""Relative paths of compose files: relative to the project they are in, as a text.

The project of the files that were given is the working directory, whatever directory they are in;
an included file, or one that a service extends a service of, has its own directory. Behaviour:
compose-go paths/*.go.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from bakex.bake.yaml.nodes import Mapping, Scalar, Sequence

if TYPE_CHECKING:
    from bakex.bake.yaml.nodes import YamlNode

_REMOTE = ("https://", "http://", "git://", "ssh://", "github.com/", "git@")
_SERVICE = "service:"


def joined(directory: str, path: str, home: str) -> str:
    """Return a path relative to a directory; absolute ones, URLs and nothing stay as they are.

    Args:
        directory: Empty for the working directory.
        path: ``~`` at its start stands for the home directory.
        home: That directory.
    """
    if path.startswith("~"):
        return posixpath.normpath(posixpath.join(home, path[1:].lstrip("/")))
    if not path or path.startswith("/") or "://" in path:
        return path
    return posixpath.normpath(posixpath.join(directory, path))


def context(directory: str, path: str, home: str) -> str:
    """Return a build context: a path as `joined` makes it, or a URL as it is."""
    if path.startswith((_SERVICE, *_REMOTE)):
        return path
    return joined(directory, path, home)


def rebased(service: Mapping, directory: str, home: str) -> Mapping:
    """Return a service with its paths relative to the working directory.

    Args:
        service: In its long forms.
        directory: What its paths are relative to.
        home: The home directory.
    """
    entries = dict(service.entries)
    build = service.get("build")
    if isinstance(build, Mapping):
        entries["build"] = (entries["build"][0], _build(build, directory, home))
    files = service.get("env_file")
    if isinstance(files, Sequence):
        items = [keyed(item, "path", directory, home) for item in files.items]
        entries["env_file"] = (entries["env_file"][0], files.having(items))
    if "extends" in entries:
        name, value = entries["extends"]
        entries["extends"] = (name, keyed(value, "file", directory, home))
    return service.having(entries)


def _build(build: Mapping, directory: str, home: str) -> Mapping:
    entries = dict(build.entries)
    if "context" in entries:
        name, value = entries["context"]
        entries["context"] = (name, _context(value, directory, home))
    contexts = build.get("additional_contexts")
    if isinstance(contexts, Mapping):
        changed = {
            key: (name, _context(value, directory, home))
            for key, (name, value) in contexts.entries.items()
        }
        entries["additional_contexts"] = (
            entries["additional_contexts"][0], contexts.having(changed),
        )  # fmt: skip
    return build.having(entries)


def _context(node: YamlNode, directory: str, home: str) -> YamlNode:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return node.having(context(directory, node.value, home))
    return node


def keyed(node: YamlNode, key: str, directory: str, home: str) -> YamlNode:
    """Return a mapping in which the path under a key is relative to the working directory."""
    value = node.get(key) if isinstance(node, Mapping) else None
    if not isinstance(node, Mapping) or not isinstance(value, Scalar):
        return node
    if not isinstance(value.value, str):
        return node
    changed = value.having(joined(directory, value.value, home))
    return node.having({**node.entries, key: (node.entries[key][0], changed)})
