"""An engine that makes images in an instant, and hands them over as a node would."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakex.errors import StepFailedError
from bakex.model.reference import Reference
from bakex.model.result import CellResult, PushImage, SaveImage, SaveTar, SaveTree, StoreImage
from bakex.oci.copy import copy
from bakex.oci.layout import OciLayout
from bakex.oci.memory import MemoryStore
from bakex.testing.fakes import KeepingEngine
from bakex.testing.images import layer_tar, put_attested, put_image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bakex.building import KeptResult, LinkedContent
    from bakex.events import EventSink
    from bakex.interfaces import Registry, Store
    from bakex.model.descriptor import Descriptor
    from bakex.model.node import NodeInfo
    from bakex.model.plan import Cell, CellId
    from bakex.model.result import ExportRequest


@dataclass(slots=True, kw_only=True)
class ImageEngine(KeepingEngine):
    """Implements `bakex.building.Engine`.

    An image has one layer with one file, named after its target, that holds `content`; labels are
    those of the target. The same cell with the same content gives the same bytes.

    Attributes:
        registry: Where images are pushed.
        content: What distinguishes one build from another.
        attested: Make an attestation with every image.
        fail: Names of cells, as in ``app@linux/amd64``, whose build fails.
        meanwhile: Called while a cell is built.
        solved: Cells in the order in which they were built.
    """

    info: NodeInfo
    registry: Registry = field(repr=False)
    content: bytes = b"content\n"
    attested: bool = False
    fail: frozenset[str] = frozenset()
    meanwhile: Callable[[Cell], None] | None = None
    solved: list[CellId] = field(default_factory=list["CellId"])

    async def probe(self) -> NodeInfo:
        """Return the node's description."""
        return self.info

    async def build(
        self,
        cell: Cell,
        exports: Sequence[ExportRequest],
        inputs: Mapping[str, LinkedContent | KeptResult],
        events: EventSink,
    ) -> CellResult:
        """Make an image, or fail as told."""
        del inputs, events
        self.solved.append(cell.id)
        if self.meanwhile is not None:
            self.meanwhile(cell)
        if str(cell.id) in self.fail:
            raise StepFailedError(f"{cell.id} failed")
        made = [await self._hand_over(cell, request) for request in exports]
        return CellResult(cell=cell.id, exports=tuple(made), ref=f"{cell.node}/{cell.id}")

    async def _hand_over(self, cell: Cell, request: ExportRequest) -> Descriptor | None:
        match request:
            case PushImage():
                made = MemoryStore()
                root = await self._image(made, cell)
                for name in request.repositories:
                    repository = self.registry.repository(Reference.parse(name))
                    if not await repository.exists(root):
                        await copy(made, repository, root)
                return root
            case SaveImage():
                return await self._image(OciLayout.create(request.layout), cell)
            case StoreImage():
                return await self._image(MemoryStore(), cell)
            case SaveTree():
                request.directory.mkdir(parents=True, exist_ok=True)
                (request.directory / cell.id.target).write_bytes(self.content)
            case SaveTar():
                request.file.write_bytes(layer_tar({cell.id.target: self.content}))
        return None

    async def _image(self, store: Store, cell: Cell) -> Descriptor:
        make = put_attested if self.attested else put_image
        labels = dict(cell.target.labels)
        return await make(
            store,
            str(cell.platform),
            layers=[{cell.id.target: self.content}],
            config={"config": {"Labels": labels}} if labels else None,
        )
