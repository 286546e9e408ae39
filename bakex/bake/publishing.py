"""``publish { }`` blocks of targets: what must hold before a result is published (bakex's own).

The attributes of the block are in the attribute table under ``publish.NAME``; they are merged,
inherited and overridden like the target's own. Several blocks of one target are merged in order.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex._util.suggest import closest
from bakex.bake.bodies import PUBLISH
from bakex.bake.merge import ATTRIBUTES, Draft
from bakex.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.bake.hcl.syntax import Block
    from bakex.diagnostics import Span
    from bakex.model.attributes import Attr

# As they are spelled in the block.
TABLE: Mapping[str, Attr] = MappingProxyType(
    {
        attr.key: replace(attr, name=attr.key)
        for attr in ATTRIBUTES.values()
        if attr.block == PUBLISH
    }
)


def check(block: Block) -> None:
    """Check the form of a block. A gate that is overlooked is worse than an error.

    Raises:
        EvaluationError: A label, an unknown attribute, or inner blocks.
    """
    if block.labels:
        raise _refused(block, "a publish block has no name", block.label_span(0), "")
    for name, attribute in block.body.attributes.items():
        if name not in TABLE and name != "//":
            near = closest(name, TABLE)
            hint = f"did you mean {near!r}?" if near else f"the attributes are {', '.join(TABLE)}"
            summary = f"unknown attribute {name!r} in a publish block"
            raise _refused(block, summary, attribute.name_span, hint)
    for inner in block.body.blocks:
        raise _refused(block, "a publish block has no blocks inside", inner.type_span, "")


def placed(draft: Draft) -> Draft:
    """Return what a block says as part of what its target says."""
    return Draft(
        values={f"{PUBLISH}.{key}": value for key, value in draft.values.items()},
        spans={f"{PUBLISH}.{key}": span for key, span in draft.spans.items()},
    )


def _refused(block: Block, summary: str, span: Span, hint: str) -> EvaluationError:
    return EvaluationError(summary, hint=hint, span=span, source=block.source.text)
