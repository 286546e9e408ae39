"""Faults of values get the place in the file that they come from."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Generator

    from bakex.bake.hcl.source import Source
    from bakex.bake.hcl.syntax import Block, Node


def prefix(error: DefinitionError, what: str) -> None:
    """Put words and a colon before the summary of an error."""
    error.summary = f"{what}: {error.summary}"
    error.args = (error.summary,)


@contextmanager
def placed(node: Node, what: str = "") -> Generator[None]:
    """Give errors that have no place yet that of a node.

    Args:
        node: Where the cause is.
        what: Put before the summary of such errors, such as ``attribute 'tags'``.
    """
    try:
        yield
    except DefinitionError as error:
        _place(error, node.source, node.start, node.end, what)
        raise


@contextmanager
def placed_at(source: Source, offset: int, what: str = "") -> Generator[None]:
    """Give errors that have no place yet that of one character: something that is missing there."""
    try:
        yield
    except DefinitionError as error:
        _place(error, source, offset, offset, what)
        raise


@contextmanager
def placed_label(block: Block, what: str = "") -> Generator[None]:
    """Give errors that have no place yet that of a block's label: the block as a whole is wrong."""
    try:
        yield
    except DefinitionError as error:
        _place(error, block.source, *block.label_offsets[0], what)
        raise


def _place(error: DefinitionError, source: Source, start: int, end: int, what: str) -> None:
    if error.span is None:
        error.span = source.span(start, end)
        error.source = source.text
        if what:
            prefix(error, what)
