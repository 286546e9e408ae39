"""Definition and names and overrides to targets: the steps, in order (spec/bake-file 5.2)."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bakex.bake import groups, overrides
from bakex.bake.links import follow
from bakex.bake.merge import Draft, finished, merge, normalised
from bakex.bake.problems import prefix
from bakex.bake.validation import validated
from bakex.errors import DefinitionError, UnknownTargetError
from bakex.model.remote import is_remote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.bake.definition import Definition
    from bakex.bake.groups import Group
    from bakex.diagnostics import Diagnostic
    from bakex.model.target import Target

_EPOCH = "SOURCE_DATE_EPOCH"
_HOST_NETWORK = "network.host"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What is to be built.

    Attributes:
        targets: Name -> target: those selected, in the order of selection, then those that they
            link to.
        requested: The names of those selected; groups are expanded.
        groups: The groups that took part, and ``default``: what ``--print`` shows as groups.
        warnings: What is odd but no error.
    """

    targets: Mapping[str, Target]
    requested: tuple[str, ...]
    groups: Mapping[str, Group]
    warnings: tuple[Diagnostic, ...] = ()


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
    except RecursionError as error:
        raise DefinitionError(
            "the definition is nested too deeply",
            detail="Groups, parents or linked targets form a chain of too many steps.",
        ) from error


def _resolve(definition: Definition, names: Sequence[str], overrides_: Sequence[str]) -> Resolution:
    settings = overrides.parse(overrides_, definition.targets, definition.lookup)
    selection = groups.select(names, definition.groups, definition.targets)

    def resolved(name: str) -> Target:
        draft = _effective(name, definition, settings, {})
        return _target(name, draft or Draft(), definition)

    targets = {name: resolved(name) for name in selection.targets}
    follow(targets, resolved)
    return Resolution(
        targets=targets,
        requested=selection.targets,
        groups=selection.groups,
        warnings=definition.warnings,
    )


def _effective(
    name: str,
    definition: Definition,
    settings: overrides.Overrides,
    visited: dict[str, Draft | None],
) -> Draft | None:
    # A parent that is being resolved already adds nothing: circles are tolerated, as in the
    # reference, and every target is resolved once per selected target.
    if name in visited:
        return visited[name]
    visited[name] = None
    own = definition.targets.get(name)
    if own is None:
        raise groups.unknown(name, (), definition.targets)
    merged = Draft()
    for parent in own.inherits:
        if parent not in definition.targets:
            raise _unknown_parent(name, parent, own, definition)
        inherited = _effective(parent, definition, settings, visited)
        merged = merge(merged, replace(inherited, inherits=())) if inherited else merged
    merged = merge(merged, own)
    merged = normalised(overrides.applied(merged, settings.get(name, ())))
    visited[name] = merged
    return merged


def _unknown_parent(
    name: str, parent: str, own: Draft, definition: Definition
) -> UnknownTargetError:
    error = groups.unknown(parent, (), definition.targets)
    error.span = own.spans.get("inherits")
    error.source = definition.sources.get(error.span.file, "") if error.span else ""
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
    if context:
        draft = replace(draft, values={**draft.values, "context": _clean(context)})
    return finished(name, draft)


def _clean(context: str) -> str:
    if is_remote(context):
        return context
    # normpath keeps two leading slashes, which POSIX allows and nobody means.
    path = posixpath.normpath(context.removeprefix("cwd://") or ".")
    return path[1:] if path.startswith("//") else path
