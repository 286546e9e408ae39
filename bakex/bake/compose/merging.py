"""How a later compose file, or a service that extends another, is laid over an earlier one.

Scalars replace, lists append, mappings merge; some lists and mappings of ``key=value`` are one
thing in two forms and merge by key. ``!reset`` takes away, ``!override`` replaces as a whole.
Behaviour: compose-go override/merge.go and override/uncity.go, loader/reset.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.compose.problems import refusal
from bakex.bake.yaml.nodes import OVERRIDE, RESET, Mapping, Scalar, Sequence, YamlNode, is_null
from bakex.bake.yaml.scalars import written

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakex.bake.compose.problems import Budget, Path

_ITEMS = frozenset(
    {
        ("build", "args"), ("build", "additional_contexts"), ("build", "labels"),
        ("build", "extra_hosts"), ("environment",), ("env_file",),
    }
)  # fmt: skip
_HOSTS = ("build", "extra_hosts")
# Lists in which a later element with the same key takes the place of an earlier one.
_KEYED = frozenset(
    {
        ("build", "args"), ("build", "additional_contexts"), ("build", "labels"),
        ("build", "tags"), ("environment",),
    }
)  # fmt: skip


def merged(base: YamlNode | None, other: YamlNode, path: Path, budget: Budget) -> YamlNode:
    """Lay a node over another.

    Nodes with ``!reset`` stay in the result, so that they still work on what is below; `cleaned`
    removes them in the end.

    Args:
        base: What is below; None if there is nothing.
        other: What is on top.
        path: Where both are: ``services``, the name of the service, and so on.
        budget: What may be made.

    Raises:
        EvaluationError: A list over a mapping, or the like.
    """
    if base is None or other.tag in {RESET, OVERRIDE} or base.tag == RESET:
        return other
    if is_null(other):
        return base
    place = path[2:] if path[:1] == ("services",) else ()
    if place in _ITEMS:
        return _joined(base, other, place, budget)
    if place == ("build",):
        base, other = _build(base), _build(other)
    if isinstance(base, Mapping):
        if not isinstance(other, Mapping):
            raise refusal(path, f"a {other.kind} cannot be merged with a mapping", other)
        return _mappings(base, other, path, budget)
    if isinstance(base, Sequence):
        if not isinstance(other, Sequence):
            raise refusal(path, f"a {other.kind} cannot be merged with a list", other)
        budget.spend(len(base.items) + len(other.items))
        return other.having((*base.items, *other.items))
    return other


def _mappings(base: Mapping, other: Mapping, path: Path, budget: Budget) -> Mapping:
    budget.spend(len(base.entries) + len(other.entries))
    entries = dict(base.entries)
    for key, (name, value) in other.entries.items():
        below = base.get(key)
        entries[key] = (name, merged(below, value, (*path, key), budget))
    return other.having(entries)


def _build(node: YamlNode) -> YamlNode:
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return node
    key = Scalar(node.source, node.start, node.start, "context", "context")
    return Mapping(node.source, node.start, node.end, {"context": (key, node)})


def _joined(base: YamlNode, other: YamlNode, place: Path, budget: Budget) -> Sequence:
    first, second = _listed(base), _listed(other)
    gone = _reset(other)
    # As in the reference, what is below loses keys only where it is a mapping, too.
    if gone and isinstance(base, Mapping):
        first = [item for item in first if _name(item) not in gone]
    second = [item for item in second if item.tag != RESET]
    budget.spend(len(first) + len(second))
    if place == _HOSTS:
        known = {item.value for item in first if isinstance(item, Scalar)}
        second = [i for i in second if not (isinstance(i, Scalar) and i.value in known)]
    return Sequence(other.source, other.start, other.end, [*first, *second])


def _listed(node: YamlNode) -> list[YamlNode]:
    """Return a mapping as a list of ``key=value``, in the order of these texts."""
    if isinstance(node, Sequence):
        return list(node.items)
    if isinstance(node, Mapping):
        pairs = [
            _pair(key, item)
            for key, value in node
            for item in (value.items if isinstance(value, Sequence) else (value,))
        ]
        ordered: list[Scalar] = sorted(pairs, key=lambda pair: pair.text)
        return [*ordered]
    return [] if is_null(node) else [node]


def _reset(node: YamlNode) -> set[str]:
    """Return the keys that a mapping takes away."""
    return (
        {key for key, value in node if value.tag == RESET} if isinstance(node, Mapping) else set()
    )


def _name(item: YamlNode) -> str:
    return item.text.partition("=")[0] if isinstance(item, Scalar) else ""


def _pair(key: str, value: YamlNode) -> Scalar:
    text = key
    if not isinstance(value, Scalar):
        # Not a value that may be here: it is reported where it is looked at.
        text = f"{key}="
    elif value.value is not None:
        text = f"{key}={written(value.value)}"
    return Scalar(value.source, value.start, value.end, text, text, value.tag)


def cleaned(node: YamlNode, budget: Budget) -> YamlNode:
    """Return a node without what ``!reset`` takes away."""
    budget.spend(1)
    if isinstance(node, Mapping):
        kept = {
            key: (name, cleaned(value, budget))
            for key, (name, value) in node.entries.items()
            if value.tag != RESET
        }
        return node.having(kept)
    if isinstance(node, Sequence):
        return node.having(cleaned(item, budget) for item in node.items if item.tag != RESET)
    return node


def unique(service: Mapping, path: Path) -> Mapping:
    """Drop what a later element of a list of ``key=value`` replaces, in all such lists.

    Raises:
        EvaluationError: An element is no text.
    """
    entries = dict(service.entries)
    build = service.get("build")
    if isinstance(build, Mapping):
        inner = dict(build.entries)
        _replace(inner, ("build",), path, _key)
        entries["build"] = (entries["build"][0], build.having(inner))
    _replace(entries, (), path, _key)
    return service.having(entries)


def _replace(
    entries: dict[str, tuple[Scalar, YamlNode]],
    place: Path,
    path: Path,
    key_of: Callable[[YamlNode, Path], str],
) -> None:
    for name, (key, value) in entries.items():
        if (*place, name) in _KEYED and isinstance(value, Sequence):
            found: dict[str, YamlNode] = {}
            for item in value.items:
                found[key_of(item, (*path, *place, name))] = item
            entries[name] = (key, value.having(found.values()))


def _key(item: YamlNode, path: Path) -> str:
    if not isinstance(item, Scalar) or not isinstance(item.value, str):
        raise refusal(path, f"{_described(item)} is no text", item, hint="put it in quotes")
    return item.value.partition("=")[0]


def _described(item: YamlNode) -> str:
    return repr(item.text) if isinstance(item, Scalar) else f"a {item.kind}"


def same(one: YamlNode, other: YamlNode) -> bool:
    """Return whether two nodes say the same, wherever they are written."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if one.entries.keys() != other.entries.keys():
            return False
        return all(same(value, other.entries[key][1]) for key, value in one)
    if isinstance(one, Sequence) and isinstance(other, Sequence):
        if len(one.items) != len(other.items):
            return False
        return all(map(same, one.items, other.items))
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return type(one.value) is type(other.value) and one.value == other.value
    return False
