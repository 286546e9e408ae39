"""Attributes of outputs: which are ours, which go to the node, and what is wrong with them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bakex.errors import DefinitionError, UnsupportedOutputError
from bakex.model.annotations import Annotation
from bakex.model.platform import named, split_platforms
from bakex.model.reference import Reference

if TYPE_CHECKING:
    from bakex.model.outputs import Output
    from bakex.model.target import Target

# Handled here. A node would take them for metadata of the image, or do what is done here again.
_OURS = frozenset(
    {
        "dest", "load", "context", "name", "push", "push-by-digest", "name-canonical",
        "registry.insecure", "tar", "mode", "platform-split",
    }
)  # fmt: skip
_TRUE, _FALSE = frozenset({"1", "t", "true"}), frozenset({"0", "f", "false"})
# BuildKit reads these as set when they have no value.
_BARE = frozenset({"push", "push-by-digest", "registry.insecure", "tar", "name-canonical"})
_FLAGS = (
    "oci-mediatypes", "force-compression", "rewrite-timestamp", "prefer-nondist-layers",
    "name-canonical", "oci-artifact",
)  # fmt: skip
_COMPRESSIONS = {"uncompressed": 0, "gzip": 9, "estargz": 9, "zstd": 22}  # highest levels
_OCI_ONLY = frozenset({"estargz", "zstd"})


def flag(target: Target, output: Output, key: str, *, default: bool) -> bool:
    """Return a boolean attribute.

    Raises:
        UnsupportedOutputError: It is no boolean.
    """
    text = output.attrs.get(key)
    if text is None:
        return default
    if text.lower() in _TRUE or (not text and key in _BARE):
        return True
    if text.lower() in _FALSE:
        return False
    raise unsupported(target, output, f"{key}={text} is no boolean", "write true or false")


def node_attributes(target: Target, output: Output) -> dict[str, str]:
    """Return what goes to the node with an image, checked as far as bakex knows it.

    The target's annotations are not among them: engines take those from the target.

    Raises:
        UnsupportedOutputError: A value makes no sense.
    """
    for key in _FLAGS:
        flag(target, output, key, default=True)
    kind = output.attrs.get("compression", "gzip")
    if kind not in _COMPRESSIONS:
        known = ", ".join(_COMPRESSIONS)
        raise unsupported(target, output, f"unknown compression={kind}", f"write one of {known}")
    level = output.attrs.get("compression-level")
    if level is not None and not (level.isdigit() and int(level) <= _COMPRESSIONS[kind]):
        raise unsupported(
            target,
            output,
            f"compression-level={level} is not a level of {kind}",
            f"write a number from 0 to {_COMPRESSIONS[kind]}",
        )
    if kind in _OCI_ONLY and not flag(target, output, "oci-mediatypes", default=True):
        raise unsupported(
            target, output, f"compression={kind} needs OCI media types", "drop oci-mediatypes=false"
        )
    return {key: value for key, value in output.attrs.items() if key not in _OURS}


def file_attributes(output: Output) -> dict[str, str]:
    """Return what goes to the node with a root file system."""
    return {key: value for key, value in output.attrs.items() if key not in _OURS}


def names(target: Target, output: Output) -> tuple[Reference, ...]:
    """Return the names that an image gets: the output's own, or else the target's tags.

    Each has a tag; duplicates are dropped.

    Raises:
        UnsupportedOutputError: One is not a name.
    """
    own = output.attrs.get("name", "")
    texts = [text.strip() for text in own.split(",")] if own else list(target.tags)
    found: dict[Reference, None] = {}
    for text in texts:
        if text == "*":
            raise unsupported(target, output, "name=* is not supported", "write the name out")
        try:
            reference = Reference.parse(text)
        except DefinitionError as error:
            raise unsupported(target, output, error.summary, error.hint) from None
        if reference.digest is not None:
            raise unsupported(
                target, output, f"the name {text!r} has a digest", "write a tag instead"
            )
        found[reference.tagged(reference.tag_or_latest)] = None
    return tuple(found)


def target_annotations(target: Target) -> tuple[Annotation, ...]:
    """Return the target's annotations.

    Raises:
        DefinitionError: One is malformed.
    """
    return tuple(item for text in target.annotations for item in Annotation.parse(text))


def platform_count(target: Target) -> int:
    """Return for how many platforms a target is built, at least one.

    What only the planner knows counts as one of its own: ``local``, an operating system alone.
    """
    words = split_platforms(target.platforms)
    return max(1, len({named(word) or word for word in words}))


def label(target: Target, output: Output) -> str:
    """Return a file name for things of one output in the workspace of a run."""
    text = f"{target.name}\n{output.format()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def unsupported(
    target: Target, output: Output, reason: str, hint: str = ""
) -> UnsupportedOutputError:
    """Return the error that names target, output and reason."""
    return UnsupportedOutputError(
        f"target {target.name!r}: output type={output.type}: {reason}", hint=hint
    )
