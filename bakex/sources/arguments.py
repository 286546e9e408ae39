"""Positional arguments of ``bake``: a remote definition, a context, then targets (1.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bakex.model.remote import is_remote

if TYPE_CHECKING:
    from collections.abc import Sequence


class Arguments(NamedTuple):
    """What positional arguments mean.

    Attributes:
        definition: URL of a remote definition; empty for local files.
        context: URL that ``BAKE_CMD_CONTEXT`` gets; empty for the working directory.
        names: Targets, groups and patterns.
    """

    definition: str
    context: str
    names: tuple[str, ...]


def split(arguments: Sequence[str]) -> Arguments:
    """Split positional arguments.

    The first may be the URL of a definition, the one behind that the URL of a context. A URL
    behind the name of a target is taken for a name, as in the reference.
    """
    left = list(arguments)
    definition = left.pop(0) if left and is_remote(left[0]) else ""
    context = left.pop(0) if definition and left and is_remote(left[0]) else ""
    return Arguments(definition, context, tuple(left))
