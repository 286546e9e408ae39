"""The programs in the file system that the layers of an image make together.

Layers are laid over one another as containerd does it: whiteouts and opaque directories hide what
lower layers have and nothing of their own, entries go where the links above them lead to, and a
directory takes the place of a link. Links never lead out of the image.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from bakex.errors import ContentError
from bakex.verification.layer import DIRECTORY, FILE, HARD_LINK, LINK, OPAQUE, WHITEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bakex.platforms.program import Content
    from bakex.verification.layer import Entry

_HOPS = 40  # links on the way to one file, as in Linux
_NODES = 1_000_000


@dataclass(slots=True, eq=False)
class File:
    """A file that somebody may execute, or that says something about processors.

    Attributes:
        content: What it says; hard links have the very same one.
        runs: Whether somebody may execute it.
        text: See `bakex.verification.layer.Entry`.
        layer: Which layer it is from.
    """

    content: Content
    runs: bool
    text: str
    layer: int


@dataclass(slots=True, eq=False)
class Link:
    """A symbolic link."""

    target: str
    layer: int


@dataclass(slots=True, eq=False)
class Directory:
    """A directory, with what counts of its content."""

    layer: int
    children: dict[str, Node] = field(default_factory=dict[str, "Node"])


Node = File | Link | Directory
_NodeT = TypeVar("_NodeT", File, Link, Directory, Node)


class Tree:
    """A file system; layers are added from the lowest up."""

    def __init__(self) -> None:
        self._root = Directory(0)
        self._count = 0

    def add(self, layer: int, entry: Entry) -> None:
        """Do what an entry of a layer says.

        Args:
            layer: The layer's number, from 1.
            entry: The entries come in the order of the layer.

        Raises:
            ContentError: There are more files than anything has that is an image.
        """
        if not entry.path and entry.kind != OPAQUE:
            return
        if entry.kind == WHITEOUT:
            self._remove(entry.path, layer)
        elif entry.kind == OPAQUE:
            found = self.find(entry.path)
            if found is not None and isinstance(found[1], Directory):
                _hide(found[1], layer)
        elif entry.kind == DIRECTORY:
            parent, name = self._place(entry.path, layer)
            if not isinstance(parent.children.get(name), Directory):
                parent.children[name] = self._counted(Directory(layer))
        else:
            self._put(layer, entry)

    def find(self, path: str, *, last: bool = True) -> tuple[str, Node] | None:
        """Return what is at a path, with the path that has no links in it; None for nothing.

        Args:
            path: From the root.
            last: Whether to follow the path's last part if it is a link.
        """
        pending = deque(path.split("/"))
        nodes: list[tuple[str, Directory]] = [("", self._root)]
        hops = 0
        while pending:
            part = pending.popleft()
            if part in {"", "."}:
                continue
            if part == "..":
                nodes = nodes[:-1] or nodes
                continue
            folder, directory = nodes[-1]
            node = directory.children.get(part)
            if isinstance(node, Link) and (pending or last):
                hops += 1
                if hops > _HOPS:
                    return None
                if node.target.startswith("/"):
                    del nodes[1:]
                pending.extendleft(reversed(node.target.split("/")))
            elif isinstance(node, Directory):
                nodes.append((f"{folder}/{part}", node))
            else:
                rest = [word for word in pending if word not in {"", "."}]
                return (f"{folder}/{part}", node) if node and not rest else None
        return nodes[-1][0] or "/", nodes[-1][1]

    def file(self, path: str) -> tuple[str, File] | None:
        """Return the file that a path leads to, with its path; None for anything else."""
        found = self.find(path)
        return (found[0], found[1]) if found and isinstance(found[1], File) else None

    def names(self, path: str) -> list[str]:
        """Return the names of what counts in a directory; none if it is none."""
        found = self.find(path)
        return sorted(found[1].children) if found and isinstance(found[1], Directory) else []

    def files(self) -> Iterator[tuple[str, File]]:
        """Yield all files with their paths; links are not followed."""
        waiting: list[tuple[str, Directory]] = [("", self._root)]
        while waiting:
            path, directory = waiting.pop()
            for name, node in directory.children.items():
                if isinstance(node, File):
                    yield f"{path}/{name}", node
                elif isinstance(node, Directory):
                    waiting.append((f"{path}/{name}", node))

    def _put(self, layer: int, entry: Entry) -> None:
        node: Node | None = None
        if entry.kind == LINK:
            node = Link(entry.link, layer)
        elif entry.kind == FILE and entry.counts:
            node = File(entry.content, entry.runs, entry.text, layer)
        elif entry.kind == HARD_LINK:
            found = self.find(entry.link, last=False)
            other = found[1] if found else None
            if isinstance(other, File):
                node = File(other.content, other.runs, other.text, layer)
            elif isinstance(other, Link):
                node = Link(other.target, layer)
        if node is None:
            self._remove(entry.path)
            return
        parent, name = self._place(entry.path, layer)
        parent.children[name] = self._counted(node)

    def _remove(self, path: str, layer: int | None = None) -> None:
        """Remove what is at a path; given a layer, only what lower ones have."""
        folder, _, name = path.rpartition("/")
        found = self.find(folder)
        if found is None or not isinstance(found[1], Directory):
            return
        children = found[1].children
        node = children.get(name)
        if node is None:
            return
        if layer is None or node.layer < layer:
            kept = isinstance(node, Directory) and layer is not None and _hide(node, layer)
            if not kept:
                del children[name]
        elif isinstance(node, Directory):
            _hide(node, layer)

    def _place(self, path: str, layer: int) -> tuple[Directory, str]:
        """Return the directory that an entry goes to, made if it has to be, and its name there."""
        *folders, name = path.split("/")
        directory, walked = self._root, ""
        for part in folders:
            walked = f"{walked}/{part}"
            node = directory.children.get(part)
            if isinstance(node, Link):
                found = self.find(walked)
                node = found[1] if found else None
                walked = found[0] if found else walked
            if not isinstance(node, Directory):
                node = directory.children[part] = self._counted(Directory(layer))
            directory = node
        return directory, name

    def _counted(self, node: _NodeT) -> _NodeT:
        self._count += 1
        if self._count > _NODES:
            raise ContentError(f"the image has more than {_NODES} programs, links and directories")
        return node


def _hide(directory: Directory, layer: int) -> bool:
    """Remove what lower layers have of a directory; tell whether anything is left."""
    # From the deepest up: what holds something of this layer stays.
    waiting, order = [directory], list[Directory]()
    while waiting:
        current = waiting.pop()
        order.append(current)
        waiting.extend(n for n in current.children.values() if isinstance(n, Directory))
    for current in reversed(order):
        current.children = {
            name: node
            for name, node in current.children.items()
            if node.layer >= layer or (isinstance(node, Directory) and node.children)
        }
    return bool(directory.children)
