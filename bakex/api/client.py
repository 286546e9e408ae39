"""The client: plans and runs bakes on a set of nodes."""

from __future__ import annotations

import os
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.api.connect import Connector
from bakex.api.desk import RunDesk
from bakex.api.outputs import Outputs, publish
from bakex.api.report import compose
from bakex.bake.checks import check_inputs
from bakex.bake.entitlements import Grant, missing, refusal
from bakex.diagnostics import Diagnostic
from bakex.events import PlanReady, RunFinished, WarningRaised
from bakex.model.attributes import evolve
from bakex.model.node import Feature
from bakex.model.outputs import Output
from bakex.model.platform import Platform
from bakex.nodes.discovery import image_loader
from bakex.plan.planner import plan as make_plan
from bakex.registry.client import RegistryClient
from bakex.registry.credentials import DockerKeychain
from bakex.run.clock import SystemClock
from bakex.run.executor import Work, execute

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from bakex.api.connect import Connected
    from bakex.bake.resolve import Resolution
    from bakex.config import Settings
    from bakex.events import EventSink
    from bakex.interfaces import Clock, ImageLoader, Registry
    from bakex.model.node import NodeInfo, NodeName
    from bakex.model.plan import Plan
    from bakex.model.publication import Report
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
            connector = Connector(settings=settings, keychain=keychain, clock=clock, events=events)
            nodes = await connector.connect(builder or settings.builder)
            for node in nodes:
                stack.push_async_callback(node.engine.aclose)
            registry = RegistryClient(keychain=keychain, settings=settings, clock=clock)
            stack.push_async_callback(registry.aclose)
            yield cls(
                settings=settings,
                nodes=nodes,
                registry=registry,
                loader=image_loader(settings, [node.info.endpoint for node in nodes]),
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
        targets = {name: self._with_default(t) for name, t in resolution.targets.items()}
        local = Platform.parse(self._settings.machine)
        return make_plan(targets, resolution.requested, self.nodes, local)

    async def bake(self, resolution: Resolution, *, allow: Sequence[str] = ()) -> Report:
        """Build every cell, assemble every output, publish; all or nothing becomes visible.

        Args:
            resolution: What to bake.
            allow: Entitlements that are granted (``--allow``).

        Raises:
            EntitlementError: A target asks for more than was granted; nothing was built.
            PlanError: Something cannot be placed or put out; nothing was built.
            RunFailedError: Cells failed; nothing was published.
            BakexError: Assembly or publication failed; what had become visible by then was
                announced by `Published` events.

        Cancelling stops the running steps on all nodes; before publication it leaves no trace.
        """
        ok = False
        try:
            done = await self._bake(resolution, allow)
            ok = True
        finally:
            self._events.emit(RunFinished(at=self._clock.now(), ok=ok))
        return done

    async def _bake(self, resolution: Resolution, allow: Sequence[str]) -> Report:
        self._admit(resolution, allow)
        plan = self.plan(resolution)
        self._events.emit(PlanReady(at=self._clock.now(), plan=plan))
        self._warn_of_no_output(plan)
        with tempfile.TemporaryDirectory(prefix="bakex-", dir=self._scratch()) as workspace:
            desk = RunDesk(
                registry=self._registry,
                workspace=Path(workspace),
                loader=self._loader,
                image_stores=self._image_stores(),
            )
            outputs = Outputs(plan, desk)
            engines = {node.info.name: node.engine for node in self._nodes}
            work = Work(exports=outputs.exports, link=outputs.link)
            results = await execute(plan, engines, work, self._events, self._clock)
            finished = await outputs.finish(results)
            publications = await publish(finished, self._events, self._clock)
            return compose(plan, results, finished, publications)

    def _admit(self, resolution: Resolution, allow: Sequence[str]) -> None:
        cwd, environ = self._settings.cwd, self._settings.environ
        check_inputs(resolution.targets.values(), cwd=cwd, environ=environ)
        grant = Grant.parse(allow)
        lacking = missing(
            resolution.targets.values(), grant, cwd=cwd, resolve_path=os.path.realpath
        )
        if lacking:
            raise refusal(lacking)

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

    def _warn_of_no_output(self, plan: Plan) -> None:
        names = [name for name in plan.requested if not plan.of(name)[0].target.output]
        if names:
            warning = Diagnostic(
                code="BX3100",
                severity="warning",
                summary=f"no output for {', '.join(names)}: the result stays in the build cache",
                hint="use --push to push it, --load to load it into docker, or --output",
            )
            self._events.emit(WarningRaised(at=self._clock.now(), cell=None, diagnostic=warning))

    def _scratch(self) -> Path:
        """Return a directory on the cache's disk: results may be larger than /tmp."""
        scratch = self._settings.cache / "run"
        scratch.mkdir(parents=True, exist_ok=True)
        return scratch
