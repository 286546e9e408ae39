"""The course of a bake once it is planned: cells are built, outputs assembled, all is published."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.api.desk import RunDesk
from bakex.api.gates import Gates
from bakex.api.history import History
from bakex.api.outputs import Outputs
from bakex.api.proof import Proof
from bakex.api.publication import EachTarget, Publisher, records
from bakex.api.report import compose
from bakex.api.resume import Known, known, lost
from bakex.api.timings import Timings
from bakex.diagnostics import Diagnostic
from bakex.engines.buildkit.engine import BuildkitEngine
from bakex.engines.buildkit.exports import is_classic
from bakex.errors import PublicationError
from bakex.events import PlanReady, WarningRaised
from bakex.model.node import Feature
from bakex.model.publication import PublishPolicy
from bakex.model.running import RunPolicy
from bakex.nodes.discovery import docker_images
from bakex.plan.abilities import check_abilities
from bakex.run.executor import execute
from bakex.run.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bakex.api.connect import Connected
    from bakex.api.inputs import InputRecords
    from bakex.api.outcome import Recorder
    from bakex.building import Engine
    from bakex.carriers import ImageLoader, ImageStore
    from bakex.config import Settings
    from bakex.events import EventSink
    from bakex.interfaces import Clock, Desk, Finished, Registry
    from bakex.model.node import NodeInfo, NodeName
    from bakex.model.outcome import CellOutcome
    from bakex.model.plan import Cell, CellId, Plan
    from bakex.model.publication import Report
    from bakex.model.result import CellResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Carries plans out.

    Attributes:
        settings: Where what is kept is.
        nodes: Where cells are built; none if there is nothing to build.
        registry: Where results go.
        loader: The image store of the user's docker daemon, if there is one.
        events: Gets what happens.
        clock: Dates it.
        publishing: How to publish.
        running: How to run the plan.
        recorder: Follows the events; is told what to expect.
        recorded: Results of former runs: what still holds of them is not built again.
        parts: Have the nodes push their images, and leave it at that.
    """

    settings: Settings
    nodes: Sequence[Connected]
    registry: Registry
    loader: ImageLoader | None
    events: EventSink
    clock: Clock
    publishing: PublishPolicy = field(default_factory=PublishPolicy)
    running: RunPolicy = field(default_factory=RunPolicy)
    recorder: Recorder | None = None
    recorded: Sequence[CellOutcome] = ()
    parts: bool = False

    @property
    def _infos(self) -> tuple[NodeInfo, ...]:
        return tuple(node.info for node in self.nodes)

    async def run(self, plan: Plan) -> Report:
        """Build every cell, assemble every output, publish.

        Raises:
            IncompleteResultError: There is no node, and not everything is there already.
            BakexError: See `bakex.api.client.Client.bake`.
        """
        self.events.emit(PlanReady(at=self.clock.now(), plan=plan))
        publisher = Publisher(
            registry=self.registry,
            policy=self.publishing,
            records=records(self.settings),
            events=self.events,
            clock=self.clock,
            inputs=self._inputs(plan) if self.publishing.immutable else None,
        )
        with tempfile.TemporaryDirectory(prefix="bakex-", dir=self._scratch()) as workspace:
            desk = RunDesk(
                registry=self.registry,
                workspace=Path(workspace),
                loader=self.loader,
                image_stores=image_stores(self.nodes),
            )
            outputs = Outputs(plan, desk)
            done = await self._known(plan, outputs)
            todo = done.remaining(plan)
            if todo.cells and not self.nodes:
                raise lost(todo)
            check_abilities(todo, self._infos, {str(c.id): outputs.exports(c) for c in todo.cells})
            self._warn(plan, outputs)
            places = outputs.destinations
            if self.parts:
                places = tuple(replace(place, by_digest=True) for place in places)
            outputs.expect(await publisher.check(places))
            return await self._run(plan, desk, outputs, publisher, done)

    async def _known(self, plan: Plan, outputs: Outputs) -> Known:
        wanted = outputs.wanted
        if self.recorder is not None:
            self.recorder.expect(plan, wanted)
        if not self.recorded:
            return Known()
        found = await known(plan, wanted, self.recorded, self.registry, self.events, self.clock)
        if self.recorder is not None:
            self.recorder.expect(plan, wanted, tuple(found.outcomes.values()))
        return found

    async def _run(
        self, plan: Plan, desk: Desk, outputs: Outputs, publisher: Publisher, done: Known
    ) -> Report:
        finished: list[tuple[str, Finished]] = []
        engines: dict[NodeName, Engine] = {node.info.name: node.engine for node in self.nodes}

        async def publish(results: Mapping[CellId, CellResult], names: Sequence[str]) -> None:
            if self.parts:
                return
            cells = [cell for name in names for cell in plan.of(name)]
            await proof.check(cells, outputs.wanted, results)
            assembled = await outputs.finish(results, names)
            finished.extend(assembled)
            await publisher.publish(assembled)

        proof = Proof(self.settings, desk, self.events, self.clock, mode=self.publishing.verify)
        gates = Gates(plan)
        work = Work(
            exports=outputs.exports,
            link=outputs.link,
            tolerates=gates.tolerates,
            limits={node.name: node.slots for node in self._infos},
            ease={node.name: node.ease for node in self._infos},
            natively=self._natively(),
        )
        if each := self.publishing.each:
            publishing = EachTarget(plan, publish)
            work = replace(work, finished=publishing.done)
            for cell in plan.cells:
                if cell.id in done.results:
                    await publishing.done(cell, done.results[cell.id])
        timings = Timings(self.events)
        execution = await execute(
            done.remaining(plan), engines, work, timings, self.clock, self.running
        )
        found = {**done.results, **execution.results}
        results = {cell.id: found[cell.id] for cell in plan.cells if cell.id in found}
        built = {**done.built, **execution.built}
        plan = plan.built(built)
        passed = gates.settle(results, self.events, self.clock)

        def report() -> Report:
            made = compose(plan, results, finished, publisher.publications, gates.blocked, built)
            return timings.noted(proof.noted(made))

        try:
            if not each:
                await publish(results, passed)
        except PublicationError as error:
            error.report = report()
            error.detail = "\n".join([error.detail, *gates.lines]).strip()
            raise
        return gates.verdict(report())

    def _natively(self) -> Callable[[Cell], float]:
        """Return how many seconds cells are expected to take natively, by what is known of them."""
        past = History(self.settings).read() if self.running.speculate else {}
        return lambda cell: past[cell.id].natively_s if cell.id in past else 0.0

    def _inputs(self, plan: Plan) -> InputRecords:
        engines = [node.engine for node in self.nodes]
        reads = [engine.reads for engine in engines if isinstance(engine, BuildkitEngine)]
        from bakex.api.inputs import InputRecords  # noqa: PLC0415 - for immutable tags only

        return InputRecords(self.settings, plan, reads)

    def _warn(self, plan: Plan, outputs: Outputs) -> None:
        names = [name for name in plan.requested if not plan.of(name)[0].target.output]
        if names:
            self._emit_warning(
                "BX3100",
                f"no output for {', '.join(names)}: the result stays in the build cache",
                "use --push to push it, --load to load it into docker, or --output",
            )
        if outputs.unpublished:
            self._emit_warning(
                "BX3101",
                f"no tags for {', '.join(outputs.unpublished)}: it is built but not pushed",
                "add tags to the target, or drop its output",
            )

    def _emit_warning(self, code: str, summary: str, hint: str) -> None:
        warning = Diagnostic(code=code, severity="warning", summary=summary, hint=hint)
        self.events.emit(WarningRaised(at=self.clock.now(), cell=None, diagnostic=warning))

    def _scratch(self) -> Path:
        """Return a directory on the cache's disk: results may be larger than /tmp."""
        scratch = self.settings.cache / "run"
        scratch.mkdir(parents=True, exist_ok=True)
        return scratch


def image_stores(nodes: Iterable[Connected]) -> dict[NodeName, ImageStore | None]:
    """Return the nodes whose own image store is where the user looks for images, with that."""
    return {
        node.info.name: None
        if node.way is None
        else docker_images(node.way, by_digest=not is_classic(node.info))
        for node in nodes
        if keeps_images(node.info)
    }


def keeps_images(node: NodeInfo) -> bool:
    """Return whether a node's own image store is where the user looks for images."""
    return Feature.IMAGE_LOAD in node.features and not node.endpoint.private
