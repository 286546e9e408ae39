"""``--set``: values of the command line, laid over those of the files (spec/bake-file 5.4, 5.5).

The grammar is ``PATTERN.KEY[.NAME][+]=VALUE``. The keys are the ``set_name`` of the attribute
table, and ``secret.ID``, ``push`` and ``load``, which change what is there. What is malformed is
an error at once; a key that does not exist only where the target is resolved, as in the reference.

Repeated options accumulate for lists, and the last one decides whether the list is replaced or
extended; for everything else the last one wins. The keys of one target are applied in the order in
which they came first, then ``push``, ``load``, ``call``, ``no-cache`` and ``pull``: the reference
applies them in random order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex._util.suggest import closest
from bakex.bake.merge import ATTRIBUTES, by_key
from bakex.bake.patterns import PatternError, compiled
from bakex.errors import DefinitionError, OverrideError
from bakex.model import resources
from bakex.model.attributes import Merge, Shape
from bakex.model.fields import boolean
from bakex.model.outputs import Output
from bakex.model.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from bakex.bake.merge import Draft
    from bakex.model.attributes import Attr

_BY_SET_NAME: Mapping[str, Attr] = MappingProxyType(
    {attr.set_name: attr for attr in ATTRIBUTES.values() if attr.set_name}
)
_SECRET, _PUSH, _LOAD = "secret", "push", "load"
_LAST = (_PUSH, _LOAD, "call", "no-cache", "pull")
_NAMED = frozenset({Shape.MAPPING, Shape.OBJECT})
_LISTS = frozenset({Shape.STRINGS, Shape.COMPOSITES})
_GRAMMAR = "write TARGET.KEY=VALUE, such as app.tags=user/app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What ``--set`` says about one key of one target.

    Attributes:
        key: As written: ``tags``, ``args`` ...
        name: What follows the key: the argument's name; empty where there is none.
        values: One for each option, in order; only lists use more than the last.
        extends: Whether the last option was written with ``+=``.
    """

    key: str
    name: str
    values: tuple[str, ...]
    extends: bool = False


Overrides = dict[str, tuple[Override, ...]]


def parse(texts: Sequence[str], targets: Collection[str], environ: Mapping[str, str]) -> Overrides:
    """Read ``--set`` options; the result is target -> what is set there, in order.

    Args:
        texts: The options' values, in order.
        targets: The names that patterns are matched against.
        environ: Where ``TARGET.args.NAME`` without a value finds it; not found there is not set.

    Raises:
        OverrideError: An option that is malformed, or that no target matches.
    """
    found: dict[str, dict[tuple[str, str], Override]] = {}
    for text in texts:
        option = split(text, environ)
        if option is None:
            continue
        pattern, override = option
        for target in _matching(pattern, targets):
            known = found.setdefault(target, {})
            attr = _BY_SET_NAME.get(override.key)
            # Lists ignore what follows their key, so that it makes no difference here either.
            name = "" if attr is not None and attr.shape in _LISTS else override.name
            place = (override.key, name)
            earlier = known[place].values if place in known else ()
            known[place] = replace(override, values=(*earlier, *override.values))
    return {target: tuple(known.values()) for target, known in found.items()}


def applied(draft: Draft, overrides: Sequence[Override]) -> Draft:
    """Return a draft with overrides laid over it, and over what its ``platform`` blocks say.

    Raises:
        OverrideError: A key that cannot be set, or a value that it cannot have.
    """
    ranks = {key: rank for rank, key in enumerate(_LAST, start=1)}
    for override in sorted(overrides, key=lambda item: ranks.get(item.key, 0)):
        try:
            draft = _apply_everywhere(draft, override)
        except OverrideError:
            raise
        except DefinitionError as error:
            raise OverrideError(
                f"--set {_spelled(override)}: {error.summary}",
                detail=error.detail,
                hint=error.hint,
            ) from error
    return draft


def split(text: str, environ: Mapping[str, str]) -> tuple[str, Override] | None:
    """Return the pattern of one option and what it sets; None if it says nothing.

    Args:
        text: ``PATTERN.KEY[.NAME][+]=VALUE``.
        environ: Where an argument without a value finds it.

    Raises:
        OverrideError: Not of that form.
    """
    # Messages name the left side only: the value may be a secret.
    left, equals, value = text.partition("=")
    extends = left.endswith("+")
    pattern, *rest = left.removesuffix("+").split(".", 2)
    if not rest:
        raise OverrideError(f"invalid override {left!r}", hint=_GRAMMAR)
    key, name = (*rest, "")[:2]
    if ".".join(rest) in _BY_SET_NAME:
        key, name = ".".join(rest), ""
    attr = _BY_SET_NAME.get(key)
    if ((attr is not None and attr.shape in _NAMED) or key == _SECRET) and not name:
        raise OverrideError(f"invalid override {left!r}", hint=f"write {pattern}.{key}.NAME=VALUE")
    if key == _SECRET and extends:
        raise OverrideError(
            f"invalid override {left!r}", hint=f"write {pattern}.{key}.{name}= to replace it"
        )
    if not equals:
        if key != "args":
            raise OverrideError(f"invalid override {left!r}", hint=_GRAMMAR)
        if name not in environ:
            return None
        value = environ[name]
    return pattern, Override(key=key, name=name, values=(value,), extends=extends)


def _matching(pattern: str, targets: Collection[str]) -> Sequence[str]:
    if pattern in targets:
        return (pattern,)
    try:
        expression = compiled(pattern)
    except PatternError:
        raise OverrideError(f"malformed pattern {pattern!r} in an override") from None
    found = [name for name in targets if expression.fullmatch(name)]
    if not found:
        near = closest(pattern, targets)
        raise OverrideError(
            f"no target matches {pattern!r}",
            detail="Overrides apply to targets, not to groups.",
            hint=f"did you mean {near!r}?" if near else "",
        )
    return found


def _apply_everywhere(draft: Draft, override: Override) -> Draft:
    variants = {
        platform: _apply(variant, override) if _has(variant, override) else variant
        for platform, variant in draft.variants.items()
    }
    # A secret that only the blocks have is changed only there.
    elsewhere = override.key == _SECRET and variants != draft.variants
    if not elsewhere or _has(draft, override):
        draft = _apply(draft, override)
    return replace(draft, variants=variants)


def _has(draft: Draft, override: Override) -> bool:
    """Return whether a draft says something itself about what is overridden."""
    if override.key == _SECRET:
        return override.name in {secret.key for secret in draft.get_composites(_SECRET)}
    attr = _BY_SET_NAME.get(override.key)
    if attr is None or attr.name not in draft.values:
        return False
    return attr.shape not in _NAMED or override.name in draft.get_mapping(attr.name)


def _apply(draft: Draft, override: Override) -> Draft:
    special = {_SECRET: _set_secret, _PUSH: _set_push, _LOAD: _set_load}.get(override.key)
    if special is not None:
        return special(draft, override)
    attr = _BY_SET_NAME.get(override.key)
    if attr is None:
        near = closest(override.key, _BY_SET_NAME)
        raise OverrideError(
            f"--set cannot set {override.key!r}",
            detail=f"It can set {', '.join(sorted({*_BY_SET_NAME, _SECRET, _PUSH, _LOAD}))}.",
            hint=f"did you mean {near!r}?" if near else "",
        )
    return _BY_SHAPE[attr.shape](draft, attr, override)


def _set_string(draft: Draft, attr: Attr, override: Override) -> Draft:
    return draft.having(attr.name, override.values[-1])


def _set_boolean(draft: Draft, attr: Attr, override: Override) -> Draft:
    return draft.having(attr.name, boolean(override.values[-1], repr(override.key)))


def _set_strings(draft: Draft, attr: Attr, override: Override) -> Draft:
    values = tuple(value for value in override.values if value)
    if override.extends or attr.set_extends:
        values = (*draft.get_texts(attr.name), *values)
    return draft.having(attr.name, values)


def _set_mapping(draft: Draft, attr: Attr, override: Override) -> Draft:
    values = {**draft.get_mapping(attr.name), override.name: override.values[-1]}
    return draft.having(attr.name, values)


def _set_composites(draft: Draft, attr: Attr, override: Override) -> Draft:
    kind = attr.composite
    texts = [text for text in override.values if text]
    values = tuple(value for text in texts for value in (kind.parse(text) if kind else ()))
    if override.extends or attr.set_extends:
        values = (*draft.get_composites(attr.name), *values)
    # Whatever files do with a list of this kind, += puts values behind those that are there.
    return draft.having(attr.name, by_key(values) if attr.merge is Merge.UPDATE else values)


def _set_object(draft: Draft, attr: Attr, override: Override) -> Draft:
    resources.check(override.name, override.values[-1])
    return _set_mapping(draft, attr, override)


_BY_SHAPE: Mapping[Shape, Callable[[Draft, Attr, Override], Draft]] = MappingProxyType(
    {
        Shape.STRING: _set_string,
        Shape.BOOLEAN: _set_boolean,
        Shape.STRINGS: _set_strings,
        Shape.MAPPING: _set_mapping,
        Shape.COMPOSITES: _set_composites,
        Shape.OBJECT: _set_object,
    }
)


def _set_secret(draft: Draft, override: Override) -> Draft:
    declared = [secret for secret in draft.get_composites(_SECRET) if isinstance(secret, Secret)]
    if override.name not in {secret.id for secret in declared}:
        raise OverrideError(
            f"no secret {override.name!r} to override",
            hint=f"use --set TARGET.secrets+=id={override.name},... to add one",
        )
    (given,) = Secret.parse(override.values[-1])
    if given.id not in {"", override.name}:
        raise OverrideError(f"the override of secret {override.name!r} has the id {given.id!r}")
    given = replace(given, id=override.name)
    return draft.having(
        _SECRET, tuple(given if secret.id == given.id else secret for secret in declared)
    )


def _set_push(draft: Draft, override: Override) -> Draft:
    outputs = _outputs(draft)
    wanted = boolean(override.values[-1], "'push'")
    if wanted and all(output.type == "docker" for output in outputs):
        outputs.append(Output(type="image", attrs={"push": "true"}))
    if not wanted:
        outputs = _without_registry(outputs)
    text = str(wanted).lower()
    changed = [
        replace(output, attrs={**output.attrs, "push": text}) if output.type == "image" else output
        for output in outputs
    ]
    return draft.having("output", tuple(changed))


def _without_registry(outputs: Sequence[Output]) -> list[Output]:
    # The last output takes the place of one that goes, as in the reference, so that --print
    # shows the same order.
    left = list(outputs)
    for index in range(len(left) - 1, -1, -1):
        if left[index].type == "registry":
            left[index] = left[-1]
            left.pop()
    return left


def _set_load(draft: Draft, override: Override) -> Draft:
    outputs = _outputs(draft)
    loads = any(output.type == "docker" and not output.dest for output in outputs)
    others = any(o.type not in {"docker", "image", "registry", "oci"} for o in outputs)
    if not boolean(override.values[-1], "'load'") or loads or others:
        return draft
    return draft.having("output", (*outputs, Output(type="docker")))


def _outputs(draft: Draft) -> list[Output]:
    return [output for output in draft.get_composites("output") if isinstance(output, Output)]


def _spelled(override: Override) -> str:
    return f"{override.key}.{override.name}" if override.name else override.key
