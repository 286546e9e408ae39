"""The nodes of a YAML document: resolved values with their places, aliases followed.

Nodes are shared where the document has aliases, so nothing may change them; whoever needs another
value makes another node (`Scalar.having`, `Mapping.having`, `Sequence.having`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.hcl.syntax import Node

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Mapping as Dict
    from collections.abc import Sequence as List

    from bakex.bake.hcl.source import Source
    from bakex.bake.yaml.scalars import Value

RESET, OVERRIDE = "!reset", "!override"


class YamlNode(Node):
    """A piece of a document.

    Attributes:
        tag: The tag that is written at the node; empty if there is none.
        weight: How many nodes it is, itself and those of aliases included.
        depth: How many levels it has.
    """

    __slots__ = ("depth", "tag", "weight")

    kind = "value"

    def __init__(self, source: Source, start: int, end: int, tag: str = "") -> None:
        super().__init__(source, start, end)
        self.tag = tag
        self.weight = 1
        self.depth = 1

    def children(self) -> Iterable[YamlNode]:
        """Return the nodes directly inside, keys of mappings left out."""
        return ()

    def weigh(self) -> None:
        """Set weight and depth from those of the children."""
        for child in self.children():
            self.weight += child.weight
            self.depth = max(self.depth, child.depth + 1)


class Scalar(YamlNode):
    """A text, number, boolean, time or null.

    Attributes:
        value: What it is.
        text: As it is written, without quotes; what a number was before it became one.
    """

    __slots__ = ("text", "value")

    kind = "scalar"

    def __init__(
        self, source: Source, start: int, end: int, value: Value, text: str, tag: str = ""
    ) -> None:
        super().__init__(source, start, end, tag)
        self.value = value
        self.text = text

    def having(self, value: Value) -> Scalar:
        """Return a scalar at the same place with another value."""
        text = value if isinstance(value, str) else self.text
        return Scalar(self.source, self.start, self.end, value, text, self.tag)


class Sequence(YamlNode):
    """A list.

    Attributes:
        items: Its elements in order.
    """

    __slots__ = ("items",)

    kind = "list"

    def __init__(
        self, source: Source, start: int, end: int, items: List[YamlNode], tag: str = ""
    ) -> None:
        super().__init__(source, start, end, tag)
        self.items = tuple(items)

    def children(self) -> Iterable[YamlNode]:
        """Return the elements."""
        return self.items

    def having(self, items: Iterable[YamlNode]) -> Sequence:
        """Return a list at the same place with other elements."""
        return Sequence(self.source, self.start, self.end, tuple(items), self.tag)


class Mapping(YamlNode):
    """A mapping of texts to values.

    Attributes:
        entries: Key -> the node of the key, and the value; in the order of the document, what comes
            from merge keys behind the rest.
    """

    __slots__ = ("entries",)

    kind = "mapping"

    def __init__(
        self,
        source: Source,
        start: int,
        end: int,
        entries: Dict[str, tuple[Scalar, YamlNode]],
        tag: str = "",
    ) -> None:
        super().__init__(source, start, end, tag)
        self.entries = entries

    def children(self) -> Iterable[YamlNode]:
        """Return the values."""
        return [value for _, value in self.entries.values()]

    def having(self, entries: Dict[str, tuple[Scalar, YamlNode]]) -> Mapping:
        """Return a mapping at the same place with other entries."""
        return Mapping(self.source, self.start, self.end, entries, self.tag)

    def get(self, key: str) -> YamlNode | None:
        """Return the value of a key; None if there is no such key."""
        found = self.entries.get(key)
        return found[1] if found else None

    def __iter__(self) -> Iterator[tuple[str, YamlNode]]:
        return ((key, value) for key, (_, value) in self.entries.items())


def is_null(node: YamlNode | None) -> bool:
    """Return whether there is no node, or it is null."""
    return node is None or (isinstance(node, Scalar) and node.value is None)
