"""The client: plans and runs bakes on a set of nodes."""

from __future__ import annotations

import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.api.calls import ask, to_build
from bakex.api.connect import Connector
from bakex.api.definition import check
from bakex.api.desk import RunDesk
from bakex.api.inputs import InputRecords
from bakex.api.outputs import Outputs
from bakex.api.privileges import request
from bakex.api.publication import EachTarget, Publisher, PublishingEngine, records
from bakex.api.remote import as_built
from bakex.api.report import compose
from bakex.bake.entitlements import refusal
from bakex.bake.validation import check_buildable
from bakex.diagnostics import Diagnostic
from bakex.errors import PublicationError
from bakex.events import PlanReady, RunFinished, WarningRaised
from bakex.model.attributes import evolve
from bakex.model.node import Feature
from bakex.model.outputs import Output
from bakex.model.platform import Platform
from bakex.model.publication import PublishPolicy, Report
from bakex.nodes.discovery import image_loader
from bakex.plan.abilities import check_abilities
from bakex.plan.planner import plan as make_plan
from bakex.registry.client import RegistryClient
from bakex.registry.credentials import DockerKeychain
from bakex.run.clock import SystemClock
from bakex.run.executor import Work, execute

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from bakex.api.connect import Connected
    from bakex.bake.resolve import Resolution
    from bakex.carriers import ImageLoader
    from bakex.config import Settings
    from bakex.events import EventSink
    from bakex.interfaces import Clock, Engine, Finished, Registry
    from bakex.model.node import NodeInfo, NodeName
    from bakex.model.plan import CellId, Plan
    from bakex.model.result import CellResult
    from bakex.model.target import Target


class Client:
    """Plans and runs bakes; made by `open`, or from parts by a host application's tests."""

    def __init__(
        self,
        *,
        settings: Settings,
        nodes: Sequence[Connected],
        registry: Registry,
        loader: ImageLoader | None,
        events: EventSink,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._nodes = nodes
        self._registry = registry
        self._loader = loader
        self._events = events
        self._clock = clock

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings, *, builder: str = "", events: EventSink
    ) -> AsyncGenerator[Client, None]:
        """Find the nodes of a builder, connect, and yield a client; closes everything at the end.

        Args:
            settings: See `bakex.config.load`.
            builder: Addresses, docker contexts or ``private``; empty to look in the usual places.
            events: Where events go, from the choice of nodes on.

        Raises:
            NodeError: A node does not answer, or none was found or could be started.
            ConfigError: A setting is wrong.
        """
        clock = SystemClock()
        async with AsyncExitStack() as stack:
            keychain = DockerKeychain(settings)
            registry = RegistryClient(keychain=keychain, settings=settings, clock=clock)
            stack.push_async_callback(registry.aclose)
            connector = Connector(
                settings=settings,
                keychain=keychain,
                clock=clock,
                events=events,
                registry=registry,
            )
            nodes = await connector.connect(builder or settings.builder)
            for node in nodes:
                stack.push_async_callback(node.aclose)
            yield cls(
                settings=settings,
                nodes=nodes,
                registry=registry,
                loader=image_loader(settings, [node.way for node in nodes if node.way]),
                events=events,
                clock=clock,
            )

    @property
    def nodes(self) -> tuple[NodeInfo, ...]:
        """What was found out about the nodes."""
        return tuple(node.info for node in self._nodes)

    def plan(self, resolution: Resolution) -> Plan:
        """Return what `bake` would do. Pure.

        Raises:
            PlanError: A platform, or a link between targets, cannot be served.
        """
        built = as_built(self._settings, resolution).targets
        targets = {name: self._with_default(target) for name, target in built.items()}
        local = Platform.parse(self._settings.machine)
        return make_plan(targets, resolution.requested, self.nodes, local)

    async def bake(
        self,
        resolution: Resolution,
        *,
        allow: Sequence[str] = (),
        policy: PublishPolicy | None = None,
    ) -> Report:
        """Build every cell, assemble every output, publish; all or nothing becomes visible.

        Targets that have a call are not built: their frontends are asked first, and the report has
        the answers.

        Args:
            resolution: What to bake.
            allow: Entitlements that are granted (``--allow``).
            policy: How to publish; the default is all at the end, and back on failure.

        Raises:
            EntitlementError: A target asks for more than was granted; nothing was built.
            PlanError: Something cannot be placed or put out; nothing was built.
            TagConflictError: A tag must not be moved; nothing was built, or nothing published.
            RunFailedError: Cells failed; nothing was published.
            PublicationError: Not every tag could be moved; `report` tells what is where.
            BakexError: Assembly or publication failed; what had become visible by then was
                announced by `Published` events.

        Cancelling stops the running steps on all nodes; before publication it leaves no trace.
        """
        ok = False
        try:
            done = await self._bake(resolution, allow, policy or PublishPolicy())
            ok = True
        finally:
            self._events.emit(RunFinished(at=self._clock.now(), ok=ok))
        return done

    async def _bake(
        self, resolution: Resolution, allow: Sequence[str], policy: PublishPolicy
    ) -> Report:
        self._admit(resolution, allow)
        local = Platform.parse(self._settings.machine)
        targets = as_built(self._settings, resolution).targets
        answers = await ask(self._nodes[0], targets, local, self._events)
        resolution = to_build(resolution)
        if answers and not resolution.requested:
            return Report(targets={}, answers=answers)
        report = await self._build(resolution, policy)
        return replace(report, answers=answers)

    async def _build(self, resolution: Resolution, policy: PublishPolicy) -> Report:
        plan = self.plan(resolution)
        self._events.emit(PlanReady(at=self._clock.now(), plan=plan))
        publisher = Publisher(
            registry=self._registry,
            policy=policy,
            records=records(self._settings),
            events=self._events,
            clock=self._clock,
            inputs=InputRecords(self._settings) if policy.immutable else None,
        )
        with tempfile.TemporaryDirectory(prefix="bakex-", dir=self._scratch()) as workspace:
            desk = RunDesk(
                registry=self._registry,
                workspace=Path(workspace),
                loader=self._loader,
                image_stores=self._image_stores(),
            )
            outputs = Outputs(plan, desk)
            check_abilities(plan, self.nodes, {str(c.id): outputs.exports(c) for c in plan.cells})
            self._warn(plan, outputs)
            await publisher.check(outputs.destinations)
            return await self._run(plan, outputs, publisher, each=policy.each)

    async def _run(
        self, plan: Plan, outputs: Outputs, publisher: Publisher, *, each: bool
    ) -> Report:
        finished: list[tuple[str, Finished]] = []
        engines: dict[NodeName, Engine] = {node.info.name: node.engine for node in self._nodes}

        async def publish(name: str, results: Mapping[CellId, CellResult]) -> None:
            done = await outputs.finish(results, [name])
            finished.extend(done)
            await publisher.publish(done)

        if each:
            watch = EachTarget(plan, publish)
            engines = {name: PublishingEngine(e, watch) for name, e in engines.items()}
        work = Work(exports=outputs.exports, link=outputs.link)
        results = await execute(plan, engines, work, self._events, self._clock)
        if each:
            return compose(plan, results, finished, publisher.publications)
        finished = await outputs.finish(results)
        try:
            await publisher.publish(finished)
        except PublicationError as error:
            error.report = compose(plan, results, finished, publisher.publications)
            raise
        return compose(plan, results, finished, publisher.publications)

    def _admit(self, resolution: Resolution, allow: Sequence[str]) -> None:
        check_buildable(resolution.targets.values())
        check(self._settings, resolution)
        asked = request(self._settings, resolution, allow=allow)
        if asked.blocking:
            raise refusal(asked.lacking)

    def _with_default(self, target: Target) -> Target:
        """Give a target without output the one that a docker user expects: its image store."""
        if target.output or not self._image_stores():
            return target
        return evolve(target, {"output": (Output(type="docker"),)})

    def _image_stores(self) -> frozenset[NodeName]:
        return frozenset(
            node.name
            for node in self.nodes
            if Feature.IMAGE_LOAD in node.features and not node.endpoint.private
        )

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
        self._events.emit(WarningRaised(at=self._clock.now(), cell=None, diagnostic=warning))

    def _scratch(self) -> Path:
        """Return a directory on the cache's disk: results may be larger than /tmp."""
        scratch = self._settings.cache / "run"
        scratch.mkdir(parents=True, exist_ok=True)
        return scratch
