"""``include = ["common/*.hcl", "../base.hcl"]``: bake files that name others (bakex's own).

A root attribute of this name includes files if it is a list of texts that needs nothing but itself,
and if nothing in the file, or in the files that were given, uses the name: to the reference it is a
global like others, and then it stays one.

What is included is merged before the file that includes it, so that the latter has the last word; a
file that is reached in several ways is merged once, where it is reached first, and a file that was
given keeps its place among the given ones. Names are relative to the including file.

Pure but for the reader that it is given.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bakex.bake.extensions import Extension
from bakex.bake.hcl import static
from bakex.bake.hcl.evaluate import evaluate
from bakex.bake.hcl.nodes import TupleExpression
from bakex.bake.values.valuetype import STRING
from bakex.errors import CycleError, DefinitionError
from bakex.model.bakefile import STDIN, BakeFile, Syntax
from bakex.model.remote import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from bakex.bake.functions.function import Context, Function
    from bakex.bake.hcl.syntax import Attribute, Body, Expression, Traversal
    from bakex.bake.values.value import Value
    from bakex.diagnostics import Diagnostic, Span
    from bakex.interfaces import DefinitionReader

INCLUDE = "include"
MAX_FILES = 1_000  # that are included
MAX_DEPTH = 64  # includes of includes
MAX_BYTES = 64 * 1024 * 1024  # of all included files together
_WILD = re.compile(r"[*?[]")
_SET = re.compile(rb"""\binclude["']?\s*[=:]""")  # what sets it in any form, and more
_INSTEAD = "name the files with -f, before this one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """Files with what they include.

    Attributes:
        files: In the order in which they are merged.
        places: Name of an included file -> where it is included.
        extensions: The attributes that include something.
    """

    files: tuple[BakeFile, ...]
    places: Mapping[str, Span] = field(default_factory=dict[str, "Span"])
    extensions: tuple[Extension, ...] = ()


def expanded(
    files: Sequence[BakeFile],
    reader: DefinitionReader | None,
    context: Context,
    parse: Callable[[BakeFile], tuple[Body, Sequence[Diagnostic]]],
) -> Expansion:
    """Return files with all that they include, directly or not.

    Args:
        files: Those that were given, in the order in which they are merged.
        reader: Finds and reads files; None if none can be included.
        context: The budget of the evaluation.
        parse: Makes a body of a file. Files that it refuses are not looked into: whoever merges
            them says what is wrong.

    Raises:
        CycleError: A file that includes itself; shows the chain.
        DefinitionError: A file that is not there or cannot be read, or too many files.
    """
    if not any(_SET.search(file.content) for file in files):
        return Expansion(files=tuple(files))
    walk = _Walk(files, reader, context, parse)
    try:
        for file in files:
            walk.visit(file, ())
    except DefinitionError as error:
        explain(error, walk.places)
        raise
    return Expansion(files=tuple(walk.order), places=walk.places, extensions=tuple(walk.extensions))


def explain(error: DefinitionError, places: Mapping[str, Span]) -> None:
    """Say of each finding in an included file where that file is included."""
    if not places:
        return
    chain = _chain(error.span, places)
    if chain not in error.detail:
        error.detail = "\n".join(filter(None, (error.detail, chain)))
    error.more = tuple(_explained(found, places) for found in error.more)


def _explained(found: Diagnostic, places: Mapping[str, Span]) -> Diagnostic:
    chain = _chain(found.span, places)
    if chain in found.detail:
        return found
    return replace(found, detail="\n".join(filter(None, (found.detail, chain))))


def _chain(span: Span | None, places: Mapping[str, Span]) -> str:
    chain: list[str] = []
    while span is not None and span.file in places:
        span = places[span.file]
        chain.append(f"included from {span}")
    return f"{', '.join(chain).capitalize()}." if chain else ""


class _Literals:
    """The scope of an include: nothing.

    Attributes:
        context: The budget of the evaluation.
    """

    def __init__(self, context: Context) -> None:
        self.context = context

    def lookup(self, traversal: Traversal) -> tuple[Value, int] | None:
        """Know no name."""

    def function(self, name: str) -> Function | None:
        """Know no function."""

    def names(self) -> Iterable[str]:
        """Know no name."""
        return ()

    def function_names(self) -> Iterable[str]:
        """Know no function."""
        return ()


class _Walk:
    """Goes from file to file.

    Attributes:
        order: The files so far, as they are merged.
        places: Name of an included file -> where.
        extensions: The attributes that include something.
    """

    def __init__(
        self,
        files: Sequence[BakeFile],
        reader: DefinitionReader | None,
        context: Context,
        parse: Callable[[BakeFile], tuple[Body, Sequence[Diagnostic]]],
    ) -> None:
        self._reader = reader
        self._scope = _Literals(context)
        self._parse = parse
        self._given = {_identity(file.name): file for file in files}
        self._bodies: dict[str, Body | None] = {}
        self._taken: bool | None = None
        self._seen: set[str] = set()
        self._bytes = 0
        self.order: list[BakeFile] = []
        self.places: dict[str, Span] = {}
        self.extensions: list[Extension] = []

    def visit(self, file: BakeFile, path: tuple[str, ...]) -> None:
        """Add what a file includes, and the file behind it."""
        path = (*path, _identity(file.name))
        attribute = self._attribute(file)
        if attribute is not None:
            self._note(attribute)
            for pattern, node in self._patterns(attribute):
                for name in self._names(pattern, file, node):
                    self._include(name, file, path, node)
        self.order.append(file)

    def _include(self, name: str, file: BakeFile, path: tuple[str, ...], node: Expression) -> None:
        if name in path:
            chain = [*path[path.index(name) :], name]
            raise _at(
                node,
                CycleError("files include each other", detail=f"{' -> '.join(chain)}."),
            )
        if name in self._given or name in self._seen:
            return
        if len(path) > MAX_DEPTH or len(self._seen) >= MAX_FILES:
            raise _at(
                node,
                DefinitionError(
                    "too many files are included",
                    detail=f"The limit is {MAX_FILES} files, {MAX_DEPTH} deep.",
                ),
            )
        self._seen.add(name)
        found = self._read(name, node)
        self.places[name] = node.span
        if found:
            included = BakeFile(
                name=name, content=found, syntax=Syntax.of(name), remote=file.remote
            )
            self.visit(included, path)

    def _read(self, name: str, node: Expression) -> bytes:
        if self._reader is None:
            raise _at(node, DefinitionError("files cannot be included here"))
        try:
            found = self._reader.read(name)
        except DefinitionError as error:
            raise _at(node, error) from None
        if found is None:
            raise _at(
                node,
                DefinitionError(
                    f"no such file: {name!r}",
                    hint="the name is relative to the file that includes it",
                ),
            )
        self._bytes += len(found)
        if self._bytes > MAX_BYTES:
            raise _at(
                node,
                DefinitionError(
                    "too much is included", detail=f"The limit is {MAX_BYTES} bytes in all."
                ),
            )
        return found

    def _names(self, pattern: str, file: BakeFile, node: Expression) -> Iterable[str]:
        if is_remote(pattern) or pattern in {"", STDIN}:
            raise _at(
                node,
                DefinitionError(
                    f"{pattern!r} cannot be included", hint="name a file or a pattern of files"
                ),
            )
        base = "" if file.name == STDIN else posixpath.dirname(file.name)
        if not _WILD.search(pattern):
            return (_identity(posixpath.join(base, pattern)),)
        if self._reader is None:
            raise _at(node, DefinitionError("files cannot be included here"))
        try:
            escaped = _WILD.sub(r"[\g<0>]", base)
            matches = self._reader.glob(_identity(posixpath.join(escaped, pattern)))
        except DefinitionError as error:
            raise _at(node, error) from None
        # A pattern that fits everything in a directory fits the file that it is written in.
        own = _identity(file.name)
        return [name for name in map(_identity, matches) if name != own]

    def _attribute(self, file: BakeFile) -> Attribute | None:
        body = self._body(file) if _SET.search(file.content) else None
        attribute = body.attributes.get(INCLUDE) if body else None
        if body is None or attribute is None or _uses(body) or self._is_taken():
            return None
        return attribute if next(self._patterns(attribute), None) else None

    def _is_taken(self) -> bool:
        """Return whether one of the given files uses the name for something else."""
        if self._taken is None:
            bodies = [self._body(file) for file in self._given.values()]
            self._taken = any(body is not None and _uses(body) for body in bodies)
        return self._taken

    def _body(self, file: BakeFile) -> Body | None:
        if INCLUDE.encode() not in file.content:
            return None
        if file.name not in self._bodies:
            try:
                self._bodies[file.name] = self._parse(file)[0]
            except DefinitionError:
                self._bodies[file.name] = None
        return self._bodies[file.name]

    def _patterns(self, attribute: Attribute) -> Iterator[tuple[str, Expression]]:
        """Yield the names that an attribute lists; none if it is no list of plain texts."""
        expr = attribute.expr
        if not isinstance(expr, TupleExpression):
            return
        found: list[tuple[str, Expression]] = []
        for item in expr.items:
            if static.references(item) or static.function_calls(item):
                return
            value = evaluate(item, self._scope)
            if value.is_null or value.type != STRING:
                return
            found.append((value.text, item))
        yield from found

    def _note(self, attribute: Attribute) -> None:
        self.extensions.append(
            Extension(
                what=f"the attribute {INCLUDE!r}",
                span=attribute.name_span,
                source=attribute.source.text,
                instead=_INSTEAD,
            )
        )


def _identity(name: str) -> str:
    return name if name == STDIN else posixpath.normpath(name)


def _uses(body: Body) -> bool:
    """Return whether anything in a file declares or uses the name ``include``."""
    pending = [body]
    while pending:
        inner = pending.pop()
        for attribute in inner.attributes.values():
            if any(found.name == INCLUDE for found in static.references(attribute.expr)):
                return True
        for block in inner.blocks:
            if block.type == "variable" and INCLUDE in block.labels:
                return True
            pending.append(block.body)
    return False


def _at(node: Expression, error: DefinitionError) -> DefinitionError:
    error.span, error.source = node.span, node.source.text
    return error
