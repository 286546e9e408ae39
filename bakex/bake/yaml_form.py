"""Bake files in YAML: the blocks of the JSON form, written in YAML (bakex's own).

Everything means what it means in JSON: strings are templates, the keys of objects that are values
are templates, too, and blocks are keys inside one another. Keys at the root that start with ``x-``
are left out, so that there is a place for anchors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.extensions import Extension
from bakex.bake.hcl.jsonform import parse_tree
from bakex.bake.values.jsonsyntax import (
    JsonArray,
    JsonConstant,
    JsonNode,
    JsonNumber,
    JsonObject,
    JsonText,
)
from bakex.bake.yaml.nodes import Mapping, Scalar, Sequence
from bakex.bake.yaml.scalars import written

if TYPE_CHECKING:
    from collections.abc import Mapping as Dict

    from bakex.bake.hcl.jsonform import BlockSchema
    from bakex.bake.hcl.source import Source
    from bakex.bake.hcl.syntax import Body
    from bakex.bake.yaml.nodes import YamlNode
    from bakex.diagnostics import Diagnostic

_PRIVATE = "x-"


def parse_yaml(
    source: Source, root: Mapping, schema: Dict[str, BlockSchema]
) -> tuple[Body, tuple[Diagnostic, ...]]:
    """Return the syntax tree of a bake file in YAML, and everything that is wrong in it.

    Args:
        source: The file.
        root: Its only document.
        schema: The block types that may be at the root; everything else is an attribute.
    """
    kept = {key: entry for key, entry in root.entries.items() if not key.startswith(_PRIVATE)}
    return parse_tree(source, _object(root.having(kept)), schema)


def extension(source: Source, node: YamlNode) -> Extension:
    """Return the note that a file uses this form.

    Args:
        source: The file.
        node: The key that makes it a bake file.
    """
    return Extension(
        what="a bake file in YAML",
        span=node.span,
        source=source.text,
        instead="write it in HCL or JSON",
    )


def _node(node: YamlNode) -> JsonNode:
    if isinstance(node, Mapping):
        return _object(node)
    if isinstance(node, Sequence):
        return JsonArray(node.start, node.end, [_node(item) for item in node.items])
    return _scalar(node) if isinstance(node, Scalar) else JsonConstant(node.start, node.end, None)


def _object(node: Mapping) -> JsonObject:
    entries = [
        (JsonText(key.start, key.end, key.text), _node(value))
        for key, value in node.entries.values()
    ]
    return JsonObject(node.start, node.end, entries)


def _scalar(node: Scalar) -> JsonNode:
    value = node.value
    if value is None or isinstance(value, bool):
        return JsonConstant(node.start, node.end, value)
    if isinstance(value, int):
        return JsonNumber(node.start, node.end, str(value))
    if isinstance(value, float):
        text = written(value)
        if text[-1:].isdigit():
            return JsonNumber(node.start, node.end, _digits(node.text) or text)
    # A date or an infinite number is the text that is written: there are no such values here.
    return JsonText(node.start, node.end, value if isinstance(value, str) else node.text)


def _digits(text: str) -> str:
    """Return a decimal number with all of its digits; empty if it is written in another way."""
    whole, point, fraction = text.partition(".")
    plain = whole.removeprefix("-")
    if plain.isdigit() and (fraction.isdigit() if point else True) and plain.isascii():
        return text if fraction.isascii() else ""
    return ""
