"""A look at the nodes of a builder, all at once: which answer, what they build, how busy they are.

What was found is kept for a minute in the cache directory, for commands that only show it. A bake
never reads that: whether a node is there is found out by connecting to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import shutil
import socket
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bakex._util.atomic import write_file
from bakex._util.tasks import concurrently
from bakex.api.connect import Connector, docker_of, places
from bakex.api.engine import private_engine
from bakex.errors import BakexError, ConfigError, NodeError
from bakex.model.node import Speed, Wire
from bakex.model.nodestate import NodeState
from bakex.model.platform import Platform
from bakex.nodes.address import socket_path
from bakex.nodes.discovery import PRIVATE
from bakex.nodes.documents import read_object
from bakex.registry.credentials import DockerKeychain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from bakex.api.connect import Connected
    from bakex.config import Settings
    from bakex.events import EventSink
    from bakex.interfaces import Clock
    from bakex.model.node import Endpoint
    from bakex.nodes.discovery import Candidate

_T = TypeVar("_T")
KEPT: Final = timedelta(seconds=60)
_AT_ONCE: Final = 32  # nodes
_EXTRA_S: Final = 5.0  # for each question whose answer is only nice to have
_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What a docker daemon tells about its machine."""

    version: str = ""
    skew_s: float | None = None
    free: int | None = None


class Nodes:
    """Looks at nodes.

    Args:
        settings: Where nodes are, and where findings are kept.
        clock: For the age of findings, and to compare the nodes' clocks with.
        events: Gets warnings, such as that of a certificate that ends soon.
        patience_s: For how long a node is waited for; connecting alone may take a while.
    """

    def __init__(
        self, settings: Settings, *, clock: Clock, events: EventSink, patience_s: float = 20.0
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._patience_s = patience_s
        self._connector = Connector(
            settings=settings, keychain=DockerKeychain(settings), clock=clock, events=events
        )

    async def states(self, builder: str = "", *, fresh: bool = False) -> list[NodeState]:
        """Return the states of a builder's nodes, in order; one that does not answer says why.

        Without a builder, and if none is in use, these are the places where a bake would look; the
        private engine is not started.

        Args:
            builder: As ``--builder`` takes it.
            fresh: Look again, however new the last look is.

        Raises:
            ConfigError: The builder, or a file it leads to, cannot be used.
        """
        found = places(self._settings, builder)
        choices = [choice for choice in found.choices if found.named or choice.present()]
        return await self.look(choices, fresh=fresh)

    async def look(self, choices: Sequence[Candidate], *, fresh: bool = True) -> list[NodeState]:
        """Return the states of nodes, in order."""
        jobs = [partial(self._state, choice, fresh=fresh) for choice in choices]
        return await concurrently(jobs, limit=_AT_ONCE)

    async def _state(self, choice: Candidate, *, fresh: bool) -> NodeState:
        endpoint = choice.endpoint
        if endpoint is None:
            status = await private_engine(self._settings).status()
            if status.endpoint is None:
                return self._idle(choice)
            endpoint = choice.located(status.endpoint)
        file = self._settings.cache / "nodes" / f"{_key(endpoint)}.json"
        if not fresh and (kept := self._kept(file, endpoint)) is not None:
            return kept
        state = await self._looked(endpoint)
        with contextlib.suppress(OSError):  # showing it does not depend on keeping it
            file.parent.mkdir(parents=True, exist_ok=True)
            write_file(file, json.dumps(described(state)).encode(), mode=0o600)
        return state

    def _idle(self, choice: Candidate) -> NodeState:
        return NodeState(
            name=choice.name,
            address=PRIVATE,
            checked=self._clock.now(),
            asleep=True,
            terms=choice.terms,
        )

    def _kept(self, file: Path, endpoint: Endpoint) -> NodeState | None:
        try:
            state = restored(read_object(file) or {}, endpoint)
        except (BakexError, KeyError, TypeError, ValueError):
            return None
        age = self._clock.now() - state.checked
        return state if timedelta(0) <= age < KEPT else None

    async def _looked(self, endpoint: Endpoint) -> NodeState:
        blank = NodeState(
            name=endpoint.name,
            address=endpoint.address,
            checked=self._clock.now(),
            terms=endpoint.terms,
        )
        try:
            async with asyncio.timeout(self._patience_s):
                connected = await self._connector.probe(endpoint)
        except TimeoutError:
            return replace(
                blank,
                checked=self._clock.now(),
                error=f"{endpoint.address}: no answer within {self._patience_s:g} seconds",
                hint="look at the daemon, and at what is between",
            )
        except (NodeError, ConfigError) as error:
            return replace(
                blank,
                checked=self._clock.now(),
                error=error.summary,
                detail=error.detail,
                hint=error.hint,
            )
        try:
            return await self._described(blank, connected)
        finally:
            await connected.aclose()

    async def _described(self, blank: NodeState, connected: Connected) -> NodeState:
        info, keeper = connected.info, connected.keeper
        history = await _maybe(keeper.history()) if keeper else None
        usage = await _maybe(keeper.usage()) if keeper else None
        facts = await _maybe(self._facts(info.endpoint)) or _Facts()
        free = facts.free
        if info.endpoint.private:
            free = await asyncio.to_thread(_free, self._settings.cache)
        return replace(
            blank,
            checked=self._clock.now(),
            platforms=info.platforms,
            machine=info.machine,
            version=facts.version if info.endpoint.wire is Wire.DOCKER else info.version,
            features=tuple(sorted(info.features)),
            running=None if history is None else sum(r.completed is None for r in history),
            cache=None if usage is None else sum(record.size for record in usage),
            free=free,
            skew_s=facts.skew_s,
        )

    async def _facts(self, endpoint: Endpoint) -> _Facts:
        """Return what docker tells about the machine: its own, or that of a container's daemon."""
        docker = docker_of(endpoint)
        if docker is None:
            return _Facts()
        before = self._clock.now()
        found = await docker.host()
        after = self._clock.now()
        root, is_here = (
            str(found.get("DockerRootDir", "")),
            found.get("Name") == socket.gethostname(),
        )
        free = None
        # A socket may lead elsewhere; then the folder is one of another machine.
        if root and is_here and socket_path(docker.endpoint):
            free = await asyncio.to_thread(_free, Path(root))
        told = _moment(str(found.get("SystemTime", "")))
        middle = before + (after - before) / 2
        return _Facts(
            version=f"docker {found.get('ServerVersion', '')}".strip(),
            skew_s=(told - middle).total_seconds() if told else None,
            free=free,
        )


def described(state: NodeState) -> dict[str, Any]:
    """Return a state as a JSON object; docs/builders.md explains the keys."""
    terms = state.terms
    return {
        "name": state.name,
        "address": state.address,
        "checked": state.checked.isoformat(),
        "status": state.status,
        "error": {"summary": state.error, "detail": state.detail, "hint": state.hint}
        if state.error
        else None,
        "version": state.version,
        "machine": str(state.machine) if state.machine else None,
        "platforms": [
            {"platform": str(platform), "runs": runs}
            for runs, group in (
                ("native", state.native),
                ("compatible", state.compatible),
                ("emulated", state.emulated),
            )
            for platform in group
        ],
        "features": list(state.features),
        "running": state.running,
        "cache": state.cache,
        "free": state.free,
        "skew": state.skew_s,
        "labels": dict(terms.labels),
        "maxJobs": terms.max_jobs,
        "weight": terms.weight,
        "only": [str(platform) for platform in terms.only],
    }


def restored(document: Mapping[str, Any], endpoint: Endpoint) -> NodeState:
    """Return the state that was described.

    Raises:
        BakexError, KeyError, TypeError, ValueError: It is not such a description.
    """
    error: Mapping[str, str] = document["error"] or {}
    machine = document["machine"]
    return NodeState(
        name=endpoint.name,
        address=endpoint.address,
        terms=endpoint.terms,
        checked=datetime.fromisoformat(document["checked"]),
        error=error.get("summary", ""),
        detail=error.get("detail", ""),
        hint=error.get("hint", ""),
        version=document["version"],
        machine=Platform.parse(machine) if machine else None,
        platforms={
            Platform.parse(item["platform"]): Speed.EMULATED
            if item["runs"] == "emulated"
            else Speed.NATIVE
            for item in document["platforms"]
        },
        features=tuple(document["features"]),
        running=document["running"],
        cache=document["cache"],
        free=document["free"],
        skew_s=document["skew"],
    )


def _key(endpoint: Endpoint) -> str:
    """Return what stands for all that decides how a node is reached and used."""
    plain = json.dumps([_VERSION, asdict(endpoint)], default=str, sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:32]


async def _maybe(answer: Awaitable[_T]) -> _T | None:
    """Return an answer, or nothing if there is none in time."""
    try:
        async with asyncio.timeout(_EXTRA_S):
            return await answer
    except (BakexError, TimeoutError):
        return None


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _moment(text: str) -> datetime | None:
    # Go writes nanoseconds, of which Python 3.11 takes as many as it knows.
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
