"""What bake files say in vain: attributes and blocks that nothing reads.

The reference ignores them without a word, so that a file for a later version still works; a slip of
the pen is ignored all the same (spec/bake-file 2.1). Here they are warnings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex._util.suggest import closest
from bakex.bake import vocabulary
from bakex.bake.bodies import GROUP, SCHEMA, TARGET, VARIABLE
from bakex.bake.merge import ATTRIBUTES
from bakex.diagnostics import Diagnostic
from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from bakex.bake.bodies import Merged
    from bakex.bake.hcl.syntax import Block
    from bakex.diagnostics import Span

_TARGET = (
    *vocabulary.names(vocabulary.TARGET),
    *(name for name, attr in ATTRIBUTES.items() if not attr.block),
)
_GROUP = vocabulary.names(vocabulary.GROUP)
_VARIABLE = vocabulary.names(vocabulary.VARIABLE)
_COMMENT = "//"  # how JSON files hold comments


def oddities(merged: Merged) -> tuple[Diagnostic, ...]:
    """Return a warning for each attribute or block that is ignored, in the order of the files."""
    found = [_warning(b.type, "block", SCHEMA, b.type_span, b.source.text) for b in merged.ignored]
    for block in merged.variables.values():
        found += _of_block(block, VARIABLE, _VARIABLE, ("validation",))
    for blocks in merged.targets.values():
        for block in blocks:
            found += _of_block(block, TARGET, _TARGET, tuple(SCHEMA[TARGET].blocks))
    for block in merged.groups.values():
        found += _of_block(block, GROUP, _GROUP, ())
    return tuple(found)


def _of_block(
    block: Block, kind: str, attributes: Sequence[str], blocks: Sequence[str]
) -> Iterator[Diagnostic]:
    text = block.source.text
    for name, attribute in block.body.attributes.items():
        if name not in attributes and name != _COMMENT:
            # An equals sign too many turns a block into an attribute.
            known = blocks if name in blocks else attributes
            yield _warning(name, f"{kind} attribute", known, attribute.name_span, text)
    for inner in block.body.blocks:
        if inner.type not in blocks:
            yield _warning(inner.type, f"block in a {kind}", attributes, inner.type_span, text)


def _warning(name: str, what: str, known: Collection[str], span: Span, source: str) -> Diagnostic:
    near = closest(name, known)
    hint = f"did you mean {near!r}?" if near else ""
    return Diagnostic(
        code=DefinitionError.code,
        severity="warning",
        summary=f"unknown {what} {name!r} is ignored",
        hint="write it as a block, without =" if near == name else hint,
        span=span,
        source=source,
    )
