"""``--print``: targets as the document that is itself a bake file (spec/bake-file 3.5)."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from bakex.bake.bodies import PLATFORM
from bakex.model import resources
from bakex.model.attributes import Merge, Shape, declared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.bake.groups import Group
    from bakex.bake.resolve import Resolution
    from bakex.model.attributes import Attr, Composite
    from bakex.model.target import Target

_DEFAULTS: Mapping[str, str] = MappingProxyType({"context": ".", "dockerfile": "Dockerfile"})
_ESCAPES: Mapping[int, str] = MappingProxyType(
    {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
)


def document(resolution: Resolution) -> dict[str, object]:
    """Return the document as plain values, keys in their order."""
    found: dict[str, object] = {}
    groups = {name: _group(group) for name, group in sorted(resolution.groups.items())}
    if groups:
        found["group"] = groups
    found["target"] = {name: target(item) for name, item in sorted(resolution.targets.items())}
    return found


def text(resolution: Resolution) -> str:
    """Return the document as the reference prints it, to the byte; ends with a newline."""
    return to_json(document(resolution)) + "\n"


def to_json(value: object) -> str:
    """Return JSON as Go's encoder writes it: indented by two, ``<>&`` escaped, other text raw."""
    return json.dumps(value, indent=2, ensure_ascii=False).translate(_ESCAPES)


def target(item: Target) -> dict[str, object]:
    """Return what is printed of one target: what is set, in the order of the attribute table.

    Attributes of a block are in an object of that name. Behind it all come the ``platform`` blocks,
    if there are any: what differs, and nothing else.
    """
    found: dict[str, object] = {}
    for name, (field, attr) in declared(item).items():
        value: object = getattr(item, field)
        if name in _DEFAULTS:
            found[name] = value or _DEFAULTS[name]
        elif shown(attr, value):
            _within(found, attr)[attr.key] = _value(attr, value)
    if item.variants:
        blocks = {str(key): _differences(item, values) for key, values in item.variants.items()}
        found[PLATFORM] = dict(sorted(blocks.items()))
    return found


def _within(found: dict[str, object], attr: Attr) -> dict[str, object]:
    """Return where an attribute is shown: the document itself, or a block in it."""
    if not attr.block:
        return found
    return cast("dict[str, object]", found.setdefault(attr.block, {}))


def _differences(item: Target, values: Mapping[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, (field, attr) in declared(item).items():
        if field in values:
            found[name] = _difference(attr, getattr(item, field), values[field])
    return found


def _difference(attr: Attr, general: object, value: object) -> object:
    """Return what makes `value` of the general one when it is read back."""
    if attr.shape is Shape.MAPPING:
        before, after = cast("Mapping[str, str]", general), cast("Mapping[str, str]", value)
        changed = {key: text for key, text in after.items() if before.get(key) != text}
        return _value(attr, {**changed, **dict.fromkeys(before.keys() - after.keys(), "")})
    if attr.merge in {Merge.EXTEND, Merge.UPDATE}:
        known = cast("tuple[object, ...]", general)
        added = [entry for entry in cast("tuple[object, ...]", value) if entry not in known]
        return _value(attr, tuple(added))
    return _value(attr, value)


def shown(attr: Attr, value: object) -> bool:
    """Return whether an attribute counts as set: empty lists do not, empty texts do."""
    if attr.shape in {Shape.STRING, Shape.BOOLEAN} and attr.nullable:
        return value is not None
    return value is not None if attr.shape is Shape.OBJECT else bool(value)


def _value(attr: Attr, value: object) -> object:
    if attr.shape is Shape.COMPOSITES:
        return [item.document() for item in cast("tuple[Composite, ...]", value)]
    if attr.shape is Shape.OBJECT:
        return resources.document(cast("Mapping[str, str]", value))
    if attr.shape is Shape.STRINGS:
        return [_escaped(attr, item) for item in cast("tuple[str, ...]", value)]
    if attr.shape is Shape.MAPPING:
        items = sorted(cast("Mapping[str, str]", value).items())
        return {key: _escaped(attr, item) for key, item in items}
    return _escaped(attr, value) if isinstance(value, str) else value


def _escaped(attr: Attr, item: str) -> str:
    return item.replace("${", "$${").replace("%{", "%%{") if attr.escaped else item


def _group(group: Group) -> dict[str, object]:
    described: dict[str, object] = {"description": group.description} if group.description else {}
    return {**described, "targets": None if group.targets is None else list(group.targets)}
