"""``platform "OS/ARCH" { }`` blocks of targets: what differs on one platform (bakex's own).

A block says something on top of the target: its values join the target's by the rules by which a
child's join its parent's. Blocks are inherited along with the rest, and a block says more than a
target, wherever either is written: a child's general value does not undo what a parent's block
says about one platform, a child's block does.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex._util.suggest import closest
from bakex.bake.merge import ATTRIBUTES
from bakex.bake.problems import prefix
from bakex.errors import DefinitionError, EvaluationError
from bakex.model.attributes import declared
from bakex.model.platform import Platform, named, split_platforms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.bake.hcl.syntax import Block
    from bakex.bake.merge import Draft
    from bakex.diagnostics import Span
    from bakex.model.attributes import Attr
    from bakex.model.target import Target

TABLE: Mapping[str, Attr] = MappingProxyType(
    {name: attr for name, attr in ATTRIBUTES.items() if attr.per_platform}
)
_FORM = 'write platform "OS/ARCH" { }'


def platform_of(block: Block) -> Platform:
    """Return the platform that a block is about, if the block is well-formed.

    Raises:
        EvaluationError: No platform or several, an attribute that cannot differ, or inner blocks.
        DefinitionError: The label is no platform.
    """
    if len(block.labels) != 1:
        span = block.label_span(1) if block.labels else block.open_span
        raise _refused(block, "a platform block is about one platform", span, _FORM)
    for name, attribute in block.body.attributes.items():
        if name not in TABLE and name != "//":
            raise _refused(
                block, f"{name!r} cannot differ per platform", attribute.name_span, _instead(name)
            )
    for inner in block.body.blocks:
        raise _refused(block, "a platform block has no blocks inside", inner.type_span, "")
    try:
        return Platform.parse(block.labels[0])
    except DefinitionError as error:
        error.span, error.source = block.label_span(0), block.source.text
        raise


def _instead(name: str) -> str:
    near = closest(name, TABLE)
    if name not in ATTRIBUTES and near:
        return f"did you mean {near!r}?"
    return f"these can: {', '.join(TABLE)}"


def _refused(block: Block, summary: str, span: Span, hint: str) -> EvaluationError:
    return EvaluationError(summary, hint=hint, span=span, source=block.source.text)


def check_platforms(name: str, own: Draft, draft: Draft, sources: Mapping[str, str]) -> None:
    """Check that a target is built for the platforms about which its own blocks say something.

    Args:
        name: Of the target.
        own: What the target's blocks say; the blocks of parents may be about more platforms.
        draft: Merged with its parents, no override applied: what the command line selects needs
            not use every block.
        sources: File name -> text, to show the place.

    Raises:
        DefinitionError: A block is about a platform that is not in ``platforms``.
    """
    words = split_platforms(draft.get_texts("platforms"))
    listed = [named(word) for word in words]
    if listed and None in listed:
        return
    for platform, variant in own.variants.items():
        if platform not in listed:
            raise _unlisted(name, platform, variant, words, sources)


def _unlisted(
    name: str, platform: Platform, variant: Draft, words: Sequence[str], sources: Mapping[str, str]
) -> DefinitionError:
    near = closest(str(platform), words)
    error = DefinitionError(
        f"there is a platform block for {platform}, which is not in its platforms",
        detail=f"The target is built for {', '.join(words)}."
        if words
        else "The target does not say for which platforms it is built.",
        hint=f"did you mean {near!r}?" if near else f"add {str(platform)!r} to platforms",
        span=variant.place,
        source=sources.get(variant.place.file, "") if variant.place else "",
    )
    prefix(error, f"target {name!r}")
    return error


def differences(target: Target, other: Target) -> Mapping[str, object]:
    """Return field name -> value of what differs in another form of a target."""
    fields = [field for field, attr in declared(target).values() if attr.per_platform]
    pairs = ((field, getattr(other, field)) for field in fields)
    return {field: value for field, value in pairs if value != getattr(target, field)}
