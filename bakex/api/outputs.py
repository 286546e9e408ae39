"""From plan to published results: what every cell hands over, and what is made of it.

Every cell of every target is built, then every output is assembled and checked (content pushed by
digest, files written beside their destination); nothing becomes visible here. That is the matter of
`bakex.api.publication`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.errors import InternalError
from bakex.model.outputs import STDOUT
from bakex.model.result import PushImage, SaveImage
from bakex.outputs.attributes import unsupported
from bakex.outputs.catalogue import exporter
from bakex.outputs.image import destinations, lacks_name
from bakex.outputs.preflight import Destination

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bakex.interfaces import Desk, Exporter, Finished
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell, CellId, Plan
    from bakex.model.reference import Reference
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
        for base in plan.handed_over:
            self._requests[base].append(SaveImage(layout=self._links))
        self._check_names()
        self._check_files()

    def _check_files(self) -> None:
        """Refuse two outputs that would write the same file, one over the other."""
        owners: dict[str, _Job] = {}
        for job in self._jobs:
            output = job.output
            if not output.dest or output.type == "local" or output.unpacked:
                continue
            place = output.dest if output.dest == STDOUT else str(Path(output.dest).resolve())
            other = owners.setdefault(place, job)
            if other is not job:
                what = "standard output" if output.dest == STDOUT else output.dest
                raise unsupported(
                    job.target,
                    output,
                    f"{what} gets the output of target {other.target.name!r} already",
                    "name another file, or use type=oci,tar=false: a layout holds several images",
                )

    def _check_names(self) -> None:
        """Let a push without a name pass if there is another one with a name.

        A bake file's intermediate targets often have no tags, and ``--push`` is for all of them.
        """
        nameless = [job for job in self._jobs if lacks_name(job.target, job.output)]
        if nameless and not self.destinations:
            job = nameless[0]
            raise unsupported(
                job.target, job.output, "a push needs a name", "add tags to the target"
            )

    @property
    def unpublished(self) -> tuple[str, ...]:
        """Targets with a push that goes nowhere because they have no tags."""
        found = [job.target.name for job in self._jobs if lacks_name(job.target, job.output)]
        return tuple(dict.fromkeys(found))

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """Where the run pushes to, in the order of the targets."""
        return tuple(
            Destination(
                reference=reference,
                cells=self._plan.of(job.target.name),
                insecure=insecure,
                by_digest=by_digest,
            )
            for job in self._jobs
            for reference, insecure, by_digest in destinations(job.target, job.output)
        )

    def _job(self, name: str, output: Output) -> _Job:
        cells = self._plan.of(name)
        job = _Job(cells[0].target, output, exporter(output.type))
        for cell in cells:
            request = job.exporter.requests(job.target, output, cell, self._desk)
            if request is not None:
                job.slots[cell.id] = len(self._requests[cell.id])
                self._requests[cell.id].append(request)
        return job

    def expect(self, seen: Mapping[Reference, Digest | None]) -> None:
        """Tell the nodes what tags stand for: what is there already need not be pushed again."""
        for requests in self._requests.values():
            for place, request in enumerate(requests):
                if isinstance(request, PushImage):
                    found = dict.fromkeys(
                        digest
                        for reference, digest in seen.items()
                        if digest is not None
                        and str(reference) in request.names
                        and reference.repository == request.repositories[0]
                    )
                    requests[place] = replace(request, published=tuple(found))

    def exports(self, cell: Cell) -> Sequence[ExportRequest]:
        """Return what a cell's node must hand over, in a fixed order."""
        return self._requests[cell.id]

    @property
    def wanted(self) -> Mapping[CellId, Sequence[ExportRequest]]:
        """What every cell hands over for outputs alone, not for other cells, in the same order."""
        linked = self._plan.handed_over
        return {
            cell: each[:-1] if cell in linked else each for cell, each in self._requests.items()
        }

    def link(self, result: CellResult) -> Link:
        """Return the content of a finished cell that others link to."""
        root = result.exports[-1]  # the link's own request is always the last one
        if root is None:
            raise InternalError(f"{result.cell} handed over no image")
        return Link(layout=self._links, root=root)

    async def finish(
        self, results: Mapping[CellId, CellResult], targets: Iterable[str] | None = None
    ) -> list[tuple[str, Finished]]:
        """Assemble and check every output; nothing becomes visible.

        Args:
            results: Of all cells of the targets.
            targets: Leave out the outputs of all others; None for all targets.

        Raises:
            ContentError: Parts do not fit together.
            RegistryError: A registry refused or failed.
            OutputError: A file cannot be written.
        """
        wanted = set(self._plan.requested if targets is None else targets)
        jobs = [job for job in self._jobs if job.target.name in wanted]
        finished = await concurrently(
            [partial(self._one, job, results) for job in jobs], limit=_AT_ONCE
        )
        return [(job.target.name, done) for job, done in zip(jobs, finished, strict=True)]

    async def _one(self, job: _Job, results: Mapping[CellId, CellResult]) -> Finished:
        parts = [
            (cell, results[cell.id].exports[job.slots[cell.id]] if cell.id in job.slots else None)
            for cell in self._plan.of(job.target.name)
        ]
        return await job.exporter.finish(job.target, job.output, parts, self._desk)


def _declared(plan: Plan) -> list[tuple[str, Output]]:
    return [(name, output) for name in plan.requested for output in plan.of(name)[0].target.output]
