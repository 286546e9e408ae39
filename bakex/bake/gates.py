"""Gates: what must be built well before a target's result is published (bakex's own).

``publish { requires = ["app-test"] }`` names targets and groups. Here the names become targets:

* Groups and matrices are expanded, and what a gate itself requires is required, too.
* A gate is built for the platforms of the target that requires it. It declares all of them, or
  none.
* A gate that nobody asked for has no outputs, and is built for no other platforms unless another
  target links to it.
* Only what was asked for is published: targets that are there because others link to them have no
  gates.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from bakex.bake import groups
from bakex.bake.links import linked, narrowed
from bakex.bake.problems import prefix
from bakex.errors import CycleError, DefinitionError
from bakex.model.outputs import Output
from bakex.model.platform import named, split_platforms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bakex.bake.definition import Definition
    from bakex.bake.groups import Limit
    from bakex.diagnostics import Span
    from bakex.model.target import Target

REQUIRES = "publish.requires"
_E = TypeVar("_E", bound=DefinitionError)


class _Use(NamedTuple):
    """That a target requires a gate, and for which platforms groups let it have that."""

    target: Target
    limit: Limit | None


class Gates:
    """Finds the gates of targets."""

    def __init__(
        self,
        definition: Definition,
        resolve: Callable[[str], Target],
        locate: Callable[[str], Span | None],
    ) -> None:
        """Take what there is.

        Args:
            definition: Groups and targets.
            resolve: Makes a target by its name.
            locate: Tells where a target, given by its name, names its gates.
        """
        self._definition = definition
        self._resolve = resolve
        self._locate = locate
        self._targets: dict[str, Target] = {}
        self._known: dict[str, dict[str, Limit | None]] = {}

    def add(self, targets: dict[str, Target]) -> frozenset[str]:
        """Add the gates of what was asked for behind it, and write their names into the targets.

        Args:
            targets: Name -> target; those that were asked for, in order.

        Returns:
            The names of the gates that nobody asked for.

        Raises:
            UnknownTargetError: A gate that does not exist.
            CycleError: Targets that require each other.
            DefinitionError: A gate is not built for a platform of its target.
        """
        requested = frozenset(targets)
        self._targets.update(targets)
        found: dict[str, list[_Use]] = {}
        for name, target in tuple(targets.items()):
            gates = self._of(target, ())
            targets[name] = replace(target, publish_requires=tuple(gates))
            for gate, limit in gates.items():
                found.setdefault(gate, []).append(_Use(target, limit))
        # Whoever links to a gate may need it for more platforms than it is a gate for.
        kept = {*requested, *self._linked([*targets, *found])} if found else requested
        for name, uses in found.items():
            target = targets.get(name) or _bare(self._target(name))
            for use in uses:
                self._check(target, use)
            users = [use.target for use in uses]
            targets[name] = _fitted(target, users, narrow=name not in kept)
        return frozenset(found) - requested

    def _linked(self, names: list[str]) -> set[str]:
        """Return what some targets link to, and what that links to."""
        found: set[str] = set()
        while names:
            for base in linked(self._target(names.pop())):
                if base not in found:
                    found.add(base)
                    names.append(base)
        return found

    def _target(self, name: str) -> Target:
        if name not in self._targets:
            self._targets[name] = self._resolve(name)
        return self._targets[name]

    def _of(self, target: Target, path: tuple[str, ...]) -> dict[str, Limit | None]:
        """Return all gates of a target and their limits, its own ones before those of gates."""
        if target.name in self._known:
            return self._known[target.name]
        path = (*path, target.name)
        found = self._named(target)
        for name in tuple(found):
            if name in path:
                chain = " -> ".join((*path[path.index(name) :], name))
                error = CycleError("targets are gates of each other", detail=f"{chain}.")
                raise self._located(error, target)
            for key, limit in self._of(self._target(name), path).items():
                found.setdefault(key, limit)
        self._known[target.name] = found
        return found

    def _named(self, target: Target) -> dict[str, Limit | None]:
        if not target.publish_requires:
            return {}
        try:
            known = self._definition
            found = groups.select(target.publish_requires, known.groups, known.targets)
        except DefinitionError as error:
            prefix(error, f"target {target.name!r}: {REQUIRES}")
            raise self._located(error, target) from None
        return {name: found.limits.get(name) for name in found.targets}

    def _check(self, gate: Target, use: _Use) -> None:
        """Make sure that a gate is built for the platforms of a target, as far as text tells."""
        words = split_platforms(gate.platforms or use.target.platforms)
        offered = [word for word in words if use.limit is None or _key(word) in use.limit.platforms]
        if any(named(word) is None for word in offered):
            return
        known = [_key(word) for word in offered]
        wanted = [word for word in split_platforms(use.target.platforms) if named(word) is not None]
        missing = [_key(word) for word in wanted if _key(word) not in known]
        if missing:
            raise self._located(_lacking(use.target.name, gate.name, missing, known), use.target)

    def _located(self, error: _E, target: Target) -> _E:
        error.span = self._locate(target.name)
        error.source = self._definition.sources.get(error.span.file, "") if error.span else ""
        return error


def _bare(target: Target) -> Target:
    return replace(target, output=(Output(type="cacheonly"),), publish_requires=())


def _fitted(gate: Target, users: Sequence[Target], *, narrow: bool) -> Target:
    """Return a gate as it is built: for the platforms of the targets that require it.

    What somebody builds for the platform of the node, whichever that is, is left to the planner.
    """
    if not all(user.platforms for user in users):
        return gate
    words = [word for user in users for word in split_platforms(user.platforms)]
    wanted = {_key(word): word for word in words}
    declared = split_platforms(gate.platforms)
    if not declared:
        return replace(gate, platforms=tuple(wanted.values()))
    if not narrow or any(named(word) is None for word in (*declared, *words)):
        return gate
    return narrowed(gate, [word for word in declared if _key(word) in wanted])


def _lacking(
    user: str, gate: str, missing: Sequence[str], offered: Sequence[str]
) -> DefinitionError:
    lacks = ", ".join(missing)
    return DefinitionError(
        f"target {user!r} is built for {lacks}, and its gate {gate!r} is not",
        detail=f"{gate} is built for {', '.join(offered)}." if offered else "",
        hint=f"add {lacks} to the platforms of {gate!r}; if it names none, it gets its target's",
    )


def _key(word: str) -> str:
    platform = named(word)
    return word.strip().lower() if platform is None else str(platform)
