"""The seam behind which cells are built: engines, and what cells get of one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from bakex.events import EventSink
    from bakex.model.call import Answer, Call
    from bakex.model.descriptor import Descriptor
    from bakex.model.node import NodeInfo
    from bakex.model.plan import Cell, CellId
    from bakex.model.result import CellResult, ExportRequest


class Engine(Protocol):
    """Turns cells into results, on one node. Safe for concurrent `build` calls."""

    async def probe(self) -> NodeInfo:
        """Ask the daemon what it is and can do.

        Raises:
            NodeError: It does not answer, or is no BuildKit.
        """
        ...

    async def build(
        self,
        cell: Cell,
        exports: Sequence[ExportRequest],
        inputs: Mapping[str, LinkedContent | KeptResult],
        events: EventSink,
    ) -> CellResult:
        """Build one cell and hand over its result as asked.

        Args:
            cell: What to build; its platform is the only one that is built.
            exports: What the node must hand over; empty to build only.
            inputs: Named context -> content of another cell (see `Cell.links`), or what this
                engine itself keeps of it.
            events: Gets the steps, logs, transfers and warnings.

        Raises:
            BuildError: The build ran and failed.
            NodeError: The node was lost; another attempt may work.
            UnsupportedAttributeError: The target asks for something this engine cannot do.

        Cancelling this stops the running steps on the node before it returns (bounded). An export
        that did not complete leaves nothing under its final name.
        """
        ...

    def keep(
        self,
        cell: Cell,
        exports: Sequence[ExportRequest],
        inputs: Mapping[str, LinkedContent | KeptResult],
        events: EventSink,
    ) -> AbstractAsyncContextManager[KeptResult]:
        """Build one cell like `build`, and keep its result on the node until the block ends.

        Other cells of this node are given it as an input meanwhile: they are built on exactly what
        was built here, and nothing of it is sent. Only for nodes with `Feature.LINKS`.
        """
        ...

    async def aclose(self) -> None:
        """Drop the connections; safe to repeat. A later call opens new ones."""
        ...


@runtime_checkable
class Asker(Protocol):
    """An engine that can also ask frontends, instead of having them build."""

    async def call(
        self, cell: Cell, call: Call, others: Mapping[CellId, Cell], events: EventSink
    ) -> Answer:
        """Call a method of a target's frontend; no step is run.

        Args:
            cell: Whose frontend; the platform matters only to frontends that look at it.
            call: The method.
            others: The cells that it links to, and those that these link to.
            events: Gets the steps and warnings.

        Raises:
            BuildError: The frontend failed, or has no such method.
            NodeError: The node was lost.
            UnsupportedAttributeError: The target asks for something this engine cannot do.
        """
        ...


class LinkedContent(Protocol):
    """The content of a finished cell, offered to another one as a named context."""

    @property
    def layout(self) -> Path:
        """An OCI layout directory that holds all of its blobs."""
        ...

    @property
    def root(self) -> Descriptor:
        """Its manifest or index in that layout."""
        ...


class KeptResult(Protocol):
    """A finished cell whose result its node keeps for others; see `Engine.keep`."""

    @property
    def result(self) -> CellResult:
        """What `Engine.build` would have returned."""
        ...
