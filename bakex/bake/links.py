"""Linked targets: ``contexts = { base = "target:base" }`` (spec/bake-file 6.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bakex.bake.validation import LOCAL_PLATFORM
from bakex.errors import CycleError, DefinitionError
from bakex.model.attributes import evolve
from bakex.model.outputs import Output
from bakex.model.platform import Platform, named, split_platforms

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from bakex.model.target import Target

PREFIX = "target:"


def linked(target: Target) -> tuple[str, ...]:
    """Return the names of the targets that its contexts refer to on any platform, each once."""
    contexts = [value for form in target.effective() for value in form.contexts.values()]
    return tuple(dict.fromkeys(v.removeprefix(PREFIX) for v in contexts if is_link(v)))


def is_link(context: str) -> bool:
    """Return whether a named context is the result of another target."""
    return context.startswith(PREFIX)


def follow(targets: dict[str, Target], resolve: Callable[[str], Target]) -> None:
    """Add what the targets link to, and what that links to, behind them in `targets`.

    A target that nobody asked for gets ``cacheonly`` as its one output.

    Args:
        targets: Name -> target; those that were asked for, in order.
        resolve: Makes a target by its name; raises `UnknownTargetError`.

    Raises:
        CycleError: A target that needs itself.
        DefinitionError: Platforms that the linked target is not built for.
    """
    done: set[str] = set()
    for name in tuple(targets):
        _follow(name, targets, resolve, (), done)


def _follow(
    name: str,
    targets: dict[str, Target],
    resolve: Callable[[str], Target],
    path: tuple[str, ...],
    done: set[str],
) -> None:
    path = (*path, name)
    for base in linked(targets[name]):
        if base in path:
            chain = " -> ".join((*path[path.index(base) :], base))
            raise CycleError("targets link to each other in a circle", detail=f"{chain}.")
        if base not in targets:
            bare = {"output": (Output(type="cacheonly"),), "publish_requires": ()}
            targets[base] = evolve(resolve(base), bare)
        if base not in done:
            _follow(base, targets, resolve, path, done)
        _check_platforms(targets[name], targets[base])
    done.add(name)


def narrowed(target: Target, words: Sequence[str]) -> Target:
    """Return a target for some of its platforms only; `words` are elements of its list."""
    listed = {named(word) for word in words}
    kept = {p: item for p, item in target.variants.items() if p in listed or None in listed}
    return replace(target, platforms=tuple(words), variants=kept)


def narrow(
    targets: dict[str, Target], requested: Collection[str], limited: Collection[str]
) -> None:
    """Narrow what is only linked to, to the platforms for which it is needed.

    Args:
        targets: Name -> target; the result of `follow`.
        requested: Those that were asked for: they are built for all of their platforms.
        limited: Those of them that a group has narrowed. What others link to stays as it is.
    """
    users: dict[str, list[str]] = {}
    for name, target in targets.items():
        for base in linked(target):
            users.setdefault(base, []).append(name)
    known = {name: name in limited for name in requested}

    def visit(name: str) -> bool:
        if name not in known:
            narrow_users = [visit(user) for user in users[name]]
            known[name] = all(narrow_users)
            if known[name]:
                targets[name] = _for_users(targets[name], [targets[user] for user in users[name]])
        return known[name]

    for name in tuple(targets):
        visit(name)


def _for_users(base: Target, users: Sequence[Target]) -> Target:
    wanted = {named(word) for user in users for word in split_platforms(user.platforms)}
    words = split_platforms(base.platforms)
    needed = [word for word in words if named(word) in {*wanted, None}]
    # One platform serves all users, whatever they are built for.
    if len(words) == 1 or not needed or None in wanted:
        return base
    return narrowed(base, needed)


def _check_platforms(target: Target, base: Target) -> None:
    wanted, offered = _linking_platforms(target, base.name), _platforms(base.platforms)
    # One platform on either side always fits: a single result serves every platform.
    if len(wanted) > 1 and len(offered) > 1 and not wanted <= offered:
        missing = ", ".join(sorted(wanted - offered))
        raise DefinitionError(
            f"target {target.name!r} links to {base.name!r}, which lacks {missing}",
            hint=f"add {missing} to the platforms of {base.name!r}",
        )


def _linking_platforms(target: Target, base: str) -> set[str]:
    if not target.variants:
        return _platforms(target.platforms)
    words = split_platforms(target.platforms)
    link = PREFIX + base
    linking: list[str] = []
    for word in words:
        platform = named(word)
        # What only a node can tell may be any platform.
        forms = target.effective() if platform is None else (target.for_platform(platform),)
        if any(link in form.contexts.values() for form in forms):
            linking.append(word)
    return _platforms(linking)


def _platforms(texts: Iterable[str]) -> set[str]:
    return {
        text if text == LOCAL_PLATFORM or "/" not in text else str(Platform.parse(text))
        for text in split_platforms(texts)
    }
