"""Strict, small stand-ins for the seams: an event recorder, nodes and an engine."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakex.errors import StepFailedError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_MANIFEST
from bakex.model.node import Endpoint, Feature, NodeInfo, NodeName, Speed, Wire
from bakex.model.platform import Platform
from bakex.model.result import CellResult, PushImage, SaveImage, StoreImage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from bakex.building import KeptResult, LinkedContent
    from bakex.events import Event, EventSink
    from bakex.model.plan import Cell, CellId
    from bakex.model.result import ExportRequest


class EventRecorder:
    """An `EventSink` that keeps everything."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Keep the event."""
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[Event]:
        """Return the events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]


def fake_node(
    name: str, *, native: Sequence[str] = ("linux/amd64",), emulated: Sequence[str] = ()
) -> NodeInfo:
    """Return what a probe of a capable node would have found."""
    platforms = {Platform.parse(text): Speed.NATIVE for text in native}
    platforms |= {Platform.parse(text): Speed.EMULATED for text in emulated}
    endpoint = Endpoint(
        name=NodeName(name), address=f"unix:///nowhere/{name}.sock", wire=Wire.BUILDKIT
    )
    return NodeInfo(endpoint=endpoint, platforms=platforms, features=frozenset(Feature))


@dataclass(frozen=True, slots=True)
class FakeKept:
    """What nobody keeps in truth (`bakex.building.KeptResult`)."""

    result: CellResult


@dataclass(slots=True, kw_only=True, eq=False)
class KeepingEngine:
    """The part of `bakex.building.Engine` that is alike in all engines without a daemon.

    Attributes:
        kept: Cells whose results are kept at the moment.
    """

    kept: set[CellId] = field(default_factory=set["CellId"])

    async def build(
        self,
        cell: Cell,
        exports: Sequence[ExportRequest],
        inputs: Mapping[str, LinkedContent | KeptResult],
        events: EventSink,
    ) -> CellResult:
        """Build a cell; each engine in its own way."""
        raise NotImplementedError

    @asynccontextmanager
    async def keep(
        self,
        cell: Cell,
        exports: Sequence[ExportRequest],
        inputs: Mapping[str, LinkedContent | KeptResult],
        events: EventSink,
    ) -> AsyncGenerator[FakeKept]:
        """Build a cell, and note how long its result is kept."""
        result = await self.build(cell, exports, inputs, events)
        self.kept.add(cell.id)
        try:
            yield FakeKept(result)
        finally:
            self.kept.remove(cell.id)

    async def aclose(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class FakeEngine(KeepingEngine):
    """An engine whose cells succeed at once, fail as told, or wait until they are released.

    Attributes:
        fail: Cells that end with a StepFailedError.
        hold: Cells that run until the event is set.
        started: Cells in the order in which they began.
        cancelled: Cells that were stopped while they ran.
        inputs: What each cell was given of others.
    """

    info: NodeInfo
    fail: frozenset[CellId] = frozenset()
    hold: Mapping[CellId, asyncio.Event] = field(default_factory=dict["CellId", asyncio.Event])
    started: list[CellId] = field(default_factory=list["CellId"])
    cancelled: list[CellId] = field(default_factory=list["CellId"])
    inputs: dict[CellId, Mapping[str, LinkedContent | KeptResult]] = field(
        default_factory=dict["CellId", "Mapping[str, LinkedContent | KeptResult]"]
    )
    running: int = 0
    most_at_once: int = 0

    async def probe(self) -> NodeInfo:
        """Return the node's description."""
        return self.info

    async def build(
        self,
        cell: Cell,
        exports: Sequence[ExportRequest],
        inputs: Mapping[str, LinkedContent | KeptResult],
        events: EventSink,  # noqa: ARG002 - part of the seam
    ) -> CellResult:
        """Do as the attributes say."""
        self.started.append(cell.id)
        self.inputs[cell.id] = inputs
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            await asyncio.sleep(0)
            if cell.id in self.hold:
                await self.hold[cell.id].wait()
            if cell.id in self.fail:
                raise StepFailedError(f"{cell.id} failed")
        except asyncio.CancelledError:
            self.cancelled.append(cell.id)
            raise
        finally:
            self.running -= 1
        return CellResult(cell=cell.id, exports=tuple(_image(cell.id, e) for e in exports))


def _image(cell: CellId, request: ExportRequest) -> Descriptor | None:
    if not isinstance(request, PushImage | SaveImage | StoreImage):
        return None
    data = str(cell).encode()
    return Descriptor(
        media_type=OCI_MANIFEST, digest=Digest.of(data), size=len(data), platform=cell.platform
    )
