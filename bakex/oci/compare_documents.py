"""What differs between two JSON documents, field by field. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from bakex.model.difference import Change

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_MAX_DEPTH = 64  # what is nested more deeply is compared as a whole
_ENVIRONMENT = "config.Env"


def changes(
    a: Mapping[str, object], b: Mapping[str, object], *, ignored: Collection[str] = ()
) -> tuple[Change, ...]:
    """Return the fields that differ, in the order of the first document.

    Lists are compared place by place, the environment of a config variable by variable. Of an
    object that only one has, each field is one that only one has.

    Args:
        a: The first document.
        b: The second document.
        ignored: Fields of the outermost object that are left out.
    """
    left, right = ({k: v for k, v in side.items() if k not in ignored} for side in (a, b))
    return tuple(_objects("", left, right, 0))


def _differ(place: str, a: object, b: object, depth: int) -> Iterator[Change]:
    if a == b and type(a) is type(b):
        return
    if depth < _MAX_DEPTH:
        variables = _variables if place == _ENVIRONMENT else _as_it_is
        found = _inner(place, variables(a), variables(b), depth + 1)
        first = next(found, None) if found else None
        if found is not None and first is not None:
            yield first
            yield from found
            return
    yield Change(field=place, a=a, b=b)


def _inner(place: str, a: object, b: object, depth: int) -> Iterator[Change] | None:
    """Return what differs inside; None if the two are told of as a whole."""
    nothing = dict[str, object]()
    a, b = (nothing if side is None and other else side for side, other in ((a, b), (b, a)))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        left, right = cast("Mapping[str, object]", a), cast("Mapping[str, object]", b)
        return _objects(f"{place}.", left, right, depth)
    if isinstance(a, list) and isinstance(b, list):
        return _lists(place, cast("list[object]", a), cast("list[object]", b), depth)
    return None


def _objects(
    prefix: str, a: Mapping[str, object], b: Mapping[str, object], depth: int
) -> Iterator[Change]:
    for key in dict.fromkeys((*a, *b)):
        yield from _differ(f"{prefix}{key}", a.get(key), b.get(key), depth)


def _lists(place: str, a: Sequence[object], b: Sequence[object], depth: int) -> Iterator[Change]:
    for number in range(max(len(a), len(b))):
        left, right = (side[number] if number < len(side) else None for side in (a, b))
        yield from _differ(f"{place}[{number}]", left, right, depth)


def _as_it_is(value: object) -> object:
    return value


def _variables(value: object) -> object:
    """Return an environment as an object, unless it is malformed or has a variable twice."""
    if not isinstance(value, list):
        return value
    texts = [text for text in cast("list[object]", value) if isinstance(text, str) and "=" in text]
    found = dict(text.split("=", 1) for text in texts)
    return found if len(found) == len(cast("list[object]", value)) else cast("object", value)
