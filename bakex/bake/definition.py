"""What bake files say: parsed, merged and evaluated, but not yet resolved.

Everything is evaluated, used or not, as in the reference: a fault in a target that nobody selects
is a fault all the same (spec/bake-file 2.8).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakex.bake.blocks import Blocks
from bakex.bake.bodies import merged
from bakex.bake.declared import validate
from bakex.bake.names import World
from bakex.bake.oddities import oddities
from bakex.bake.values.value import string
from bakex.errors import ConfigError, DefinitionError, EvaluationError
from bakex.model.fields import boolean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.bake.declared import Variable
    from bakex.bake.functions.function import Context
    from bakex.bake.groups import Group
    from bakex.bake.merge import Draft
    from bakex.bake.source import BakeFile
    from bakex.diagnostics import Diagnostic

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
    """

    targets: Mapping[str, Draft] = field(default_factory=dict[str, "Draft"])
    groups: Mapping[str, Group] = field(default_factory=dict[str, "Group"])
    variables: tuple[Variable, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    lookup: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    epoch: str = ""
    warnings: tuple[Diagnostic, ...] = ()


def load(
    files: Sequence[BakeFile],
    *,
    variables: Mapping[str, str],
    environ: Mapping[str, str],
    platform: str,
    context: Context,
) -> Definition:
    """Parse and evaluate files.

    Pure as far as `context` is: no file, clock or environment is read.

    Args:
        files: In the order in which they are merged.
        variables: ``--var``: name -> text; goes before the environment.
        environ: The environment, in which variables are looked up, and the settings
            ``BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP`` and ``BUILDX_BAKE_FILE_RELATIVE_PATHS``.
        platform: Of this machine: the value of ``BAKE_LOCAL_PLATFORM``.
        context: What functions may know of the world, and the budget of the evaluation.

    Raises:
        SyntaxDefinitionError: With everything that is wrong in the syntax.
        EvaluationError: An expression has no value, or a value is not what an attribute takes.
        CycleError: Something needs itself.
        ConfigError: A setting in the environment is malformed.
    """
    relative = _relative(environ)
    lookup: Mapping[str, str] = {} if _disabled(environ) else environ
    builtins = {"BAKE_CMD_CONTEXT": string("cwd://"), "BAKE_LOCAL_PLATFORM": string(platform)}
    try:
        world = World(
            merged(files), builtins=builtins, variables=variables, environ=lookup, context=context
        )
        blocks = Blocks(world, relative=relative)
        world.refer_to(blocks)
        return _evaluated(world, blocks, files, environ, lookup)
    except RecursionError as error:
        raise EvaluationError(
            "the definition is nested too deeply",
            detail="Something refers to something else, over too many steps.",
        ) from error


def _evaluated(
    world: World,
    blocks: Blocks,
    files: Sequence[BakeFile],
    environ: Mapping[str, str],
    lookup: Mapping[str, str],
) -> Definition:
    declared = [world.variable(name, block) for name, block in world.merged.variables.items()]
    for block in world.merged.variables.values():
        validate(block, world.plain)
    for name in world.merged.functions:
        world.function(name)
    drafts, groups = blocks.drafts(), blocks.groups()
    for name, attribute in world.merged.attributes.items():
        world.value(name, attribute)
    return Definition(
        targets=drafts,
        groups=groups,
        variables=tuple(declared),
        sources=world.merged.sources,
        lookup=lookup,
        epoch=environ.get(_EPOCH, ""),
        warnings=(*(found for file in files for found in file.warnings), *oddities(world.merged)),
    )


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
