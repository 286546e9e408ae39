"""The engine: cells in, results out, on one BuildKit daemon."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bakex.engines.buildkit import exports as export
from bakex.engines.buildkit.client import Control, new_ref
from bakex.engines.buildkit.frontend import compose
from bakex.engines.buildkit.job import Job, perform
from bakex.engines.buildkit.probe import probe
from bakex.engines.buildkit.pushes import Pushes
from bakex.engines.buildkit.sessions import Offer, Sessions
from bakex.engines.buildkit.status import StatusFold
from bakex.engines.buildkit.transport import Connection
from bakex.model.result import CellResult, PushImage
from bakex.session.auth import Auth
from bakex.session.content import Content, ContentStore
from bakex.session.filesync.source import FileSync
from bakex.session.health import Health
from bakex.session.secrets import Secrets, secret_source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.config import Settings
    from bakex.engines.buildkit.exports import Round
    from bakex.events import EventSink
    from bakex.interfaces import Clock, Dialer, Keychain, LinkedContent
    from bakex.model.descriptor import Descriptor
    from bakex.model.node import Endpoint, NodeInfo
    from bakex.model.plan import Cell
    from bakex.model.result import ExportRequest
    from bakex.session.attachable import Attachable

    # A ref, and what `perform` returns.
    _Done = tuple[str, tuple[dict[str, str], Descriptor | None]]


class BuildkitEngine:
    """Builds on a BuildKit daemon: buildkitd, or the one in dockerd (`bakex.interfaces.Engine`).

    Opens nothing before the first call. One connection carries all control calls; sessions have
    their own and are shared among concurrent builds (see `sessions.py`).
    """

    def __init__(
        self, dialer: Dialer, *, keychain: Keychain, settings: Settings, clock: Clock
    ) -> None:
        """Take what is needed to reach the daemon and to serve it.

        Args:
            dialer: Opens connections to the daemon.
            keychain: Credentials that the daemon may ask for.
            settings: Environment and working directory of the builds.
            clock: Dates the events.
        """
        self._dialer = dialer
        self._keychain = keychain
        self._settings = settings
        self._clock = clock
        self._connection = Connection(dialer)
        self._control = Control(self._connection)
        self._sessions = Sessions(dialer, _user(settings), self._attachables)
        self._pushes = Pushes(clock)
        self._info: NodeInfo | None = None
        self._probing = asyncio.Lock()

    @property
    def endpoint(self) -> Endpoint:
        """Where the daemon is."""
        return self._dialer.endpoint

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
        inputs: Mapping[str, LinkedContent],
        events: EventSink,
    ) -> CellResult:
        """Build one cell (`bakex.interfaces.Engine.build`).

        Raises:
            BuildError: The build ran and failed.
            NodeError: The node was lost, or lacks something that is needed.
            RegistryError: The daemon could not read from or push to a registry.
            UnsupportedAttributeError: The target asks for something that cannot be done here.
        """
        async with self._probing:
            info = self._info or await self.probe()
        recipe = await asyncio.to_thread(compose, cell, info, self._settings, inputs)
        found: list[Descriptor | None] = [None] * len(exports)
        response: Mapping[str, str] = {}
        ref = ""
        for number, round_ in enumerate(export.rounds(cell, exports, info)):
            job = Job(cell=cell, recipe=recipe, round=round_, info=info, ref="", first=number == 0)
            attempt = partial(self._attempt, job, events)
            ref, (response, image) = await self._pushes.run(_repositories(exports, round_), attempt)
            if image is not None:
                found[round_.image] = image
        return CellResult(
            cell=cell.id,
            exports=tuple(found),
            metadata=export.metadata(response),
            ref=f"{self._settings.builder or 'default'}/{self.endpoint.name}/{ref}",
        )

    async def _attempt(self, job: Job, events: EventSink, tries: int) -> _Done:
        # What is repeated is the push: steps that may not use the cache have run by then.
        repeated = tries > 0 and "no-cache" in job.recipe.attrs
        job = replace(job, ref=new_ref(), first=job.first and not repeated)
        fold = StatusFold(
            job.cell.id, dockerfile=job.recipe.dockerfile, clock=self._clock, events=events
        )
        return job.ref, await perform(job, self._control, self._sessions, fold)

    async def aclose(self) -> None:
        """Drop the connections; safe to repeat. Builds that still run fail."""
        await self._sessions.aclose()
        self._connection.close()

    def _attachables(self, offer: Offer) -> list[Attachable]:
        settings = self._settings
        secrets = {
            name: secret_source(secret, environ=settings.environ, cwd=settings.cwd)
            for name, secret in offer.secrets.items()
        }
        stores = {
            name: ContentStore(directory, writable)
            for name, (directory, writable) in offer.stores.items()
        }
        return [
            Health(),
            FileSync(offer.dirs),
            Secrets(secrets),
            Auth(self._keychain),
            Content(stores),
            *offer.files,
        ]


def _user(settings: Settings) -> str:
    """Return what tells this user on this machine from others, without telling who it is."""
    parts = (socket.gethostname(), str(os.getuid()), str(settings.state))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _repositories(exports: Sequence[ExportRequest], round_: Round) -> tuple[str, ...]:
    request = exports[round_.image] if round_.image >= 0 else None
    return request.repositories if isinstance(request, PushImage) else ()
