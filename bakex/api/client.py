"""The client: plans and runs bakes on a set of nodes."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.api.calls import ask, to_build
from bakex.api.connect import Connector
from bakex.api.course import Course, image_stores, keeps_images
from bakex.api.definition import check
from bakex.api.desk import RunDesk
from bakex.api.history import History
from bakex.api.pinning import is_pinned
from bakex.api.privileges import request
from bakex.api.registries import Registries
from bakex.bake.entitlements import refusal
from bakex.bake.validation import check_buildable
from bakex.engines.buildkit.crossing import crosses
from bakex.errors import UsageError
from bakex.events import RunFinished
from bakex.model.attributes import evolve
from bakex.model.outputs import Output
from bakex.model.platform import Platform
from bakex.model.publication import PublishPolicy, Report
from bakex.model.running import Emulation, RunPolicy
from bakex.nodes.discovery import image_loader
from bakex.plan.order import links
from bakex.plan.planner import plan as make_plan
from bakex.registry.credentials import DockerKeychain
from bakex.run.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from bakex.api.connect import Connected
    from bakex.api.outcome import Recorder
    from bakex.bake.resolve import Resolution
    from bakex.carriers import ImageLoader
    from bakex.config import Settings
    from bakex.events import EventSink
    from bakex.interfaces import Clock, Registry
    from bakex.model.node import NodeInfo
    from bakex.model.outcome import CellOutcome
    from bakex.model.plan import Plan
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
            builder: Builders, addresses, docker contexts or ``private``; empty for the builder in
                use, or to look in the usual places.
            events: Where events go, from the choice of nodes on.

        Raises:
            NodeError: No node answers, or none was found or could be started.
            ConfigError: A setting is wrong.
        """
        clock = SystemClock()
        async with AsyncExitStack() as stack:
            keychain = DockerKeychain(settings)
            registry = Registries(keychain=keychain, settings=settings, clock=clock)
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

    def over(self, names: Sequence[str]) -> Client:
        """Return a client that builds on some of the nodes only, in this order.

        It uses the connections of this one, and ends with it.

        Raises:
            UsageError: There is no such node.
        """
        found = {str(node.info.name): node for node in self._nodes}
        for name in names:
            if name not in found:
                raise UsageError(
                    f"there is no node {name!r}", hint=f"the nodes are {', '.join(found)}"
                )
        return Client(
            settings=self._settings,
            nodes=[found[name] for name in names],
            registry=self._registry,
            loader=self._loader,
            events=self._events,
            clock=self._clock,
        )

    def plan(self, resolution: Resolution, *, emulation: Emulation = Emulation.FALLBACK) -> Plan:
        """Return what `bake` would do.

        Looks at the Dockerfiles of targets with links, and at how it went the last time. The same
        nodes, targets and history give the same plan.

        Args:
            resolution: What would be baked.
            emulation: When nodes that emulate are taken.

        Raises:
            PlanError: A platform, or a link between targets, cannot be served.
        """
        built = self._as_built(resolution)
        targets = {name: self._with_default(target) for name, target in built.items()}
        local = Platform.parse(self._settings.machine)
        crossing = [
            name
            for name, target in targets.items()
            if any(links(form) and crosses(form, self._settings.cwd) for form in target.effective())
        ]
        desk = RunDesk(
            registry=self._registry,
            workspace=Path(),
            loader=self._loader,
            image_stores=image_stores(self._nodes),
        )
        return make_plan(
            targets,
            resolution.requested,
            self.nodes,
            local,
            crossing,
            emulation=emulation,
            history=History(self._settings).read(),
            pinned=partial(is_pinned, desk=desk),
        )

    async def bake(
        self,
        resolution: Resolution,
        *,
        allow: Sequence[str] = (),
        policy: PublishPolicy | None = None,
        running: RunPolicy | None = None,
        recorder: Recorder | None = None,
        recorded: Sequence[CellOutcome] = (),
        parts: bool = False,
    ) -> Report:
        """Build every cell, assemble every output, publish; all or nothing becomes visible.

        Targets that have a call are not built: their frontends are asked first, and the report has
        the answers.

        Args:
            resolution: What to bake.
            allow: Entitlements that are granted (``--allow``).
            policy: How to publish; the default is all at the end, and back on failure.
            running: How to run the plan.
            recorder: Follows the run; the caller has entered it.
            recorded: Results of a former run: what still holds of them is not built again.
            parts: Have the nodes push their images, and leave it at that (`bakex.api.shards`).

        Raises:
            EntitlementError: A target asks for more than was granted; nothing was built.
            PlanError: Something cannot be placed or put out; nothing was built.
            TagConflictError: A tag must not be moved; nothing was built, or nothing published.
            RunFailedError: Cells failed; nothing was published.
            BlockedError: Gates failed; what they are not for was published, as `report` tells.
            PublicationError: Not every tag could be moved; `report` tells what is where.
            BakexError: Assembly or publication failed; what had become visible by then was
                announced by `Published` events.

        Cancelling stops the running steps on all nodes; before publication it leaves no trace.
        """
        history = History(self._settings)
        events = history.following(self._events)
        course = Course(
            settings=self._settings,
            nodes=self._nodes,
            registry=self._registry,
            loader=self._loader,
            events=events if recorder is None else recorder.following(events),
            clock=self._clock,
            publishing=policy or PublishPolicy(),
            running=running or RunPolicy(),
            recorder=recorder,
            recorded=recorded,
            parts=parts,
        )
        ok = False
        try:
            done = await self._bake(resolution, allow, course)
            ok = True
        finally:
            self._events.emit(RunFinished(at=self._clock.now(), ok=ok))
            await history.keep()
        return done

    async def _bake(self, resolution: Resolution, allow: Sequence[str], course: Course) -> Report:
        self._admit(resolution, allow)
        local = Platform.parse(self._settings.machine)
        targets = self._as_built(resolution)
        answers = await ask(self._nodes[0], targets, local, self._events)
        resolution = to_build(resolution)
        if answers and not resolution.requested:
            return Report(targets={}, answers=answers)
        plan = self.plan(resolution, emulation=course.running.emulation)
        report = await course.run(plan)
        return replace(report, answers=answers)

    def _admit(self, resolution: Resolution, allow: Sequence[str]) -> None:
        check_buildable(resolution.targets.values())
        check(self._settings, resolution)
        asked = request(self._settings, resolution, allow=allow)
        if asked.blocking:
            raise refusal(asked.lacking)

    def _as_built(self, resolution: Resolution) -> Mapping[str, Target]:
        if resolution.origin is None:
            return resolution.targets
        from bakex.api.remote import as_built  # noqa: PLC0415 - few definitions are remote

        return as_built(self._settings, resolution).targets

    def _with_default(self, target: Target) -> Target:
        """Give a target without output the one that a docker user expects: its image store."""
        if target.output or not any(map(keeps_images, self.nodes)):
            return target
        return evolve(target, {"output": (Output(type="docker"),)})
