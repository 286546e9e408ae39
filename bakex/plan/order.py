"""Links between targets (``contexts = { base = "target:base" }``) and the order they imply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.errors import CycleError, UnknownTargetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.model.target import Target

_SCHEME = "target:"


def links(target: Target) -> dict[str, str]:
    """Return named context -> the target whose result it is; variants do not count."""
    return {
        name: value.removeprefix(_SCHEME)
        for name, value in target.contexts.items()
        if value.startswith(_SCHEME)
    }


def ordered(targets: Mapping[str, Target]) -> list[Target]:
    """Return the targets so that each comes after those it links to; stable otherwise.

    Raises:
        CycleError: Targets link to one another in a circle, or to themselves.
        UnknownTargetError: A link leads to a target that is not there.
    """
    done: dict[str, Target] = {}
    path: list[str] = []

    def visit(name: str) -> None:
        if name in done:
            return
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            raise CycleError(
                f"targets are contexts of each other: {circle}",
                hint="remove one of these contexts entries",
            )
        if name not in targets:
            raise UnknownTargetError(
                f"target {path[-1]!r} uses target {name!r} as a context, and there is none",
                hint="define that target, or correct the name after target:",
            )
        path.append(name)
        for form in targets[name].effective():
            for base in links(form).values():
                visit(base)
        path.pop()
        done[name] = targets[name]

    for name in targets:
        visit(name)
    return list(done.values())
