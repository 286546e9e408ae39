"""Definition and names and overrides to targets: the steps, in order (spec/bake-file 5.2)."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bakex.bake import groups, overrides
from bakex.bake.findings import Findings
from bakex.bake.gates import REQUIRES, Gates
from bakex.bake.includes import explain
from bakex.bake.links import follow, narrow, narrowed
from bakex.bake.merge import Draft, finished, for_platform, merge, normalised
from bakex.bake.problems import prefix
from bakex.bake.validation import validated
from bakex.bake.variants import check_platforms, differences
from bakex.errors import DefinitionError, UnknownTargetError
from bakex.model.platform import named, split_platforms
from bakex.model.remote import is_remote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.bake.definition import Definition
    from bakex.bake.groups import Group, Limit
    from bakex.bake.remote_context import Origin
    from bakex.diagnostics import Diagnostic, Span
    from bakex.model.target import Target

_EPOCH = "SOURCE_DATE_EPOCH"
_HOST_NETWORK = "network.host"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What is to be built.

    Attributes:
        targets: Name -> target: those selected, in the order of selection, then the gates of
            those, then what all of these link to.
        requested: The names of those selected; groups are expanded.
        groups: The groups that took part, and ``default``: what ``--print`` shows as groups.
        warnings: What is odd but no error.
        origin: The tree that the definition came with, if it is one of another machine; what is
            built is then what `bakex.bake.remote_context.for_build` makes of a target.
    """

    targets: Mapping[str, Target]
    requested: tuple[str, ...]
    groups: Mapping[str, Group]
    warnings: tuple[Diagnostic, ...] = ()
    origin: Origin | None = None


def resolve(
    definition: Definition, names: Sequence[str] = (), overrides_: Sequence[str] = ()
) -> Resolution:
    """Return the targets that names select, with parents merged and overrides applied.

    Pure: the same arguments give the same result, in the same order.

    Args:
        definition: What the files say.
        names: Targets, groups and patterns; none means ``default``.
        overrides_: ``--set`` options, in order.

    Raises:
        UnknownTargetError: A name, a parent or a linked target that does not exist.
        OverrideError: An override that is malformed or fits nothing.
        CycleError: Groups or linked targets that need themselves.
        DefinitionError: A value that an attribute cannot have.
    """
    try:
        return _resolve(definition, names, overrides_)
    except DefinitionError as error:
        explain(error, definition.included)
        raise
    except RecursionError as error:
        raise DefinitionError(
            "the definition is nested too deeply",
            detail="Groups, parents or linked targets form a chain of too many steps.",
        ) from error


def _resolve(definition: Definition, names: Sequence[str], overrides_: Sequence[str]) -> Resolution:
    settings = overrides.parse(overrides_, definition.targets, definition.lookup)
    selection = groups.select(names, definition.groups, definition.targets)
    resolver = _Resolver(definition, settings)
    targets: dict[str, Target] = {}
    findings = Findings()
    for name in selection.targets:
        with findings.gathering():
            targets[name] = resolver.limited(name, selection.limits.get(name))
    findings.settle()
    gates = Gates(definition, resolver.resolved, resolver.gates_span).add(targets)
    follow(targets, resolver.resolved)
    if selection.limits:
        narrow(targets, (*selection.targets, *gates), (*selection.limits, *gates))
    return Resolution(
        targets=targets,
        requested=selection.targets,
        groups=selection.groups,
        warnings=definition.warnings,
        origin=definition.origin,
    )


class _Resolver:
    """Makes targets of what the files and the command line say."""

    def __init__(self, definition: Definition, settings: overrides.Overrides) -> None:
        self._definition = definition
        self._settings = settings

    def resolved(self, name: str) -> Target:
        """Return a target, with parents merged and overrides applied."""
        definition = self._definition
        draft = self.effective(name, (), {}) or Draft()
        target = _target(name, replace(draft, variants={}), definition)
        if not draft.variants:
            return target
        check_platforms(name, definition.targets[name], self._written(name), definition.sources)
        listed = {named(word) for word in split_platforms(target.platforms)}
        forms = {
            platform: _target(name, normalised(for_platform(draft, platform)), definition)
            for platform in draft.variants
            if platform in listed or None in listed
        }
        found = {platform: differences(target, form) for platform, form in forms.items()}
        return replace(target, variants={key: item for key, item in found.items() if item})

    def limited(self, name: str, limit: Limit | None) -> Target:
        """Return a target as far as groups want it."""
        target = self.resolved(name)
        # Who names platforms on the command line means them, whatever the group says.
        if limit is None or any(item.key == "platform" for item in self._settings.get(name, ())):
            return target
        words = groups.limited(target.platforms, limit)
        if words:
            return narrowed(target, words)
        own = ", ".join(split_platforms(target.platforms))
        raise DefinitionError(
            f"target {name!r} is built for no platform that its groups are for",
            detail=f"It is built for {own or 'the platform of the node'};"
            f" {' and '.join(map(repr, limit.groups))} for"
            f" {', '.join(sorted(limit.platforms)) or 'no platform in common'}.",
            hint="add a platform to the target, or take the target out of the group",
        )

    def gates_span(self, name: str) -> Span | None:
        """Return where a target names its gates; None if that is not in a file."""
        draft = self.effective(name, (), {})
        return draft.spans.get(REQUIRES) if draft else None

    def _written(self, name: str) -> Draft:
        """Return what the files alone say about a target."""
        return _Resolver(self._definition, {}).effective(name, (), {}) or Draft()

    def effective(
        self, name: str, path: tuple[str, ...], visited: dict[str, Draft | None]
    ) -> Draft | None:
        """Return what is said about a target, parents included.

        Args:
            name: Of the target.
            path: The targets whose parent it is, from the one that is asked for on.
            visited: What is known of its relatives; None while it is being found out.
        """
        # A parent that is being resolved already adds nothing: circles are tolerated, as in the
        # reference, and every target is resolved once per selected target.
        if name in visited:
            return visited[name]
        visited[name] = None
        own = self._definition.targets.get(name)
        if own is None:
            raise groups.unknown(name, (), self._definition.targets)
        merged = Draft()
        for parent in own.inherits:
            if parent not in self._definition.targets:
                raise self._unknown_parent(name, path, parent, own)
            inherited = self.effective(parent, (*path, name), visited)
            merged = merge(merged, replace(inherited, inherits=())) if inherited else merged
        merged = merge(merged, own)
        merged = normalised(overrides.applied(merged, self._settings.get(name, ())))
        visited[name] = merged
        return merged

    def _unknown_parent(
        self, name: str, path: tuple[str, ...], parent: str, own: Draft
    ) -> UnknownTargetError:
        error = groups.unknown(parent, (), self._definition.targets)
        error.span = own.spans.get("inherits")
        error.source = self._definition.sources.get(error.span.file, "") if error.span else ""
        if path:
            chain = " inherits ".join((*path, name, parent))
            error.detail = f"{chain}.\n{error.detail}"
        prefix(error, f"target {name!r}")
        return error


def _target(name: str, draft: Draft, definition: Definition) -> Target:
    values = dict(draft.values)
    args = draft.get_mapping("args")
    if definition.epoch and _EPOCH not in args:
        values["args"] = dict(sorted([*args.items(), (_EPOCH, definition.epoch)]))
    granted = draft.get_texts("entitlements")
    if draft.get_text("network") == "host" and _HOST_NETWORK not in granted:
        values["entitlements"] = (*granted, _HOST_NETWORK)
    draft = validated(name, replace(draft, values=values), definition.sources)
    context = draft.get_text("context") or draft.directory
    origin = definition.origin
    if context or origin:
        found = origin.context(context) if origin else _clean(context)
        draft = replace(draft, values={**draft.values, "context": found})
    return finished(name, draft)


def _clean(context: str) -> str:
    if is_remote(context):
        return context
    # normpath keeps two leading slashes, which POSIX allows and nobody means.
    path = posixpath.normpath(context.removeprefix("cwd://") or ".")
    return path[1:] if path.startswith("//") else path
