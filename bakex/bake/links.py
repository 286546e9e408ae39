"""Linked targets: ``contexts = { base = "target:base" }`` (spec/bake-file 6.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bakex.bake.validation import LOCAL_PLATFORM
from bakex.errors import CycleError, DefinitionError
from bakex.model.outputs import Output
from bakex.model.platform import Platform, split_platforms

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakex.model.target import Target

PREFIX = "target:"


def linked(target: Target) -> tuple[str, ...]:
    """Return the names of the targets that a target's contexts refer to, each once."""
    names = (value.removeprefix(PREFIX) for value in target.contexts.values() if is_link(value))
    return tuple(dict.fromkeys(names))


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
            targets[base] = replace(resolve(base), output=(Output(type="cacheonly"),))
        if base not in done:
            _follow(base, targets, resolve, path, done)
        _check_platforms(targets[name], targets[base])
    done.add(name)


def _check_platforms(target: Target, base: Target) -> None:
    wanted, offered = _platforms(target), _platforms(base)
    # One platform on either side always fits: a single result serves every platform.
    if len(wanted) > 1 and len(offered) > 1 and not wanted <= offered:
        missing = ", ".join(sorted(wanted - offered))
        raise DefinitionError(
            f"target {target.name!r} links to {base.name!r}, which lacks {missing}",
            hint=f"add {missing} to the platforms of {base.name!r}",
        )


def _platforms(target: Target) -> set[str]:
    return {
        text if text == LOCAL_PLATFORM or "/" not in text else str(Platform.parse(text))
        for text in split_platforms(target.platforms)
    }
