"""The JSON Schema of bake files in JSON and YAML, for editors: ``bakex schema``.

Made of the attribute table. It is a little narrower than the language where a slip of the pen is
likelier than intention: attributes that nothing reads are refused, the language ignores them.
Strings are templates, so one with an expression fits wherever its value may be what is wanted.

Keywords of JSON Schema concern one type of values each and ignore the others. That is used here in
place of ``anyOf``, which hides from people what is wrong.

Pure. Source: spec/bake-file 2.14, 3.1, 3.2; JSON Schema 2020-12.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex.bake import vocabulary
from bakex.bake.merge import ATTRIBUTES
from bakex.model import resources
from bakex.model.attributes import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bakex.bake.vocabulary import Word
    from bakex.model.attributes import Attr, Key

Schema = dict[str, object]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_COMMENT = "//"
_NAME = "^[a-zA-Z0-9_-]+$"
_IDENTIFIER = r"^[^\W\d][\w-]*$"
_TEMPLATE = r"[$%]\{"
_MARK = "x-bakex-extension"
_OWN = "An extension of bakex: other tools ignore it, and --strict refuses it."
_BLOCKS: Mapping[str, str] = MappingProxyType(
    {
        "target": "What can be built, by name.",
        "group": "Targets and groups that go by one name.",
        "variable": "Values that the command line and the environment can set.",
        "function": "Functions that expressions can call.",
    }
)


def text() -> str:
    """Return the schema as JSON; ends with a newline."""
    return json.dumps(document(), indent=2) + "\n"


def document() -> Schema:
    """Return the schema as plain values."""
    blocks = {kind: {"description": doc, **_ref(f"{kind}-blocks")} for kind, doc in _BLOCKS.items()}
    return {
        "$schema": _DIALECT,
        "title": "Bake file",
        "description": "Further properties are attributes of the file: names for values.",
        "type": "object",
        "properties": {**blocks, **_words(vocabulary.ROOT), _COMMENT: True},
        "$defs": _definitions(),
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


# -- values


def _texts() -> Schema:
    return {"type": ["array", "string"], "items": _text(), "pattern": _TEMPLATE}


def _text() -> Schema:
    return {"type": ["string", "number", "boolean"]}


def _one_of(words: Sequence[str]) -> Schema:
    # A template may stand for any of them, so "enum" is too narrow; editors offer examples as well.
    pattern = f"^(?:{'|'.join(words)})$|{_TEMPLATE}"
    return {"type": ["string"], "pattern": pattern, "examples": list(words)}


def _flag() -> Schema:
    return {"type": ["boolean", "string"], "pattern": f"^(?:true|false|1|0)$|{_TEMPLATE}"}


def _integer() -> Schema:
    return {"type": ["integer", "string"], "pattern": f"^[+-]?[0-9]+$|{_TEMPLATE}"}


def _map(element: Schema) -> Schema:
    return {"type": ["object", "string"], "additionalProperties": element, "pattern": _TEMPLATE}


def _or_null(schema: Schema) -> Schema:
    types = schema.get("type")
    return {**schema, "type": [*types, "null"]} if isinstance(types, list) else schema


# -- blocks


def _definitions() -> dict[str, Schema]:
    attributes = {f"attribute-{name}": _attribute(attr) for name, attr in ATTRIBUTES.items()}
    shown = {name: _ref(f"attribute-{name}") for name in ATTRIBUTES if not ATTRIBUTES[name].block}
    publish = {
        attr.key: _ref(f"attribute-{name}")
        for name, attr in ATTRIBUTES.items()
        if attr.block == "publish"
    }
    differing = {name: shown[name] for name, attr in ATTRIBUTES.items() if attr.per_platform}
    platform = {"description": f"What differs on one platform. {_OWN}", _MARK: True}
    target = {
        **_words(vocabulary.TARGET),
        **shown,
        "publish": {
            "description": f"What must hold before the result is published. {_OWN}",
            _MARK: True,
            **_ref("publish"),
        },
        "platform": {**platform, **_blocks("platform")},
    }
    variable = {**_words(vocabulary.VARIABLE), "validation": _ref("validation")}
    return {
        "target-blocks": _blocks("target", _NAME),
        "target": {**_body("target", target), "dependentRequired": {"name": ["matrix"]}},
        "publish": _body("publish", publish),
        "platform": _body("platform", differing),
        "group-blocks": _blocks("group", _NAME),
        "group": _body("group", _words(vocabulary.GROUP), vocabulary.GROUP),
        "variable-blocks": _blocks("variable"),
        "variable": _body("variable", variable),
        "validation": _body("validation", _words(vocabulary.VALIDATION), vocabulary.VALIDATION),
        "function-blocks": _blocks("function"),
        "function": _body("function", _words(vocabulary.FUNCTION), vocabulary.FUNCTION),
        **attributes,
    }


def _blocks(kind: str, pattern: str = "") -> Schema:
    """Return blocks of one kind by their label; there may be several of them in an array."""
    by_label: Schema = {"minProperties": 1, "additionalProperties": _ref(kind)}
    if pattern:
        by_label["propertyNames"] = {"pattern": pattern}
    return {
        "type": ["object", "array"],
        **by_label,
        "items": {"type": "object", **by_label},
    }


def _body(name: str, properties: Mapping[str, object], words: Sequence[Word] = ()) -> Schema:
    """Return one block, or several in an array; null is none."""
    found: Schema = {
        "type": ["object", "array", "null"],
        "properties": {**properties, _COMMENT: True},
        "additionalProperties": False,
        "items": _ref(name),
    }
    required = [word.name for word in words if word.required]
    return {**found, "required": required} if required else found


def _words(words: Iterable[Word]) -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    for word in words:
        own: Schema = {_MARK: True} if word.extension else {}
        doc = f"{word.doc} {_OWN}" if word.extension else word.doc
        found[word.name] = {"description": doc, **own, **_FORMS[word.form]}
    return found


_FORMS: Mapping[str, Schema] = MappingProxyType(
    {
        vocabulary.TEXT: _or_null(_text()),
        vocabulary.NAMES: _or_null(_texts()),
        vocabulary.AXES: _map({"type": ["array", "object", "string"], "pattern": _TEMPLATE}),
        vocabulary.ANY: {},
        vocabulary.TYPE: {"type": ["string", "null"]},
        vocabulary.IDENTIFIER: {"type": "string", "pattern": _IDENTIFIER},
        vocabulary.IDENTIFIERS: {
            "type": "array",
            "items": {"type": "string", "pattern": _IDENTIFIER},
        },
        vocabulary.CONDITION: _flag(),
    }
)


# -- attributes of targets


def _attribute(attr: Attr) -> Schema:
    schema = _one_of(attr.values) if attr.values else _SHAPES[attr.shape](attr)
    mark: Schema = {_MARK: True} if attr.extension else {}
    return {"description": attr.doc, **mark, **(_or_null(schema) if attr.nullable else schema)}


def _mapping(attr: Attr) -> Schema:
    return _map(_or_null(_text()) if attr.sparse else _text())


def _composites(attr: Attr) -> Schema:
    kind = attr.composite
    if kind is None:
        return _texts()
    element: Schema = {
        "description": f"As a string: {kind.FORM}.",
        "type": ["string", "object"],
        "properties": {key.name: _key(key) for key in kind.KEYS},
        "additionalProperties": _text() if kind.OPEN else False,
    }
    if required := [key.name for key in kind.KEYS if key.required]:
        element["required"] = required
    return {"type": ["array", "string"], "items": element, "pattern": _TEMPLATE}


def _key(key: Key) -> Schema:
    form: Schema = _KEYS[key.shape]()
    if key.values:
        form = _one_of(key.values)
    return {"description": key.doc, **(_or_null(form) if key.printed else form)}


def _objects() -> Schema:
    return {"type": ["array"], "items": _map(_or_null(_text()))}


def _resources(_: Attr) -> Schema:
    forms = {
        name: _integer() if kind is resources.Kind.INTEGER else _text()
        for name, kind in resources.KEYS.items()
    }
    properties = {
        name: {"description": resources.DOCS[name], **_or_null(form)}
        for name, form in forms.items()
    }
    return {
        "type": ["object", "string"],
        "properties": properties,
        "additionalProperties": False,
        "pattern": _TEMPLATE,
    }


_KEYS: Mapping[Shape, Callable[[], Schema]] = MappingProxyType(
    {
        Shape.STRING: _text,
        Shape.BOOLEAN: _flag,
        Shape.STRINGS: _texts,
        Shape.COMPOSITES: _objects,
    }
)
_SHAPES: Mapping[Shape, Callable[[Attr], Schema]] = MappingProxyType(
    {
        Shape.STRING: lambda _: _text(),
        Shape.BOOLEAN: lambda _: _flag(),
        Shape.STRINGS: lambda _: _texts(),
        Shape.MAPPING: _mapping,
        Shape.COMPOSITES: _composites,
        Shape.OBJECT: _resources,
    }
)
