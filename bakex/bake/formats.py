"""What a file is: HCL, JSON, a compose file, or bake's blocks in YAML (specification 1.2).

The name decides where it tells; otherwise what can be read is what it is. Files in YAML are told
apart by their keys at the root, and one that has those of both kinds is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.bake.hcl.jsonform import parse_json
from bakex.bake.hcl.parser import parse
from bakex.bake.hcl.source import Source
from bakex.bake.hcl.syntax import Body
from bakex.diagnostics import Span
from bakex.errors import SyntaxDefinitionError
from bakex.model.bakefile import Syntax

if TYPE_CHECKING:
    from collections.abc import Mapping as Dict

    from bakex.bake.extensions import Extension
    from bakex.bake.hcl.jsonform import BlockSchema
    from bakex.bake.yaml.nodes import Scalar, YamlNode
    from bakex.diagnostics import Diagnostic
    from bakex.model.bakefile import BakeFile

_SERVICES = ("services", "secrets")
_COMPOSE = (*_SERVICES, "include")
_KEYS = re.compile(r"^[\w.\"'-]+[ \t]*:(?:\s|$)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeFile:
    """A compose file that has been parsed.

    Attributes:
        source: Its name and text.
        documents: What it says.
        remote: Whether it came from another machine.
    """

    source: Source
    documents: tuple[YamlNode, ...]
    remote: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A file with its syntax understood.

    Attributes:
        body: Its attributes and blocks; nothing for a compose file.
        problems: What is wrong in its syntax.
        compose: What it says if it is a compose file.
        extensions: What its form is beyond the reference's language.
    """

    body: Body
    problems: tuple[Diagnostic, ...] = ()
    compose: ComposeFile | None = None
    extensions: tuple[Extension, ...] = ()


def parsed(file: BakeFile, schema: Dict[str, BlockSchema]) -> Parsed:
    """Return what a file is and says.

    Args:
        file: Its name, and its bytes.
        schema: The block types of bake files.

    Raises:
        SyntaxDefinitionError: It is no text, no YAML, or of no kind that is known. What is wrong in
            HCL and JSON is in the result.
    """
    text = _decoded(file)
    if file.syntax is Syntax.YAML:
        return _yaml(file, Source(file.name, text), schema)
    if file.syntax is Syntax.JSON:
        body, problems = parse_json(Source(file.name, text), schema)
        return Parsed(body=body, problems=problems)
    either = file.syntax is Syntax.EITHER
    body, problems = parse(Source(file.name, text, read_as=".hcl" if either else ""))
    if not either or not problems:
        return Parsed(body=body, problems=problems)
    return _other(file, text, schema, Parsed(body=body, problems=problems))


def _decoded(file: BakeFile) -> str:
    try:
        return file.content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = file.content.count(b"\n", 0, error.start) + 1
        raise SyntaxDefinitionError(
            f"{file.name!r} is not UTF-8 text", span=Span(file.name, line)
        ) from error


def _other(file: BakeFile, text: str, schema: Dict[str, BlockSchema], native: Parsed) -> Parsed:
    """Return what a file is that is no HCL; what is wrong in it as HCL if it is nothing else."""
    body, problems = parse_json(Source(file.name, text, read_as=".json"), schema)
    # JSON is YAML, too: a compose file may be written in it.
    if not problems and not any(key in body.attributes for key in _COMPOSE):
        return Parsed(body=body)
    if problems and not _KEYS.search(text) and not text.lstrip().startswith(("{", "- ")):
        return native
    try:
        return _yaml(file, Source(file.name, text), schema)
    except SyntaxDefinitionError:
        if _KEYS.search(text):
            raise
    return Parsed(body=body) if not problems else native


def _yaml(file: BakeFile, source: Source, schema: Dict[str, BlockSchema]) -> Parsed:
    from bakex.bake.yaml.document import read  # noqa: PLC0415 - start-up: most files are HCL
    from bakex.bake.yaml.nodes import Mapping  # noqa: PLC0415 - start-up: most files are HCL

    documents = read(source)
    keys: dict[str, Scalar] = {}
    for root in documents:
        if not isinstance(root, Mapping):
            raise _refusal(source, "the file must be a mapping", root)
        for key, (name, _) in root.entries.items():
            keys.setdefault(key, name)
    block = next((key for key in keys if key in schema), None)
    services = next((key for key in keys if key in _SERVICES), None)
    if block is not None and services is not None:
        raise _refusal(
            source,
            f"{services!r} of compose and {block!r} of bake are in one file",
            keys[block],
            "put them into two files",
        )
    if block is not None:
        return _bake(source, documents, keys[block], schema)
    if not any(key in keys for key in _COMPOSE):
        place = next(iter(keys.values()), None)
        raise _refusal(
            source,
            f"{file.name!r} has neither services nor targets",
            place,
            "write services: for compose, or target: for bake",
        )
    compose = ComposeFile(source=source, documents=documents, remote=file.remote)
    return Parsed(body=Body(source, 0, 0, {}, []), compose=compose)


def _bake(
    source: Source,
    documents: tuple[YamlNode, ...],
    key: Scalar,
    schema: Dict[str, BlockSchema],
) -> Parsed:
    from bakex.bake import yaml_form  # noqa: PLC0415 - start-up: most files are HCL
    from bakex.bake.yaml.nodes import Mapping  # noqa: PLC0415 - start-up: most files are HCL

    root, *others = documents
    if others or not isinstance(root, Mapping):
        place = others[0] if others else root
        raise _refusal(source, "a bake file is one document", place, "use several files")
    body, problems = yaml_form.parse_yaml(source, root, schema)
    return Parsed(body=body, problems=problems, extensions=(yaml_form.extension(source, key),))


def _refusal(
    source: Source, summary: str, node: YamlNode | None, hint: str = ""
) -> SyntaxDefinitionError:
    span = node.span if node else source.span(0, 0)
    return SyntaxDefinitionError(summary, hint=hint, span=span, source=source.text)
