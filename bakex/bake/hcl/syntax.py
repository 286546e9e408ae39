"""The syntax tree: plain nodes that know their source and their offsets in it.

Bodies of several files get merged, so every attribute, block and expression carries its own source.
Nothing here evaluates anything; see `bakex.bake.hcl.evaluate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.bake.hcl.source import Source
    from bakex.bake.values.value import Value
    from bakex.diagnostics import Span


class Node:
    """A piece of a file.

    Attributes:
        source: The file.
        start: Offset of the first character.
        end: Offset behind the last character.
    """

    __slots__ = ("end", "source", "start")

    def __init__(self, source: Source, start: int, end: int) -> None:
        self.source = source
        self.start = start
        self.end = end

    @property
    def span(self) -> Span:
        """The place of this piece, for messages."""
        return self.source.span(self.start, self.end)


class Body(Node):
    """What is between the braces of a block, or a whole file.

    Attributes:
        attributes: The attributes by name, in the order of the file.
        blocks: The blocks in the order of the file.
    """

    __slots__ = ("attributes", "blocks")

    def __init__(
        self,
        source: Source,
        start: int,
        end: int,
        attributes: dict[str, Attribute],
        blocks: list[Block],
    ) -> None:
        super().__init__(source, start, end)
        self.attributes = attributes
        self.blocks = blocks


class Attribute(Node):
    """``name = expr``.

    Attributes:
        name: Its name.
        expr: Its value, not evaluated.
        name_end: Offset behind the name.
    """

    __slots__ = ("expr", "name", "name_end")

    def __init__(
        self, source: Source, start: int, end: int, name: str, name_end: int, expr: Expression
    ) -> None:
        super().__init__(source, start, end)
        self.name = name
        self.name_end = name_end
        self.expr = expr

    @property
    def name_span(self) -> Span:
        """The place of the name."""
        return self.source.span(self.start, self.name_end)


class Block(Node):
    """``type "label" { … }``.

    Attributes:
        type: The first word.
        labels: The labels.
        label_offsets: Start and end of each label, quotes included.
        type_end: Offset behind the type.
        open: Offset of the opening brace.
        body: What is between the braces.
    """

    __slots__ = ("body", "label_offsets", "labels", "open", "type", "type_end")

    def __init__(
        self,
        source: Source,
        start: int,
        end: int,
        type_: str,
        type_end: int,
        labels: list[str],
        label_offsets: list[tuple[int, int]],
        *,
        open_: int,
        body: Body,
    ) -> None:
        super().__init__(source, start, end)
        self.type = type_
        self.type_end = type_end
        self.labels = labels
        self.label_offsets = label_offsets
        self.open = open_
        self.body = body

    @property
    def type_span(self) -> Span:
        """The place of the type."""
        return self.source.span(self.start, self.type_end)

    @property
    def open_span(self) -> Span:
        """The place of the opening brace: where something that is missing in the block belongs."""
        return self.source.span(self.open, self.open)

    def label_span(self, index: int) -> Span:
        """Return the place of a label."""
        return self.source.span(*self.label_offsets[index])


class Expression(Node):
    """Something that has a value. The kinds that compute something are in `nodes`."""

    __slots__ = ()

    def parts(self) -> Sequence[Expression]:
        """Return the expressions directly inside, in the order of the text."""
        return ()


class Literal(Expression):
    """A constant: string, number, ``true``, ``false`` or ``null``."""

    __slots__ = ("value",)

    def __init__(self, source: Source, start: int, end: int, value: Value) -> None:
        super().__init__(source, start, end)
        self.value = value


class AttributeStep(Node):
    """``.name``."""

    __slots__ = ("name",)

    def __init__(self, source: Source, start: int, end: int, name: str) -> None:
        super().__init__(source, start, end)
        self.name = name


class IndexStep(Node):
    """``[1]``, ``["key"]`` or the old form ``.1``: a step whose key is a constant."""

    __slots__ = ("key",)

    def __init__(self, source: Source, start: int, end: int, key: Value) -> None:
        super().__init__(source, start, end)
        self.key = key


Step = AttributeStep | IndexStep


class Traversal(Expression):
    """``name.attribute[0]…``: a name and constant steps; what a scope is asked to resolve.

    Attributes:
        name: The first name.
        name_end: Offset behind the first name.
        steps: What follows it.
    """

    __slots__ = ("name", "name_end", "steps")

    def __init__(
        self, source: Source, start: int, end: int, name: str, name_end: int, steps: list[Step]
    ) -> None:
        super().__init__(source, start, end)
        self.name = name
        self.name_end = name_end
        self.steps = steps

    @property
    def name_span(self) -> Span:
        """The place of the first name."""
        return self.source.span(self.start, self.name_end)
