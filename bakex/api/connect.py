"""Finding the nodes of a run: candidates are probed, and the ones that answer take part.

* Nodes that were named (``--builder``, an environment variable, a docker context) must all answer.
* Without a name the usual places are tried in order; one that does not answer is passed over, and
  that is said. The last resort is bakex's own private engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.api.engine import private_engine
from bakex.engines.buildkit.engine import BuildkitEngine
from bakex.errors import NodeError
from bakex.events import NodeChosen, WarningRaised
from bakex.nodes.dialers import dialer
from bakex.nodes.discovery import Candidate, candidates, docker_images
from bakex.nodes.launcher import SystemLauncher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.carriers import Way
    from bakex.config import Settings
    from bakex.engines.buildkit.housekeeping import Housekeeping
    from bakex.events import EventSink
    from bakex.interfaces import Clock, Engine, Keychain, Registry
    from bakex.model.node import Endpoint, NodeInfo

_AT_ONCE = 32  # nodes probed at the same time


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
        """Return the nodes of a builder, in order.

        Raises:
            NodeError: A named node does not answer, or nothing can be found or started.
            ConfigError: The name, or a file it leads to, cannot be used.
        """
        found = candidates(self._settings, builder)
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
        return await concurrently([partial(self._open, c) for c in choices], limit=_AT_ONCE)

    async def _open(self, candidate: Candidate) -> Connected:
        endpoint = candidate.endpoint or await private_engine(self._settings).start()
        connected = await self._probe(endpoint)
        self._chosen(connected, "")
        return connected

    async def _try(self, candidate: Candidate, notes: list[str]) -> Connected | None:
        endpoint = candidate.endpoint
        if endpoint is None:
            # The last candidate: what goes wrong here is the error to show, with its remedy.
            endpoint = await private_engine(self._settings).start()
        elif not candidate.present():
            return None
        try:
            connected = await self._probe(endpoint)
        except NodeError as error:
            notes.append(f"{endpoint.address}: {error.summary}")
            return None
        self._chosen(connected, "; ".join(notes))
        return connected

    async def _probe(self, endpoint: Endpoint) -> Connected:
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
            info = await self._ask(engine, way)
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
