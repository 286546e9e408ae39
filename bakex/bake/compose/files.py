"""The files that compose files name: read through the reader that was given, a few of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.compose.problems import refusal
from bakex.bake.hcl.source import Source, decode
from bakex.bake.problems import placed
from bakex.bake.yaml.document import read as read_yaml
from bakex.model.remote import is_remote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.bake.yaml.nodes import YamlNode
    from bakex.interfaces import DefinitionReader

MAX_FILES = 200  # files that the compose files of a project name
MAX_BYTES = 64 * 1024 * 1024  # of these files together


class Files:
    """The files that compose files name.

    Attributes:
        sources: Name -> text of those in YAML, to show the places of faults.
    """

    def __init__(self, reader: DefinitionReader | None) -> None:
        self._reader = reader
        self._count = 0
        self._bytes = 0
        self.sources: dict[str, str] = {}

    def content(self, name: str, node: YamlNode) -> bytes | None:
        """Return the bytes of a file; None if there is none.

        Args:
            name: Relative to the working directory, or absolute.
            node: What names it.

        Raises:
            DefinitionError: It cannot be read, or there are too many; at the node.
        """
        if self._reader is None:
            raise refusal((), f"the file {name!r} cannot be read here", node)
        self._count += 1
        with placed(node):
            found = self._reader.read(name)
        self._bytes += len(found or b"")
        if self._count > MAX_FILES or self._bytes > MAX_BYTES:
            raise refusal(
                (),
                "too many files are named in compose files",
                node,
                detail=f"The limit is {MAX_FILES} files and {MAX_BYTES} bytes.",
            )
        return found

    def documents(self, name: str, node: YamlNode) -> Sequence[YamlNode]:
        """Return the documents of another compose file.

        Args:
            name: Relative to the working directory, or absolute.
            node: What names it.

        Raises:
            DefinitionError: There is none, it cannot be read, or it is no YAML.
        """
        if is_remote(name) or "://" in name:
            raise refusal(
                (), f"{name!r} is on another machine", node, hint="only local files can be named"
            )
        content = self.content(name, node)
        if content is None:
            raise refusal((), f"no such file: {name!r}", node)
        text = decode(name, content).text.removeprefix("\ufeff")
        self.sources[name] = text
        return read_yaml(Source(name, text))
