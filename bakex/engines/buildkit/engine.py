"""The engine: cells in, results out, on one BuildKit daemon."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from bakex.engines.buildkit import exports as export
from bakex.engines.buildkit.client import Control, new_ref
from bakex.engines.buildkit.frontend import compose
from bakex.engines.buildkit.housekeeping import Housekeeping
from bakex.engines.buildkit.job import Job, perform
from bakex.engines.buildkit.keeping import Keeping, bases, built_on, contexts
from bakex.engines.buildkit.precedents import Precedents
from bakex.engines.buildkit.probe import probe
from bakex.engines.buildkit.pushes import Pushes
from bakex.engines.buildkit.reads import Reads
from bakex.engines.buildkit.sessions import Offer, Sessions
from bakex.engines.buildkit.status import StatusFold
from bakex.engines.buildkit.transport import Connection
from bakex.interfaces import TokenSource
from bakex.model.result import CellResult, PushImage
from bakex.session.auth import Auth
from bakex.session.content import Content, ContentStore
from bakex.session.filesync.source import FileSync
from bakex.session.health import Health
from bakex.session.secrets import Secrets, secret_source
from bakex.session.ssh import SshForward, agent_source
from bakex.session.upload import Upload

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from bakex.building import KeptResult, LinkedContent
    from bakex.carriers import Dialer, ImageArchives
    from bakex.config import Settings
    from bakex.engines.buildkit.classic import ClassicStore
    from bakex.engines.buildkit.graphs import Graph
    from bakex.engines.buildkit.recipe import Recipe
    from bakex.engines.buildkit.registries import Names
    from bakex.events import EventSink
    from bakex.interfaces import Clock, Keychain, Registry
    from bakex.model.call import Answer, Call
    from bakex.model.descriptor import Descriptor
    from bakex.model.node import Endpoint, NodeInfo
    from bakex.model.plan import Cell, CellId
    from bakex.model.result import ExportRequest
    from bakex.session.attachable import Attachable


_EXPORTING = "exporting "  # how the names of steps begin that each solve has anew


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """What came of a solve.

    Attributes:
        told: Digests of the steps that were told of by then, without those of the export.
    """

    ref: str = ""
    response: Mapping[str, str] = field(default_factory=dict[str, str])
    image: Descriptor | None = None
    told: frozenset[str] = frozenset()


class BuildkitEngine:
    """Builds on a BuildKit daemon: buildkitd, or the one in dockerd (`bakex.building.Engine`).

    Opens nothing before the first call. One connection carries all control calls; sessions have
    their own and are shared among concurrent builds (see `sessions.py`).

    Attributes:
        reads: What its builds have read of local directories.
    """

    def __init__(
        self,
        dialer: Dialer,
        *,
        keychain: Keychain,
        settings: Settings,
        clock: Clock,
        archives: ImageArchives | None = None,
        registry: Registry | None = None,
    ) -> None:
        """Take what is needed to reach the daemon and to serve it.

        Args:
            dialer: Opens connections to the daemon.
            keychain: Credentials that the daemon may ask for.
            settings: Environment and working directory of the builds.
            clock: Dates the events.
            archives: The image store of a dockerd, for those that hand over images in no other way.
            registry: For what has to be pushed from here, because the daemon cannot, for tokens
                with which the daemon pulls and pushes, and to see what need not be pushed.
        """
        self._dialer = dialer
        self._keychain = keychain
        self._settings = settings
        self._clock = clock
        self._connection = Connection(dialer)
        self._control = Control(self._connection)
        self._sessions = Sessions(dialer, _user(settings), self._attachables)
        self._pushes = Pushes(clock)
        self._precedents = Precedents(self.housekeeping, registry)
        self._archives = archives
        self._registry = registry
        self._tokens = _token_source(registry)
        self._seed = secrets.token_bytes(32)
        self.reads = Reads()
        self._info: NodeInfo | None = None
        self._probing = asyncio.Lock()

    @property
    def endpoint(self) -> Endpoint:
        """Where the daemon is."""
        return self._dialer.endpoint

    @property
    def housekeeping(self) -> Housekeeping:
        """The daemon's build cache and build history."""
        return Housekeeping(self._connection, self._clock)

    async def probe(self) -> NodeInfo:
        """Ask the daemon what it is and can do.

        Raises:
            NodeError: It does not answer, or is no BuildKit.
        """
        self._info = await probe(self._control, self.endpoint)
        return self._info

    async def build(
        self,
        cell: Cell,
        exports: Sequence[ExportRequest],
        inputs: Mapping[str, LinkedContent | KeptResult],
        events: EventSink,
    ) -> CellResult:
        """Build one cell (`bakex.building.Engine.build`).

        Raises:
            BuildError: The build ran and failed.
            NodeError: The node was lost, or lacks something that is needed.
            RegistryError: The daemon could not read from or push to a registry.
            UnsupportedAttributeError: The target asks for something that cannot be done here.
        """
        return await self._build(cell, exports, inputs, events, None)

    @asynccontextmanager
    async def keep(
        self,
        cell: Cell,
        exports: Sequence[ExportRequest],
        inputs: Mapping[str, LinkedContent | KeptResult],
        events: EventSink,
    ) -> AsyncGenerator[KeptResult]:
        """Build one cell and keep its result (`bakex.building.Engine.keep`)."""
        async with AsyncExitStack() as resources:
            keeping = Keeping(self._control, self._connection, cell.platform, resources)
            result = await self._build(cell, exports, inputs, events, keeping)
            yield keeping.kept(result)

    async def _build(
        self,
        cell: Cell,
        exports: Sequence[ExportRequest],
        inputs: Mapping[str, LinkedContent | KeptResult],
        events: EventSink,
        keeping: Keeping | None,
    ) -> CellResult:
        info = await self._known()
        below = bases(inputs, self._connection).values()
        recipe = await asyncio.to_thread(compose, cell, info, self._settings, contexts(inputs))
        recipe = built_on(recipe, below)
        self.reads.offer(cell.id, recipe.dirs)
        told = frozenset[str]().union(*(base.told for base in below))
        found: list[Descriptor | None] = [None] * len(exports)
        response: Mapping[str, str] = {}
        ref = ""
        first = True
        for round_ in export.rounds(cell, exports, info):
            job = Job(
                cell=cell,
                recipe=recipe,
                round=round_,
                info=info,
                ref="",
                first=first,
                request=exports[round_.image] if round_.image >= 0 else None,
                keeping=keeping,
            )
            done = await self._solve(job, told, events)
            ref, response = done.ref, done.response
            if done.image is not None:
                found[round_.image] = done.image
            first = False
        return CellResult(
            cell=cell.id,
            exports=tuple(found),
            metadata=export.metadata(response),
            ref=f"{self._settings.builder or 'default'}/{self.endpoint.name}/{ref}",
        )

    async def _solve(self, job: Job, told: frozenset[str], events: EventSink) -> _Done:
        """Run a round; push its image, if that is what it is for, only if it is not there yet."""
        request, platform = job.request, job.cell.platform
        known = await self._precedents.known(request, job.recipe, job.round, platform)
        done = _Done()
        if known:
            trial = replace(job, round=export.withheld(job.round))

            async def make() -> Descriptor | None:
                nonlocal done, job, trial
                done = await self._attempt(trial, told | done.told, events, 0)
                image = export.only_image(job.round)
                job = replace(job, round=image, first=False, keeping=None)
                trial = replace(job, round=export.withheld(job.round))
                return done.image

            precedent = await self._precedents.find(known, make)
            if precedent is not None:
                return replace(done, image=precedent.root)
        attempt = partial(self._attempt, job, told | done.told, events)
        return await self._pushes.run(_repositories(request), attempt)

    async def call(
        self, cell: Cell, call: Call, others: Mapping[CellId, Cell], events: EventSink
    ) -> Answer:
        """Ask the frontend of a cell (`bakex.building.Asker.call`).

        Raises:
            BuildError: The frontend failed, or has no such method.
            NodeError: The node was lost.
            UnsupportedAttributeError: The target asks for something that cannot be done here.
        """
        info = await self._known()

        async def composed(one: Cell, graphs: Mapping[str, Graph]) -> Recipe:
            recipe = await asyncio.to_thread(compose, one, info, self._settings, graphs)
            return replace(recipe, exports=())

        from bakex.engines.buildkit.questions import Questions  # noqa: PLC0415 - for calls only

        questions = Questions(
            control=self._control,
            connection=self._connection,
            sessions=self._sessions,
            endpoint=self.endpoint,
            compose=composed,
            fold=lambda one, recipe: self._fold(one, recipe, events),
            others=others,
        )
        return await questions.ask(cell, call)

    async def _known(self) -> NodeInfo:
        async with self._probing:
            return self._info or await self.probe()

    def _classic(self) -> ClassicStore | None:
        if self._archives is None:
            return None
        from bakex.engines.buildkit.classic import ClassicStore  # noqa: PLC0415 - start-up budget

        return ClassicStore(self._archives, self._registry, self._settings.cache / "run")

    def _fold(
        self, cell: Cell, recipe: Recipe, events: EventSink, told: frozenset[str] = frozenset()
    ) -> StatusFold:
        return StatusFold(
            cell.id,
            dockerfile=recipe.dockerfile,
            clock=self._clock,
            events=events,
            told=told,
            runs=recipe.runs,
        )

    async def _attempt(
        self, job: Job, told: frozenset[str], events: EventSink, tries: int
    ) -> _Done:
        # What is repeated is the push: steps that may not use the cache have run by then.
        repeated = tries > 0 and "no-cache" in job.recipe.attrs
        job = replace(job, ref=new_ref(), first=job.first and not repeated)
        if job.keeping is not None and job.keeping.is_done:
            told |= job.keeping.told
            job = replace(job, keeping=None)
        fold = self._fold(job.cell, job.recipe, events, told)
        classic = self._classic() if job.round.passing else None
        response, image = await perform(job, self._control, self._sessions, fold, classic)
        told = frozenset(s for s in fold.steps if not fold.name(s).startswith(_EXPORTING))
        return _Done(ref=job.ref, response=response, image=image, told=told)

    async def aclose(self) -> None:
        """Drop the connections; safe to repeat. Builds that still run fail."""
        await self._sessions.aclose()
        self._connection.close()

    def _attachables(self, offer: Offer, names: Names) -> list[Attachable]:
        settings = self._settings
        values = {
            name: secret_source(secret, environ=settings.environ, cwd=settings.cwd)
            for name, secret in offer.secrets.items()
        }
        agents = {
            name: agent_source(ssh, environ=settings.environ, cwd=settings.cwd)
            for name, ssh in offer.ssh.items()
        }
        stores = {
            name: ContentStore(directory, writable)
            for name, (directory, writable) in offer.stores.items()
        }
        return [
            Health(),
            FileSync(offer.dirs, self.reads),
            Secrets(values),
            SshForward(agents),
            Upload(offer.uploads),
            Auth(
                self._keychain,
                clock=self._clock,
                seed=self._seed,
                named=names.has,
                tokens=self._tokens,
            ),
            Content(stores),
            *offer.files,
        ]


def _token_source(registry: object) -> TokenSource | None:
    return registry if isinstance(registry, TokenSource) else None


def _user(settings: Settings) -> str:
    """Return what tells this user on this machine from others, without telling who it is."""
    parts = (socket.gethostname(), str(os.getuid()), str(settings.state))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _repositories(request: ExportRequest | None) -> tuple[str, ...]:
    return request.repositories if isinstance(request, PushImage) else ()
