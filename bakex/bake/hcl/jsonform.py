"""Bake files in JSON: the same tree as native syntax.

JSON cannot tell blocks from attributes, so the reader is told which names are blocks and how many
labels they have. Strings are templates wherever a value is wanted, and so are the keys of objects
that are values (HCL JSON syntax specification; specification section 2.14).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from bakex.bake.hcl.faults import Fault, diagnostics
from bakex.bake.hcl.nodes import JsonString, ObjectExpression, ObjectItem, TupleExpression
from bakex.bake.hcl.syntax import Attribute, Block, Body, Expression, Literal
from bakex.bake.values.jsonsyntax import (
    JsonArray,
    JsonConstant,
    JsonNode,
    JsonNumber,
    JsonObject,
    JsonSyntaxError,
    JsonText,
    read,
)
from bakex.bake.values.jsontext import number_of
from bakex.bake.values.problems import LimitError
from bakex.bake.values.value import FALSE, NULL, TRUE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bakex.bake.hcl.source import Source
    from bakex.diagnostics import Diagnostic

_COMMENT = "//"
_CONSTANTS = {None: NULL, True: TRUE, False: FALSE}
_MANY_DIGITS = "write the number in quotes if its digits matter"


class BlockSchema:
    """A block type of a JSON file.

    Attributes:
        labels: How many labels its blocks have.
        blocks: The block types that may be inside.
        optional: Whether what cannot be such a block is an ordinary attribute; else it is an error.
    """

    __slots__ = ("blocks", "labels", "optional")

    def __init__(
        self,
        labels: int,
        blocks: Mapping[str, BlockSchema] | None = None,
        *,
        optional: bool = False,
    ) -> None:
        self.labels = labels
        self.blocks = blocks or {}
        self.optional = optional

    def fits(self, node: JsonNode) -> bool:
        """Return whether a value can be blocks of this type, as far as its outer levels tell."""
        if not self.optional:
            return True
        level = [node]
        for _ in range(self.labels + 1):
            level = [item for inner in level for item in _flat(inner)]
            if not level or not all(isinstance(item, JsonObject) for item in level):
                return False
            level = [v for item in level if isinstance(item, JsonObject) for _, v in item.entries]
        return True


def parse_json(
    source: Source, schema: Mapping[str, BlockSchema]
) -> tuple[Body, tuple[Diagnostic, ...]]:
    """Return the syntax tree of a JSON file, and everything that is wrong in it.

    Args:
        source: The file.
        schema: The block types that may be at the root; everything else is an attribute.
    """
    try:
        root = read(source.text)
    except JsonSyntaxError as error:
        fault = Fault(error.summary, error.start, error.end, detail=error.detail, hint=error.hint)
        return Body(source, 0, len(source.text), {}, []), diagnostics([fault], source)
    return parse_tree(source, root, schema)


def parse_tree(
    source: Source, root: JsonNode, schema: Mapping[str, BlockSchema]
) -> tuple[Body, tuple[Diagnostic, ...]]:
    """Return the syntax tree of JSON that has been read, and everything that is wrong in it.

    Args:
        source: The file.
        root: What it holds; any form that has the same values and offsets will do.
        schema: The block types that may be at the root; everything else is an attribute.
    """
    reader = _Reader(source)
    body = Body(source, 0, len(source.text), {}, [])
    if isinstance(root, JsonObject):
        body = reader.body(root, schema)
    else:
        reader.wrong(root, "the file must be one JSON object", 'write {"target": {…}}')
    return body, diagnostics(reader.faults, source)


class _Reader:
    """Turns the JSON of one file into the tree.

    Attributes:
        faults: What is wrong so far.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.faults: list[Fault] = []

    def wrong(self, node: JsonNode, summary: str, hint: str = "") -> None:
        """Note that a value is wrong; its first character is the place."""
        self.faults.append(Fault(summary, node.start, node.start + 1, hint=hint))

    def body(self, node: JsonObject, schema: Mapping[str, BlockSchema]) -> Body:
        """Return the body that an object is."""
        attributes: dict[str, Attribute] = {}
        blocks: list[Block] = []
        for key, value in node.entries:
            if key.text == _COMMENT:
                continue
            block = schema.get(key.text)
            if block is not None and block.fits(value):
                blocks.extend(self._blocks(key, value, block))
            else:
                self._attribute(key, value, attributes)
        return Body(self.source, node.start, node.end, attributes, blocks)

    def _attribute(self, key: JsonText, value: JsonNode, attributes: dict[str, Attribute]) -> None:
        expr = self.expression(value)
        attribute = Attribute(self.source, key.start, value.end, key.text, key.end, expr)
        other = attributes.setdefault(key.text, attribute)
        if other is not attribute:
            line = self.source.line(other.start)
            self.faults.append(
                Fault(
                    f'attribute "{key.text}" is set twice',
                    key.start,
                    key.end,
                    detail=f"It is set on line {line} already.",
                    hint="remove one of the two",
                )
            )

    def _blocks(self, type_: JsonText, value: JsonNode, schema: BlockSchema) -> Iterator[Block]:
        """Yield the blocks of a type; their labels are keys inside one another."""
        pending: deque[tuple[list[JsonText], JsonNode]] = deque([([], value)])
        while pending:
            labels, node = pending.popleft()
            if len(labels) == schema.labels:
                for content in self._contents(type_, node):
                    yield self._block(type_, labels, content, schema)
            else:
                pending.extend(([*labels, key], inner) for key, inner in self._labels(type_, node))

    def _labels(self, type_: JsonText, node: JsonNode) -> Sequence[tuple[JsonText, JsonNode]]:
        found: list[tuple[JsonText, JsonNode]] = []
        for item in node.items if isinstance(node, JsonArray) else [node]:
            if isinstance(item, JsonObject):
                found.extend(item.entries)
            elif not (isinstance(item, JsonConstant) and item.value is None):
                self.wrong(item, f'"{type_.text}" must be an object of blocks by name')
                return ()
        if not found:
            self.wrong(node, f'a block "{type_.text}" needs a name', _example(type_))
        return found

    def _contents(self, type_: JsonText, node: JsonNode) -> Iterator[JsonObject]:
        if isinstance(node, JsonConstant) and node.value is None:
            return
        for item in node.items if isinstance(node, JsonArray) else [node]:
            if isinstance(item, JsonObject):
                yield item
            else:
                self.wrong(item, f'a block "{type_.text}" must be an object', _example(type_))

    def _block(
        self, type_: JsonText, labels: list[JsonText], content: JsonObject, schema: BlockSchema
    ) -> Block:
        return Block(
            self.source,
            type_.start,
            content.end,
            type_.text,
            type_.end,
            [label.text for label in labels],
            [(label.start, label.end) for label in labels],
            open_=content.start,
            body=self.body(content, schema.blocks),
        )

    def expression(self, node: JsonNode) -> Expression:
        """Return the expression that a value is."""
        source, start, end = self.source, node.start, node.end
        if isinstance(node, JsonText):
            return JsonString(source, start, end, node.text)
        if isinstance(node, JsonNumber):
            try:
                return Literal(source, start, end, number_of(node))
            except LimitError as error:
                self.faults.append(Fault(error.summary, start, end, hint=_MANY_DIGITS))
                return Literal(source, start, end, NULL)
        if isinstance(node, JsonArray):
            items = [self.expression(item) for item in node.items]
            return TupleExpression(source, start, end, items)
        if isinstance(node, JsonObject):
            entries = [
                ObjectItem(self.expression(key), self.expression(value))
                for key, value in node.entries
            ]
            return ObjectExpression(source, start, end, entries, unique=True)
        value = node.value if isinstance(node, JsonConstant) else None
        return Literal(source, start, end, _CONSTANTS[value])


def _flat(node: JsonNode) -> Sequence[JsonNode]:
    return node.items if isinstance(node, JsonArray) else [node]


def _example(type_: JsonText) -> str:
    return f'write "{type_.text}": {{"name": {{…}}}}'
