"""From plan to published results: what every cell hands over, and what is made of it.

The order is the promise: every cell of every target is built, then every output is assembled and
checked (content pushed by digest, files written beside their destination), and only then does
anything become visible: files and directories first, tags last.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.errors import InternalError
from bakex.events import Published
from bakex.model.result import SaveImage
from bakex.outputs.catalogue import exporter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bakex.events import EventSink
    from bakex.interfaces import Clock, Desk, Exporter, Finished
    from bakex.model.descriptor import Descriptor
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell, CellId, Plan
    from bakex.model.publication import Publication
    from bakex.model.result import CellResult, ExportRequest
    from bakex.model.target import Target

_AT_ONCE = 8  # outputs assembled at the same time; each bounds its own requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The content of a finished cell, for those that use it as a named context."""

    layout: Path
    root: Descriptor


@dataclass(frozen=True, slots=True)
class _Job:
    """One output of one target, with the place of its request among each cell's exports."""

    target: Target
    output: Output
    exporter: Exporter
    slots: dict[CellId, int] = field(default_factory=dict["CellId", int])


class Outputs:
    """The outputs of a whole plan."""

    def __init__(self, plan: Plan, desk: Desk) -> None:
        """Ask every exporter what it needs of every cell.

        Raises:
            UnsupportedOutputError: An output cannot be made; nothing was built yet.
        """
        self._plan = plan
        self._desk = desk
        self._requests: dict[CellId, list[ExportRequest]] = {c.id: [] for c in plan.cells}
        self._jobs = [self._job(name, output) for name, output in _declared(plan)]
        self._links = desk.workspace / "links"
        for base in {other for cell in plan.cells for other in cell.after}:
            self._requests[base].append(SaveImage(layout=self._links))

    def _job(self, name: str, output: Output) -> _Job:
        cells = self._plan.of(name)
        job = _Job(cells[0].target, output, exporter(output.type))
        for cell in cells:
            request = job.exporter.requests(job.target, output, cell, self._desk)
            if request is not None:
                job.slots[cell.id] = len(self._requests[cell.id])
                self._requests[cell.id].append(request)
        return job

    def exports(self, cell: Cell) -> Sequence[ExportRequest]:
        """Return what a cell's node must hand over, in a fixed order."""
        return self._requests[cell.id]

    def link(self, result: CellResult) -> Link:
        """Return the content of a finished cell that others link to."""
        root = result.exports[-1]  # the link's own request is always the last one
        if root is None:
            raise InternalError(f"{result.cell} handed over no image")
        return Link(layout=self._links, root=root)

    async def finish(self, results: Mapping[CellId, CellResult]) -> list[tuple[str, Finished]]:
        """Assemble and check every output; nothing becomes visible.

        Raises:
            ContentError: Parts do not fit together.
            RegistryError: A registry refused or failed.
            OutputError: A file cannot be written.
        """
        jobs = [partial(self._one, job, results) for job in self._jobs]
        finished = await concurrently(jobs, limit=_AT_ONCE)
        return [(job.target.name, done) for job, done in zip(self._jobs, finished, strict=True)]

    async def _one(self, job: _Job, results: Mapping[CellId, CellResult]) -> Finished:
        parts = [
            (cell, results[cell.id].exports[job.slots[cell.id]] if cell.id in job.slots else None)
            for cell in self._plan.of(job.target.name)
        ]
        return await job.exporter.finish(job.target, job.output, parts, self._desk)


def _declared(plan: Plan) -> list[tuple[str, Output]]:
    return [(name, output) for name in plan.requested for output in plan.of(name)[0].target.output]


async def publish(
    finished: Sequence[tuple[str, Finished]], events: EventSink, clock: Clock
) -> list[Publication]:
    """Make finished outputs visible, local ones first; returns what is where.

    Raises:
        RegistryError: A tag could not be moved; the ones before it have moved, each was announced
            by an event.
        OutputError: A file could not be put into place.
    """
    done: list[Publication] = []
    for _, output in sorted(finished, key=lambda item: item[1].moves_tags):
        for publication in await output.publish():
            events.emit(Published(at=clock.now(), publication=publication))
            done.append(publication)
    return done
