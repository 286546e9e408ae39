"""Services and secrets in one form: short forms become long ones, as far as bake reads them.

Behaviour: compose-go transform/*.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.compose.problems import refusal
from bakex.bake.yaml.nodes import RESET, Mapping, Scalar, Sequence, is_null

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakex.bake.compose.problems import Path
    from bakex.bake.yaml.nodes import YamlNode
    from bakex.bake.yaml.scalars import Value

# What bake reads of a service; the rest may be anything.
SERVICE_KEYS = ("image", "build", "environment", "env_file", "extends")


def service(node: YamlNode, path: Path) -> Mapping:
    """Return a service with its ``build`` and ``env_file`` in their long forms.

    Raises:
        EvaluationError: One of them has no form that is known.
    """
    if is_null(node):
        return Mapping(node.source, node.start, node.end, {}, node.tag)
    if not isinstance(node, Mapping):
        raise refusal(path, "a service must be a mapping", node)
    entries = {key: node.entries[key] for key in SERVICE_KEYS if key in node.entries}
    for key, change in (("build", _build), ("env_file", _env_file)):
        if key in entries and entries[key][1].tag != RESET:
            name, value = entries[key]
            entries[key] = (name, change(value, (*path, key)))
    return node.having(entries)


def with_context(service: Mapping, context: str) -> Mapping:
    """Return a service that is built in a context if it does not name one."""
    build = service.get("build")
    if not isinstance(build, Mapping) or "context" in build.entries:
        return service
    changed = build.having({**build.entries, "context": (_name(build), _text(build, context))})
    return service.having({**service.entries, "build": (service.entries["build"][0], changed)})


def secret(node: YamlNode, path: Path) -> YamlNode:
    """Return a secret of the project; an external one with its name beside it.

    Raises:
        EvaluationError: It is no mapping.
    """
    if node.tag == RESET:
        return node
    if not isinstance(node, Mapping):
        raise refusal(path, "a secret must be a mapping", node, hint="write file: or environment:")
    external = node.get("external")
    if not isinstance(external, Mapping):
        return node
    key = node.entries["external"][0]
    entries = dict(node.entries)
    name = external.get("name")
    if name is not None:
        entries["name"] = (key, name)
    yes = Scalar(key.source, external.start, external.end, value=True, text="true")
    return node.having({**entries, "external": (key, yes)})


def _build(node: YamlNode, path: Path) -> Mapping:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return Mapping(
            node.source, node.start, node.end, {"context": (_name(node), node)}, node.tag
        )
    if not isinstance(node, Mapping):
        raise refusal(path, "a text or a mapping is required", node, hint="write build: .")
    entries = dict(node.entries)
    for key, change in _CHANGES.items():
        if key in entries and entries[key][1].tag != RESET:
            name, value = entries[key]
            entries[key] = (name, change(value, (*path, key)))
    return node.having(entries)


def _contexts(node: YamlNode, path: Path) -> Mapping:
    if isinstance(node, Mapping):
        return node
    if not isinstance(node, Sequence):
        raise refusal(path, "a mapping or a list of NAME=CONTEXT is required", node)
    found: dict[str, tuple[Scalar, YamlNode]] = {}
    for item in node.items:
        text = item.value if isinstance(item, Scalar) else None
        name, equals, value = text.partition("=") if isinstance(text, str) else ("", "", "")
        if not equals:
            raise refusal(path, "each element must be NAME=CONTEXT", item)
        found[name] = (_name(item), _text(item, value))
    return Mapping(node.source, node.start, node.end, found, node.tag)


def _secrets(node: YamlNode, _path: Path) -> YamlNode:
    if not isinstance(node, Sequence):
        return node
    return node.having(
        Mapping(item.source, item.start, item.end, {"source": (_name(item), item)})
        if isinstance(item, Scalar)
        else item
        for item in node.items
    )


def _ssh(node: YamlNode, path: Path) -> YamlNode:
    if isinstance(node, Mapping):
        return node
    if not isinstance(node, Sequence):
        raise refusal(path, "a mapping or a list of ID=PATH is required", node)
    found: dict[str, tuple[Scalar, YamlNode]] = {}
    for item in node.items:
        text = item.value if isinstance(item, Scalar) else None
        if not isinstance(text, str):
            raise refusal(path, "each element must be a text", item)
        name, equals, value = text.partition("=")
        if not equals and name != "default":
            raise refusal(path, f"{name!r} has no path", item, hint=f"write {name}=PATH")
        found[name] = (_name(item), _text(item, value if equals else None))
    return Mapping(node.source, node.start, node.end, found, node.tag)


def _ulimits(node: YamlNode, path: Path) -> YamlNode:
    values = node if isinstance(node, Mapping) else ()
    for name, value in values:
        limit = value.value if isinstance(value, Scalar) else None
        if not isinstance(value, Mapping) and (isinstance(limit, bool) or type(limit) is not int):
            raise refusal((*path, name), "a number, or soft: and hard:, is required", value)
    return node


def _env_file(node: YamlNode, path: Path) -> Sequence:
    items: tuple[YamlNode, ...] = (node,)
    if isinstance(node, Sequence):
        items = node.items
    elif not isinstance(node, Scalar) or not isinstance(node.value, str):
        raise refusal(path, "a text or a list is required", node)
    long = [
        Mapping(item.source, item.start, item.end, {"path": (_name(item), item)})
        if isinstance(item, Scalar)
        else item
        for item in items
    ]
    return Sequence(node.source, node.start, node.end, long, node.tag)


_CHANGES: dict[str, Callable[[YamlNode, Path], YamlNode]] = {
    "additional_contexts": _contexts,
    "secrets": _secrets,
    "ssh": _ssh,
    "ulimits": _ulimits,
}


def _name(node: YamlNode) -> Scalar:
    return Scalar(node.source, node.start, node.start, "", "")


def _text(node: YamlNode, value: Value) -> Scalar:
    return Scalar(node.source, node.start, node.end, value, value if isinstance(value, str) else "")
