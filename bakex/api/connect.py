"""Finding the nodes of a run: candidates are probed, and the ones that answer take part.

* Of nodes that were named (``--builder``, an environment variable, ``bakex builder use``, a docker
  context) those that do not answer are left out with a warning; one at least has to answer.
* Without a name the usual places are tried in order; one that does not answer is passed over, and
  that is said. The last resort is bakex's own private engine.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.api.builders import Builders
from bakex.api.engine import private_engine
from bakex.diagnostics import Diagnostic
from bakex.engines.buildkit.engine import BuildkitEngine
from bakex.errors import NodeError
from bakex.events import NodeChosen, WarningRaised
from bakex.model.node import Wire
from bakex.nodes.dialers import dialer
from bakex.nodes.discovery import candidates, docker_images
from bakex.nodes.launcher import SystemLauncher
from bakex.plan.matching import speed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.building import Engine
    from bakex.carriers import Launcher, Way
    from bakex.config import Settings
    from bakex.engines.buildkit.housekeeping import Housekeeping
    from bakex.events import EventSink
    from bakex.interfaces import Clock, Keychain, Registry
    from bakex.model.node import Endpoint, NodeInfo
    from bakex.nodes.discovery import Candidate, Candidates
    from bakex.nodes.docker_images import DockerImages

_AT_ONCE = 32  # nodes probed at the same time
_EXTRA_S = 2.0  # for a question whose answer is only nice to have


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A node that answered: the engine that drives it, how it is reached, what it keeps."""

    info: NodeInfo
    engine: Engine
    way: Way | None = None
    keeper: Housekeeping | None = None

    async def aclose(self) -> None:
        """Drop the engine's connections, then what carried them; safe to repeat."""
        await self.engine.aclose()
        if self.way is not None:
            await self.way.aclose()


class Connector:
    """Opens engines for endpoints; knows what all of them share."""

    def __init__(
        self,
        *,
        settings: Settings,
        keychain: Keychain,
        clock: Clock,
        events: EventSink,
        registry: Registry | None = None,
    ) -> None:
        self._settings = settings
        self._keychain = keychain
        self._clock = clock
        self._events = events
        self._registry = registry
        self._launcher = SystemLauncher(settings.environ)

    async def connect(self, builder: str) -> list[Connected]:
        """Return the nodes of a builder that answer, in order.

        Raises:
            NodeError: No node that was named answers, or nothing can be found or started.
            ConfigError: The name, or a file it leads to, cannot be used.

        When this fails or is cancelled, nothing stays connected.
        """
        found = places(self._settings, builder)
        if found.named:
            return await self._all(found.choices)
        notes: list[str] = []
        for candidate in found.choices:
            connected = await self._try(candidate, notes)
            if connected is not None:
                return [connected]
        raise NodeError(
            "no BuildKit was found, and none could be started",
            detail="\n".join(notes),
            hint="start docker, set DOCKER_HOST or BUILDKIT_HOST, or run bakex engine start",
        )

    async def _all(self, choices: Sequence[Candidate]) -> list[Connected]:
        async with AsyncExitStack() as opened:

            async def attempt(candidate: Candidate) -> Connected | NodeError:
                try:
                    connected = await self.probe(await self._endpoint(candidate))
                except NodeError as error:
                    return error
                opened.push_async_callback(connected.aclose)
                self._chosen(connected, "")
                return await self._counted(connected) if len(choices) > 1 else connected

            jobs = [partial(attempt, choice) for choice in choices]
            outcomes = await concurrently(jobs, limit=_AT_ONCE)
            failures = [
                (choice, outcome)
                for choice, outcome in zip(choices, outcomes, strict=True)
                if isinstance(outcome, NodeError)
            ]
            if len(failures) == len(choices):
                raise _none_answers(failures)
            for choice, error in failures:
                self._left_out(choice, error)
            opened.pop_all()
        return [outcome for outcome in outcomes if isinstance(outcome, Connected)]

    async def _endpoint(self, candidate: Candidate) -> Endpoint:
        if candidate.endpoint is not None:
            return candidate.endpoint
        return candidate.located(await private_engine(self._settings).start())

    async def _try(self, candidate: Candidate, notes: list[str]) -> Connected | None:
        if not candidate.present():
            return None
        # The private engine is the last candidate: what goes wrong when it starts is the error to
        # show, with its remedy.
        endpoint = await self._endpoint(candidate)
        try:
            connected = await self.probe(endpoint)
        except NodeError as error:
            notes.append(f"{endpoint.address}: {error.summary}")
            return None
        self._chosen(connected, "; ".join(notes))
        return connected

    async def probe(self, endpoint: Endpoint) -> Connected:
        """Connect to one node and ask what it is.

        Raises:
            NodeError: It does not answer, is no BuildKit, or builds nothing that it is used for.

        When this fails or is cancelled, nothing stays connected.
        """
        way = dialer(endpoint, self._launcher, key=f"{self._settings.home}\0{self._settings.cwd}")
        engine = BuildkitEngine(
            way,
            keychain=self._keychain,
            settings=self._settings,
            clock=self._clock,
            archives=docker_images(way),
            registry=self._registry,
        )
        try:
            info = _used(await self._ask(engine, way))
            connected = Connected(info=info, engine=engine, way=way, keeper=engine.housekeeping)
        except BaseException:
            await engine.aclose()
            await way.aclose()
            raise
        for warning in way.warnings(self._clock.now()):
            self._events.emit(WarningRaised(at=self._clock.now(), cell=None, diagnostic=warning))
        return connected

    async def _ask(self, engine: Engine, way: Way) -> NodeInfo:
        try:
            return await engine.probe()
        except NodeError as error:
            # Whatever carries the stream may know better why it ended.
            raise await way.explain(self._clock.now()) or error from None

    async def _counted(self, connected: Connected) -> Connected:
        """Return a node with the number of its processors, if docker tells it."""
        docker = docker_of(connected.info.endpoint, self._launcher)
        if docker is None:
            return connected
        try:
            async with asyncio.timeout(_EXTRA_S):
                found = (await docker.host()).get("NCPU")
        except (NodeError, TimeoutError):  # the planner does without
            return connected
        count = found if isinstance(found, int) else 0
        return replace(connected, info=replace(connected.info, processors=max(count, 0)))

    def _left_out(self, candidate: Candidate, error: NodeError) -> None:
        warning = Diagnostic(
            code="BX3511",
            severity="warning",
            summary=f"the node {candidate.name} is left out: {error.summary}",
            detail=error.detail,
            hint=error.hint,
        )
        self._events.emit(WarningRaised(at=self._clock.now(), cell=None, diagnostic=warning))

    def _chosen(self, connected: Connected, note: str) -> None:
        endpoint = connected.info.endpoint
        self._events.emit(
            NodeChosen(
                at=self._clock.now(),
                node=endpoint.name,
                address=endpoint.address,
                reason=endpoint.origin,
                note=note,
            )
        )


def places(settings: Settings, builder: str) -> Candidates:
    """Return where the nodes of a builder are; of the one in use if none is named.

    Args:
        settings: The environment's and docker's settings; bakex's own files of builders.
        builder: What was asked for; empty for what was chosen, or for the usual places.

    Raises:
        ConfigError: The name, or a file it leads to, cannot be used.
    """
    builders, origin = Builders(settings), ""
    if not builder.strip() and not settings.buildkit_host:
        builder = builders.current()
        origin = "bakex builder use" if builder else ""
    return candidates(settings, builder, declared=builders.declared, origin=origin)


def docker_of(endpoint: Endpoint, launcher: Launcher | None = None) -> DockerImages | None:
    """Return the docker daemon that knows a node's machine; None if there is none.

    That is the node itself, or the daemon that runs its container.
    """
    docker = endpoint if endpoint.wire is Wire.DOCKER else endpoint.via
    if docker is None:
        return None
    from bakex.nodes.docker_images import DockerImages  # noqa: PLC0415 - start-up budget

    return DockerImages(dialer(docker, launcher), shared=False)


def _used(info: NodeInfo) -> NodeInfo:
    """Return a node with those of its platforms only that it is used for."""
    only = info.terms.only
    if not only:
        return info
    platforms = {platform: how for platform in only if (how := speed(info, platform)) is not None}
    if not platforms:
        raise NodeError(
            f"{info.name} builds none of the platforms that it is used for",
            detail=f"It is used for {', '.join(map(str, only))} and builds"
            f" {', '.join(map(str, info.platforms))}.",
            hint="change its platforms, or install an emulator there",
        )
    return replace(info, platforms=platforms)


def _none_answers(failures: Sequence[tuple[Candidate, NodeError]]) -> NodeError:
    if len(failures) == 1:
        return failures[0][1]
    return NodeError(
        f"none of the {len(failures)} nodes can be used",
        detail="\n".join(f"{candidate.name}: {error.summary}" for candidate, error in failures),
        hint="start one of them, or name another builder",
    )
