"""Drafts of targets and how they are laid over one another: a loop over the attribute table.

A draft holds only what is written, so that "not set" and "set to nothing" stay apart. Rules:
spec/bake-file 3.3 (docker/buildx bake/bake.go, ``Target.Merge`` and ``Target.normalize``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from bakex.model.attributes import Attr, Composite, Merge, Shape, declared, evolve
from bakex.model.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.diagnostics import Span
    from bakex.model.platform import Platform

Value = str | bool | tuple[str, ...] | tuple[Composite, ...] | dict[str, str]

# Bake name -> declaration, in the order of --print.
ATTRIBUTES: Mapping[str, Attr] = MappingProxyType(
    {name: attr for name, (_, attr) in declared(Target).items()}
)
_FIELDS: Mapping[str, str] = MappingProxyType(
    {name: key for name, (key, _) in declared(Target).items()}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What one or several blocks say about a target.

    Attributes:
        values: Bake name -> value of what is set, and of nothing else.
        inherits: Names of parents, in order.
        spans: Bake name -> where the value was written, as far as known.
        directory: Directory of the bake file, where contexts are relative to it; else empty.
        variants: Platform -> what a ``platform`` block says on top of the rest.
        place: Where the block is, for such a variant.
    """

    values: Mapping[str, Value] = field(default_factory=dict[str, Value])
    inherits: tuple[str, ...] = ()
    spans: Mapping[str, Span] = field(default_factory=dict[str, "Span"])
    directory: str = ""
    variants: Mapping[Platform, Draft] = field(default_factory=dict["Platform", "Draft"])
    place: Span | None = None

    def get_text(self, name: str) -> str:
        """Return a text attribute, empty if it is not set."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def get_texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, empty if it is not set."""
        return cast("tuple[str, ...]", self.values.get(name, ()))

    def get_mapping(self, name: str) -> Mapping[str, str]:
        """Return a map of texts, empty if it is not set."""
        return cast("Mapping[str, str]", self.values.get(name, {}))

    def get_composites(self, name: str) -> tuple[Composite, ...]:
        """Return a list of composite values, empty if it is not set."""
        return cast("tuple[Composite, ...]", self.values.get(name, ()))

    def having(self, name: str, value: Value) -> Draft:
        """Return a copy with an attribute set, by an override: there is no place in a file."""
        spans = {key: span for key, span in self.spans.items() if key != name}
        return replace(self, values={**self.values, name: value}, spans=spans)


def merge(earlier: Draft, later: Draft) -> Draft:
    """Lay a later draft over an earlier one; associative, and an empty draft changes nothing."""
    values = dict(earlier.values)
    for name, value in later.values.items():
        values[name] = joined(ATTRIBUTES[name], values.get(name), value)
    return Draft(
        values=values,
        inherits=(*earlier.inherits, *later.inherits),
        spans={**earlier.spans, **later.spans},
        directory=later.directory or earlier.directory,
        variants=_merged_variants(earlier.variants, later.variants),
        place=later.place or earlier.place,
    )


def for_platform(draft: Draft, platform: Platform) -> Draft:
    """Return what a draft says about one platform: its block, if it has one, over the rest."""
    plain = replace(draft, variants={})
    variant = draft.variants.get(platform)
    return plain if variant is None else merge(plain, variant)


def _merged_variants(
    earlier: Mapping[Platform, Draft], later: Mapping[Platform, Draft]
) -> Mapping[Platform, Draft]:
    if not (earlier and later):
        return later or earlier
    found = dict(earlier)
    for platform, draft in later.items():
        found[platform] = merge(found[platform], draft) if platform in found else draft
    return found


def joined(attr: Attr, earlier: Value | None, later: Value) -> Value:
    """Combine two values of one attribute as its declaration says."""
    if earlier is None or attr.merge is Merge.REPLACE:
        return later
    if isinstance(earlier, dict) and isinstance(later, dict):
        return {**earlier, **later}
    both = (*cast("tuple[Composite, ...]", earlier), *cast("tuple[Composite, ...]", later))
    return by_key(both) if attr.merge is Merge.UPDATE else both


def by_key(values: Sequence[Composite]) -> tuple[Composite, ...]:
    """Keep the last value of each key, at the place of the first."""
    return tuple({value.key: value for value in values}.values())


def normalised(draft: Draft) -> Draft:
    """Drop duplicates, blanks and removed keys; idempotent.

    Variants stay as they are: what they remove is not in them but in what they lie on.
    """
    values = {name: _normalised(ATTRIBUTES[name], value) for name, value in draft.values.items()}
    return replace(draft, values=values)


def finished(name: str, draft: Draft) -> Target:
    """Return the target that a draft describes; parents must have been merged before."""
    changes = {_FIELDS[key]: value for key, value in draft.values.items()}
    return evolve(Target(name=name), changes)


def _normalised(attr: Attr, value: Value) -> Value:
    if isinstance(value, dict):
        kept = {key: text for key, text in value.items() if text or not attr.blank_removes}
        return dict(sorted(kept.items()))
    if not isinstance(value, tuple):
        return value
    if attr.shape is Shape.STRINGS:
        return tuple(dict.fromkeys(text for text in cast("tuple[str, ...]", value) if text))
    values = cast("tuple[Composite, ...]", value)
    if attr.merge is Merge.UPDATE:
        return by_key(values)
    return values if attr.merge is Merge.APPEND else _distinct(values)


def _distinct(values: Sequence[Composite]) -> tuple[Composite, ...]:
    # The order is the reference's: from the end, a value that comes again further on stays where
    # it is, and the last of the list takes the place of its other occurrence.
    left = list(values)
    places: dict[str, int] = {}
    for index in range(len(values) - 1, -1, -1):
        key = left[index].key
        twin = places.get(key)
        places[key] = index
        if twin is None:
            continue
        last = left.pop()
        if twin < len(left):
            left[twin] = last
            places[last.key] = twin
    return tuple(left)
