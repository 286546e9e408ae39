"""Groups of targets, and what names on the command line select (spec/bake-file 2.13, 5.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakex._util.suggest import closest
from bakex.bake.patterns import PatternError, compiled, is_pattern
from bakex.errors import CycleError, UnknownTargetError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A list of targets and groups under one name.

    Attributes:
        targets: Members in written order; None where the file says null.
    """

    name: str
    targets: tuple[str, ...] | None = ()
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What some names stand for.

    Attributes:
        targets: Names of targets, groups expanded, each once, in the order of selection.
        groups: The groups that took part, and ``default``, which lists what was selected.
    """

    targets: tuple[str, ...]
    groups: Mapping[str, Group] = field(default_factory=dict[str, Group])


def select(
    names: Sequence[str], groups: Mapping[str, Group], targets: Collection[str]
) -> Selection:
    """Resolve names and patterns to targets; no name means ``default``.

    A dot in a name stands for an underscore. A group hides a target of the same name, except that
    a group's own name inside of it means the target.

    Raises:
        UnknownTargetError: A name or pattern that fits nothing.
        CycleError: Groups that contain each other.
    """
    chosen: dict[str, None] = {}
    for name in names or (DEFAULT,):
        chosen.update(dict.fromkeys(_expand(name, groups, targets)))
    found: dict[str, None] = {}
    involved: dict[str, Group] = {}
    for name in chosen:
        _collect(name, groups, targets, (), found, involved)
    listed = [name for name in chosen if name != DEFAULT or DEFAULT not in involved]
    own = involved.get(DEFAULT, Group(name=DEFAULT))
    members = tuple(sorted({*(own.targets or ()), *listed}))
    # A null list stays null: nothing was added to it.
    kept = None if own.targets is None and not members else members
    involved[DEFAULT] = Group(name=DEFAULT, targets=kept, description=own.description)
    return Selection(targets=tuple(found), groups=involved)


def unknown(name: str, groups: Collection[str], targets: Collection[str]) -> UnknownTargetError:
    """Return the error for a name that is neither a target nor a group."""
    known = sorted({*groups, *targets})
    near = closest(name, known)
    return UnknownTargetError(
        f"no target named {name!r}",
        detail=f"There are {', '.join(known)}." if known else "The files define no target.",
        hint=f"did you mean {near!r}?" if near else "",
    )


def _expand(name: str, groups: Mapping[str, Group], targets: Collection[str]) -> Sequence[str]:
    name = name.replace(".", "_")
    if not is_pattern(name):
        return (name,)
    try:
        pattern = compiled(name)
    except PatternError:
        raise UnknownTargetError(f"malformed pattern {name!r}") from None
    found = sorted(known for known in {*groups, *targets} if pattern.fullmatch(known))
    if not found:
        known = ", ".join(sorted({*groups, *targets}))
        raise UnknownTargetError(
            f"no target matches {name!r}", detail=f"There are {known}." if known else ""
        )
    return found


def _collect(
    name: str,
    groups: Mapping[str, Group],
    targets: Collection[str],
    path: tuple[str, ...],
    found: dict[str, None],
    involved: dict[str, Group],
) -> None:
    group = groups.get(name)
    if group is None or name in path:
        if name in targets:
            found[name] = None
            return
        if group is not None:
            chain = " -> ".join((*path[path.index(name) :], name))
            raise CycleError("groups contain each other", detail=f"{chain}.")
        raise unknown(name, groups, targets)
    if name in involved:
        return
    involved[name] = group
    for member in group.targets or ():
        _collect(member, groups, targets, (*path, name), found, involved)
