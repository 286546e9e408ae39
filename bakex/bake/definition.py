"""What bake files say: parsed, merged and evaluated, but not yet resolved.

Everything is evaluated, used or not, as in the reference: a fault in a target that nobody selects
is a fault all the same (spec/bake-file 2.8).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bakex.bake.blocks import Blocks
from bakex.bake.bodies import merged, parse_file
from bakex.bake.declared import validate
from bakex.bake.extensions import ordered
from bakex.bake.findings import Findings
from bakex.bake.includes import expanded, explain
from bakex.bake.merge import merge
from bakex.bake.names import World
from bakex.bake.oddities import oddities
from bakex.bake.values.value import string
from bakex.errors import ConfigError, DefinitionError, EvaluationError
from bakex.model.fields import boolean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bakex.bake.compose.project import Project
    from bakex.bake.declared import Variable
    from bakex.bake.extensions import Extension
    from bakex.bake.formats import ComposeFile
    from bakex.bake.functions.function import Context
    from bakex.bake.groups import Group
    from bakex.bake.merge import Draft
    from bakex.bake.remote_context import Origin
    from bakex.diagnostics import Diagnostic, Span
    from bakex.interfaces import DefinitionReader
    from bakex.model.bakefile import BakeFile

_NO_LOOKUP = "BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP"
_RELATIVE = "BUILDX_BAKE_FILE_RELATIVE_PATHS"
_EPOCH = "SOURCE_DATE_EPOCH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """The targets, groups and variables of some files.

    Attributes:
        targets: Name -> what the target's own blocks say, in the order of the files.
        groups: Name -> group; a matrix block is a group of its instances.
        variables: In the order of the files.
        sources: File name -> text, to show the places of faults.
        lookup: The environment as far as overrides may look into it.
        epoch: ``SOURCE_DATE_EPOCH`` of the environment; empty if it is not set.
        warnings: What was odd when the files were looked for, and what they say in vain.
        extensions: What they use beyond the reference's language.
        origin: The tree that they came with, if it is one of another machine.
        included: Name of an included file -> where it is included.
    """

    targets: Mapping[str, Draft] = field(default_factory=dict[str, "Draft"])
    groups: Mapping[str, Group] = field(default_factory=dict[str, "Group"])
    variables: tuple[Variable, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    lookup: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    epoch: str = ""
    warnings: tuple[Diagnostic, ...] = ()
    extensions: tuple[Extension, ...] = ()
    origin: Origin | None = None
    included: Mapping[str, Span] = field(default_factory=dict[str, "Span"])


def load(
    files: Sequence[BakeFile],
    *,
    variables: Mapping[str, str],
    environ: Mapping[str, str],
    platform: str,
    context: Context,
    command_context: str = "cwd://",
    origin: Origin | None = None,
    reader: DefinitionReader | None = None,
    dotenv: Callable[[], bytes | None] | None = None,
) -> Definition:
    """Parse and evaluate files.

    Pure as far as `context` and `reader` are: no file, clock or environment is read.

    Args:
        files: In the order in which they are merged.
        variables: ``--var``: name -> text; goes before the environment.
        environ: The environment, in which variables are looked up, and the settings
            ``BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP`` and ``BUILDX_BAKE_FILE_RELATIVE_PATHS``.
        platform: Of this machine: the value of ``BAKE_LOCAL_PLATFORM``.
        context: What functions may know of the world, and the budget of the evaluation.
        command_context: The value of ``BAKE_CMD_CONTEXT``.
        origin: The tree of another machine that the files came with; None for local files.
        reader: Finds the files that others include; without it including one is an error.
        dotenv: Reads ``.env`` of the working directory, None if there is none; only called for
            compose files.

    Raises:
        SyntaxDefinitionError: With everything that is wrong in the syntax.
        EvaluationError: An expression has no value, or a value is not what an attribute takes.
        CycleError: Something needs itself.
        ConfigError: A setting in the environment is malformed.
    """
    relative = _relative(environ)
    lookup = visible(environ)
    builtins = {
        "BAKE_CMD_CONTEXT": string(command_context),
        "BAKE_LOCAL_PLATFORM": string(platform),
    }
    expansion = expanded(files, reader, context, parse_file)
    files = expansion.files
    try:
        world = World(
            merged(files), builtins=builtins, variables=variables, environ=lookup, context=context
        )
        remote = frozenset(file.name for file in files if file.remote)
        findings = Findings()
        blocks = Blocks(world, findings, relative=relative, unbased=remote)
        world.refer_to(blocks)
        compose = _Compose(variables, lookup, reader, dotenv, context.home)
        project = None
        with findings.gathering():
            project = compose.project(world.merged.compose, relative=relative)
        found = _evaluated(world, blocks, findings, files, environ, lookup)
        extensions = (*expansion.extensions, *world.merged.extensions, *found.extensions)
        if project is not None:
            found = _on_top(project, found)
        return replace(
            found,
            origin=origin,
            included=expansion.places,
            extensions=ordered(extensions, found.sources),
        )
    except DefinitionError as error:
        explain(error, expansion.places)
        raise
    except RecursionError as error:
        raise EvaluationError(
            "the definition is nested too deeply",
            detail="Something refers to something else, over too many steps.",
        ) from error


@dataclass(frozen=True, slots=True)
class _Compose:
    """What compose files need besides themselves."""

    variables: Mapping[str, str]
    environ: Mapping[str, str]
    reader: DefinitionReader | None
    dotenv: Callable[[], bytes | None] | None
    home: str

    def project(self, files: Sequence[ComposeFile], *, relative: bool) -> Project | None:
        """Return the project of some compose files; None if there are none."""
        if not files:
            return None
        from bakex.bake.compose import project  # noqa: PLC0415 - start-up: most files are HCL

        return project.load(
            files,
            variables=self.variables,
            environ=self.environ,
            dotenv=self.dotenv() if self.dotenv else None,
            reader=self.reader,
            home=self.home,
            relative=relative and not files[0].remote,
        )


def _on_top(project: Project, found: Definition) -> Definition:
    """Lay what HCL and JSON say over what compose files say, whatever their order (1.3)."""
    targets = dict(project.targets)
    for name, draft in found.targets.items():
        targets[name] = merge(targets[name], draft) if name in targets else draft
    return replace(
        found,
        targets=targets,
        groups={**project.groups, **found.groups},
        sources={**project.sources, **found.sources},
        warnings=(*project.warnings, *found.warnings),
    )


def _evaluated(
    world: World,
    blocks: Blocks,
    findings: Findings,
    files: Sequence[BakeFile],
    environ: Mapping[str, str],
    lookup: Mapping[str, str],
) -> Definition:
    declared: list[Variable] = []
    for name, block in world.merged.variables.items():
        with findings.gathering():
            declared.append(world.variable(name, block))
    for block in world.merged.variables.values():
        with findings.gathering():
            validate(block, world.plain)
    for name in world.merged.functions:
        with findings.gathering():
            world.function(name)
    drafts, groups = blocks.drafts(), blocks.groups()
    for name, attribute in world.merged.attributes.items():
        with findings.gathering():
            world.value(name, attribute)
    findings.settle()
    return Definition(
        targets=drafts,
        groups=groups,
        variables=tuple(declared),
        sources=world.merged.sources,
        lookup=lookup,
        epoch=environ.get(_EPOCH, ""),
        warnings=(*(found for file in files for found in file.warnings), *oddities(world.merged)),
        extensions=tuple(world.extensions.values()),
    )


def visible(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment as far as variables may look into it."""
    return {} if _disabled(environ) else environ


def _disabled(environ: Mapping[str, str]) -> bool:
    # A value that is no boolean counts as off, as in the reference.
    try:
        return boolean(environ.get(_NO_LOOKUP, "0"), _NO_LOOKUP)
    except DefinitionError:
        return False


def _relative(environ: Mapping[str, str]) -> bool:
    text = environ.get(_RELATIVE, "").strip()
    try:
        return bool(text) and boolean(text, _RELATIVE)
    except DefinitionError as error:
        raise ConfigError(error.summary, hint=error.hint) from error
