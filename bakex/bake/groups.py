"""Groups of targets, and what names on the command line select (spec/bake-file 2.13, 5.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakex._util.suggest import closest
from bakex.bake.patterns import PatternError, compiled, is_pattern
from bakex.errors import CycleError, DefinitionError, UnknownTargetError
from bakex.model.platform import named, split_platforms

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A list of targets and groups under one name.

    Attributes:
        targets: Members in written order; None where the file says null.
        platforms: What the members are built for, as far as they are; empty for all of theirs
            (bakex's own).
    """

    name: str
    targets: tuple[str, ...] | None = ()
    description: str = ""
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What some names stand for.

    Attributes:
        targets: Names of targets, groups expanded, each once, in the order of selection.
        groups: The groups that took part, and ``default``, which lists what was selected.
        limits: Target -> the platforms to which groups limit it, and those groups; for the targets
            that are reached through such groups only.
    """

    targets: tuple[str, ...]
    groups: Mapping[str, Group] = field(default_factory=dict[str, Group])
    limits: Mapping[str, Limit] = field(default_factory=dict[str, "Limit"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Platforms to which groups limit a target.

    Attributes:
        platforms: Normalised, as text; ``local`` stands for itself.
        groups: Whose ``platforms`` say so.
    """

    platforms: frozenset[str]
    groups: tuple[str, ...]

    def within(self, group: Group) -> Limit:
        """Return what is left of the limit inside of a group that has one, too."""
        wanted = frozenset(group.platforms)
        return Limit(platforms=self.platforms & wanted, groups=(*self.groups, group.name))

    def joined(self, other: Limit) -> Limit:
        """Return the limit of what is reached in either way."""
        groups = tuple(dict.fromkeys((*self.groups, *other.groups)))
        return Limit(platforms=self.platforms | other.platforms, groups=groups)


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
    walk = _Walk(groups, targets)
    for name in chosen:
        walk.collect(name, (), None)
    involved = walk.involved
    listed = [name for name in chosen if name != DEFAULT or DEFAULT not in involved]
    own = involved.get(DEFAULT, Group(name=DEFAULT))
    members = tuple(sorted({*(own.targets or ()), *listed}))
    # A null list stays null: nothing was added to it.
    kept = None if own.targets is None and not members else members
    involved[DEFAULT] = Group(name=DEFAULT, targets=kept, description=own.description)
    limited = {name: limit for name, limit in walk.found.items() if limit is not None}
    return Selection(targets=tuple(walk.found), groups=involved, limits=limited)


def limits(words: Sequence[str]) -> tuple[str, ...]:
    """Return the platforms of a group, normalised.

    Raises:
        DefinitionError: There are none, or a malformed one.
    """
    listed = split_platforms(words)
    if not listed:
        raise DefinitionError(
            "a group for no platform builds nothing", hint="remove platforms, or name some"
        )
    return tuple(dict.fromkeys(_normalised(word) for word in listed))


def limited(words: Sequence[str], limit: Limit) -> tuple[str, ...]:
    """Return those of a target's platforms that a limit leaves, in their order; maybe none.

    Raises:
        DefinitionError: A malformed platform.
    """
    return tuple(w for w in split_platforms(words) if _normalised(w) in limit.platforms)


def _normalised(word: str) -> str:
    platform = named(word)
    return word.strip().lower() if platform is None else str(platform)


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


class _Walk:
    """Walks through groups to targets.

    Attributes:
        found: Target -> the limit of its platforms; None for all of them.
        involved: The groups on the way.
    """

    def __init__(self, groups: Mapping[str, Group], targets: Collection[str]) -> None:
        self._groups = groups
        self._targets = targets
        self._done: set[tuple[str, frozenset[str] | None]] = set()
        self.found: dict[str, Limit | None] = {}
        self.involved: dict[str, Group] = {}

    def collect(self, name: str, path: tuple[str, ...], limit: Limit | None) -> None:
        """Add a target or what is in a group, reached through the groups of `path`."""
        group = self._groups.get(name)
        if group is None or name in path:
            self._member(name, path, limit)
            return
        if group.platforms:
            own = Limit(platforms=frozenset(group.platforms), groups=(name,))
            limit = own if limit is None else limit.within(group)
        visit = (name, limit.platforms if limit else None)
        if visit in self._done:
            return
        self._done.add(visit)
        self.involved[name] = group
        for member in group.targets or ():
            self.collect(member, (*path, name), limit)

    def _member(self, name: str, path: tuple[str, ...], limit: Limit | None) -> None:
        if name in self._targets:
            known = self.found.get(name, limit)
            # Whoever asks for all platforms gets all of them.
            self.found[name] = known.joined(limit) if known and limit else None
            return
        if name in self._groups:
            chain = " -> ".join((*path[path.index(name) :], name))
            raise CycleError("groups contain each other", detail=f"{chain}.")
        raise unknown(name, self._groups, self._targets)
