"""Files to one body: what every file says, merged before anything is evaluated.

A root attribute, variable or function of a later file replaces that of an earlier one; blocks of a
target are all kept, in order (spec/bake-file 1.3, 2.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex.bake.formats import parsed
from bakex.bake.hcl.faults import syntax_error
from bakex.bake.hcl.jsonform import BlockSchema
from bakex.bake.values.problems import LimitError
from bakex.errors import EvaluationError, SyntaxDefinitionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.bake.extensions import Extension
    from bakex.bake.formats import ComposeFile, Parsed
    from bakex.bake.hcl.syntax import Attribute, Block, Body
    from bakex.diagnostics import Diagnostic, Span
    from bakex.model.bakefile import BakeFile

MAX_BLOCKS = 50_000  # of one file
TARGET, GROUP, VARIABLE, FUNCTION = "target", "group", "variable", "function"
PLATFORM, PUBLISH = "platform", "publish"
SCHEMA: Mapping[str, BlockSchema] = MappingProxyType(
    {
        VARIABLE: BlockSchema(1, {"validation": BlockSchema(0)}),
        FUNCTION: BlockSchema(1),
        GROUP: BlockSchema(1),
        TARGET: BlockSchema(
            1,
            {PLATFORM: BlockSchema(1, optional=True), PUBLISH: BlockSchema(0, optional=True)},
        ),
    }
)
_NAME = re.compile(r"[a-zA-Z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The bodies of all files as one.

    Attributes:
        attributes: Root attributes by name.
        variables: Variable blocks by name.
        functions: Function blocks by name.
        targets: Target blocks by label, all of them, in order.
        groups: Group blocks by label.
        ignored: Blocks of types that are none of these.
        compose: The compose files; they are not among the bodies.
        extensions: What the forms of the files are beyond the reference's language.
        sources: File name -> text.
    """

    attributes: dict[str, Attribute] = field(default_factory=dict[str, "Attribute"])
    variables: dict[str, Block] = field(default_factory=dict[str, "Block"])
    functions: dict[str, Block] = field(default_factory=dict[str, "Block"])
    targets: dict[str, list[Block]] = field(default_factory=dict[str, "list[Block]"])
    groups: dict[str, Block] = field(default_factory=dict[str, "Block"])
    ignored: list[Block] = field(default_factory=list["Block"])
    compose: list[ComposeFile] = field(default_factory=list["ComposeFile"])
    extensions: list[Extension] = field(default_factory=list["Extension"])
    sources: dict[str, str] = field(default_factory=dict[str, str])


def merged(files: Sequence[BakeFile]) -> Merged:
    """Parse files and merge their bodies.

    Raises:
        SyntaxDefinitionError: With everything that is wrong in the syntax of any of the files.
        EvaluationError: A block without the one label it needs.
    """
    found: list[Parsed] = []
    problems: list[Diagnostic] = []
    for file in files:
        try:
            found.append(parsed(file, SCHEMA))
        except SyntaxDefinitionError as error:
            problems += error.diagnostics()
        else:
            problems += found[-1].problems
    if problems:
        raise syntax_error(problems)
    result = Merged()
    for parsed_ in found:
        result.extensions.extend(parsed_.extensions)
        if parsed_.compose is not None:
            result.compose.append(parsed_.compose)
            result.sources[parsed_.compose.source.shown] = parsed_.compose.source.text
        else:
            _add(parsed_.body, result)
    return result


def check_name(name: str, span: Span, source: str) -> None:
    """Check the name of a target or group.

    Raises:
        EvaluationError: It has other characters than letters, digits, ``_`` and ``-``.
    """
    if not _NAME.fullmatch(name):
        raise EvaluationError(
            f"invalid name {name!r}",
            detail="A name consists of letters, digits, '_' and '-'.",
            span=span,
            source=source,
        )


def refuse_others(body: Body, what: str, attributes: Sequence[str]) -> None:
    """Check that a body has no other attributes than these, and no blocks.

    Raises:
        EvaluationError: It has; at the first one.
    """
    for name, attribute in body.attributes.items():
        if name not in attributes:
            raise EvaluationError(
                f"unknown attribute {name!r} in a {what}",
                hint=f"the attributes are {', '.join(attributes)}",
                span=attribute.name_span,
                source=body.source.text,
            )
    for block in body.blocks:
        raise EvaluationError(
            f"there are no {block.type!r} blocks in a {what}",
            span=block.type_span,
            source=body.source.text,
        )


def parse_file(file: BakeFile) -> tuple[Body, tuple[Diagnostic, ...]]:
    """Return the body of one file, and everything that is wrong in its syntax.

    The body of a compose file is empty.

    Raises:
        SyntaxDefinitionError: It is no text, or of a form that is not read.
    """
    found = parsed(file, SCHEMA)
    return found.body, found.problems


def _add(body: Body, result: Merged) -> None:
    result.sources[body.source.shown] = body.source.text
    for name, attribute in body.attributes.items():
        if name not in SCHEMA:
            result.attributes[name] = attribute
    if len(body.blocks) > MAX_BLOCKS:
        one = body.blocks[MAX_BLOCKS]
        raise LimitError(
            f"there are more than {MAX_BLOCKS} blocks", span=one.type_span, source=one.source.text
        )
    for block in body.blocks:
        if block.type not in SCHEMA:
            result.ignored.append(block)
            continue
        label = _label(block)
        if block.type == TARGET:
            result.targets.setdefault(label, []).append(block)
        else:
            _place(block.type, result)[label] = block


def _place(kind: str, result: Merged) -> dict[str, Block]:
    if kind == VARIABLE:
        return result.variables
    return result.functions if kind == FUNCTION else result.groups


def _label(block: Block) -> str:
    if not block.labels:
        raise EvaluationError(
            f"{block.type} without a name",
            hint=f'write {block.type} "NAME" {{',
            span=block.open_span,
            source=block.source.text,
        )
    if len(block.labels) > 1:
        raise EvaluationError(
            f"{block.type} with more than one name",
            hint=f'write {block.type} "NAME" {{',
            span=block.label_span(1),
            source=block.source.text,
        )
    if block.type in {TARGET, GROUP}:
        check_name(block.labels[0], block.label_span(0), block.source.text)
    return block.labels[0]
