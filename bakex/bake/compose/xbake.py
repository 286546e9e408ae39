"""``x-bake`` inside ``build``: what compose has no key for (specification 4.4).

Lists join those of the compose keys, the compose value of a context wins, booleans replace. Source:
docker/buildx bake/compose.go, ``composeExtTarget``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from bakex.bake.merge import by_key
from bakex.bake.problems import placed
from bakex.bake.yaml.nodes import Mapping, Scalar, Sequence, is_null
from bakex.bake.yaml.scalars import Time, written
from bakex.errors import EvaluationError
from bakex.model.caches import CacheEntry
from bakex.model.outputs import Output
from bakex.model.secrets import Secret
from bakex.model.ssh import Ssh

if TYPE_CHECKING:
    from bakex.bake.merge import Value as Setting
    from bakex.bake.yaml.nodes import YamlNode
    from bakex.diagnostics import Span
    from bakex.model.attributes import Composite

_LINKS = ("service:", "target:")
_TEXTS = ("tags", "platforms", "no-cache-filter")
_COMPOSITES: dict[str, type[Composite]] = {
    "cache-from": CacheEntry,
    "cache-to": CacheEntry,
    "secret": Secret,
    "ssh": Ssh,
    "output": Output,
}
_BY_KEY = frozenset({"secret", "ssh"})
_YES, _NO = frozenset({"y", "Y", "yes", "on"}), frozenset({"n", "N", "no", "off"})


def add(node: YamlNode, values: dict[str, Setting], spans: dict[str, Span]) -> None:
    """Lay what ``x-bake`` says over what the compose keys say.

    Args:
        node: The value of ``x-bake``; its unknown keys are ignored.
        values: Attribute -> value; changed.
        spans: Attribute -> where it is written; changed.

    Raises:
        DefinitionError: A value of a wrong type, or one that the attribute cannot have.
    """
    if not isinstance(node, Mapping):
        raise EvaluationError("a mapping is required")
    for key, value in node:
        with placed(value, f"x-bake.{key}"):
            new = _value(key, value, values)
        if new is not None:
            values[key] = new
            spans[key] = value.span


def named_context(text: str) -> str:
    """Return a named context; a service becomes the target that it is."""
    if text.startswith(_LINKS):
        return f"target:{text.partition(':')[2].replace('.', '_')}"
    return text


def _value(key: str, node: YamlNode, values: dict[str, Setting]) -> Setting | None:
    if is_null(node):
        return None
    if key in {"pull", "no-cache"}:
        return _boolean(node)
    if key == "contexts":
        own = {name: named_context(text) for name, text in _texts_by_name(node).items()}
        return {**own, **cast("dict[str, str]", values.get(key, {}))} if own else None
    if key in _TEXTS:
        listed = _listed(node)
        known = cast("tuple[str, ...]", values.get(key, ()))
        return tuple(dict.fromkeys((*known, *listed))) if listed else None
    kind = _COMPOSITES.get(key)
    if kind is None:
        return None
    found = [item for text in _listed(node) if text for item in kind.parse(text)]
    return _joined(key, cast("tuple[Composite, ...]", values.get(key, ())), found)


def _joined(
    key: str, known: tuple[Composite, ...], found: list[Composite]
) -> tuple[Composite, ...] | None:
    if not found:
        return None
    joined = (*known, *found)
    if key not in _BY_KEY:
        return joined
    joined = by_key(joined)
    return tuple(sorted(joined, key=_order)) if key == "ssh" else joined


def _order(entry: Composite) -> tuple[str, str]:
    return entry.key, entry.format()


def _listed(node: YamlNode) -> tuple[str, ...]:
    """Return a list, or the words of a text."""
    if isinstance(node, Sequence):
        return tuple(_text(item) for item in node.items)
    return tuple(_text(node).split())


def _text(node: YamlNode) -> str:
    if not isinstance(node, Scalar):
        raise EvaluationError(f"a text is required, but this is a {node.kind}")
    if isinstance(node.value, Time):
        return node.value.rfc3339
    return written(node.value)


def _texts_by_name(node: YamlNode) -> dict[str, str]:
    if not isinstance(node, Mapping):
        raise EvaluationError(f"a mapping is required, but this is a {node.kind}")
    return {key: _text(value) for key, value in node}


def _boolean(node: YamlNode) -> bool:
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _YES | _NO:
        return value in _YES
    raise EvaluationError("true or false is required", hint="write it without quotes")
