"""Files to one body: what every file says, merged before anything is evaluated.

A root attribute, variable or function of a later file replaces that of an earlier one; blocks of a
target are all kept, in order (spec/bake-file 1.3, 2.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex.bake.hcl.faults import syntax_error
from bakex.bake.hcl.jsonform import BlockSchema, parse_json
from bakex.bake.hcl.parser import parse
from bakex.bake.hcl.source import Source
from bakex.bake.source import Syntax
from bakex.diagnostics import Diagnostic, Span
from bakex.errors import EvaluationError, SyntaxDefinitionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.bake.hcl.syntax import Attribute, Block, Body
    from bakex.bake.source import BakeFile

TARGET, GROUP, VARIABLE, FUNCTION = "target", "group", "variable", "function"
SCHEMA: Mapping[str, BlockSchema] = MappingProxyType(
    {
        VARIABLE: BlockSchema(1, {"validation": BlockSchema(0)}),
        FUNCTION: BlockSchema(1),
        GROUP: BlockSchema(1),
        TARGET: BlockSchema(1),
    }
)
_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_COMPOSE = re.compile(r"^(services|version|name|include|x-[\w.-]+)\s*:", re.MULTILINE)


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
        sources: File name -> text.
    """

    attributes: dict[str, Attribute] = field(default_factory=dict[str, "Attribute"])
    variables: dict[str, Block] = field(default_factory=dict[str, "Block"])
    functions: dict[str, Block] = field(default_factory=dict[str, "Block"])
    targets: dict[str, list[Block]] = field(default_factory=dict[str, "list[Block]"])
    groups: dict[str, Block] = field(default_factory=dict[str, "Block"])
    ignored: list[Block] = field(default_factory=list["Block"])
    sources: dict[str, str] = field(default_factory=dict[str, str])


def merged(files: Sequence[BakeFile]) -> Merged:
    """Parse files and merge their bodies.

    Raises:
        SyntaxDefinitionError: With everything that is wrong in the syntax of any of the files.
        EvaluationError: A block without the one label it needs.
    """
    bodies: list[Body] = []
    problems: list[Diagnostic] = []
    for file in files:
        body, found = _parse(file)
        bodies.append(body)
        problems += found
    if problems:
        raise syntax_error(problems)
    result = Merged()
    for body in bodies:
        _add(body, result)
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


def _parse(file: BakeFile) -> tuple[Body, tuple[Diagnostic, ...]]:
    try:
        text = file.content.decode()
    except UnicodeDecodeError as error:
        line = file.content.count(b"\n", 0, error.start) + 1
        raise SyntaxDefinitionError(
            f"{file.name!r} is not UTF-8 text", span=Span(file.name, line)
        ) from error
    source = Source(file.name, text.removeprefix("\ufeff"))
    if file.syntax is Syntax.JSON:
        return parse_json(source, SCHEMA)
    body, problems = parse(source)
    if file.syntax is Syntax.NATIVE or not problems:
        return body, problems
    other, json_problems = parse_json(source, SCHEMA)
    if not json_problems:
        return other, ()
    if _COMPOSE.search(text):
        raise SyntaxDefinitionError(
            f"compose files are not supported: {file.name!r}",
            hint="write the targets as HCL or JSON",
            span=Span(file.name, 1),
            source=text,
        )
    return body, problems


def _add(body: Body, result: Merged) -> None:
    result.sources[body.source.name] = body.source.text
    for name, attribute in body.attributes.items():
        if name not in SCHEMA:
            result.attributes[name] = attribute
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
