"""The sessions of one daemon, shared among the builds that can share them.

The daemon transfers a directory once per session, however many builds read it. So builds whose
sessions would serve the same things use one, as long as one of them runs. Builds that get files
back cannot: the daemon numbers their exporters from zero in each build.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.engines.buildkit.registries import Names
from bakex.engines.buildkit.transport import WireChannel, translated
from bakex.model.node import Wire
from bakex.session import tunnel
from bakex.session.session import CLOSE_S, Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Hashable, Mapping, Sequence

    from bakex.carriers import Dialer
    from bakex.engines.buildkit.recipe import Recipe
    from bakex.model.secrets import Secret
    from bakex.model.ssh import Ssh
    from bakex.session.attachable import Attachable
    from bakex.session.filesync.tree import LocalDir


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a session serves.

    Attributes:
        dirs: Local directories by name.
        stores: OCI layout directories by store id, and whether the daemon may write there.
        secrets: Secrets by id.
        ssh: SSH agents by id.
        uploads: Files by id.
        registries: Hosts whose credentials the daemon may have; None for any. Builds that share a
            session share these.
        files: Further services that belong to one build alone; such a session is not shared.
    """

    dirs: Mapping[str, LocalDir] = field(default_factory=dict[str, "LocalDir"])
    stores: Mapping[str, tuple[Path, bool]] = field(default_factory=dict[str, tuple[Path, bool]])
    secrets: Mapping[str, Secret] = field(default_factory=dict[str, "Secret"])
    ssh: Mapping[str, Ssh] = field(default_factory=dict[str, "Ssh"])
    uploads: Mapping[str, Path] = field(default_factory=dict[str, Path])
    registries: frozenset[str] | None = frozenset()
    files: Sequence[Attachable] = ()

    @classmethod
    def of(cls, recipe: Recipe) -> Offer:
        """Return what a recipe's build reads."""
        stores = {f"oci:{name}": (path, False) for name, path in recipe.layouts.items()}
        return cls(
            dirs=recipe.dirs,
            stores=stores,
            secrets=recipe.secrets,
            ssh=recipe.ssh,
            uploads=recipe.uploads,
            registries=recipe.registries,
        )

    @property
    def key(self) -> Hashable:
        """Equal for offers that one session can serve."""
        if self.files:
            return id(self)
        dirs = tuple(sorted((name, _identity(value)) for name, value in self.dirs.items()))
        stores = tuple(sorted((name, str(path)) for name, (path, _) in self.stores.items()))
        secrets = tuple(sorted((name, item.src, item.env) for name, item in self.secrets.items()))
        ssh = tuple(sorted((name, item.paths) for name, item in self.ssh.items()))
        return dirs, stores, secrets, ssh, tuple(sorted(self.uploads))

    @property
    def shared_key(self) -> str:
        """The name of the main context's directory, or of the only one; empty without one."""
        only = next(iter(self.dirs.values())) if len(self.dirs) == 1 else None
        context = self.dirs.get("context", only)
        return context.resolve().name if isinstance(context, Path) else ""


def _identity(directory: LocalDir) -> str:
    if isinstance(directory, Path):
        return str(directory.resolve())
    content = hashlib.sha256()
    for name, data in sorted(directory.items()):
        content.update(f"{name}\0{len(data)}\0".encode() + data)
    return f"memory:{content.hexdigest()}"


@dataclass(slots=True)
class _Entry:
    users: int = 0
    names: Names = field(default_factory=Names)
    session: Session | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    resources: AsyncExitStack = field(default_factory=AsyncExitStack)


class Sessions:
    """Opens sessions on demand and closes each with its last user.

    Args:
        dialer: How to reach the daemon.
        user: What tells this user on this machine from others; part of the shared keys.
        attachables: Makes the services of an offer, and of the registries that are named.
    """

    def __init__(
        self,
        dialer: Dialer,
        user: str,
        attachables: Callable[[Offer, Names], Sequence[Attachable]],
    ) -> None:
        self._dialer = dialer
        self._user = user
        self._attachables = attachables
        self._entries: dict[Hashable, _Entry] = {}
        self._tunnels = AsyncExitStack()
        self._group: asyncio.TaskGroup | None = None

    @asynccontextmanager
    async def lease(self, offer: Offer) -> AsyncGenerator[Session, None]:
        """Provide a session that serves an offer.

        Raises:
            DialError: No connection.
            NodeError: The daemon does not offer sessions.
        """
        key = offer.key
        entry = self._entries.setdefault(key, _Entry())
        entry.users += 1
        entry.names.add(offer.registries)
        try:
            async with entry.opening:
                if entry.session is None or not entry.session.is_open:
                    await entry.resources.aclose()
                    entry.session = await self._open(offer, entry.names, entry.resources)
            yield entry.session
        finally:
            entry.users -= 1
            if not entry.users:
                if self._entries.get(key) is entry:
                    del self._entries[key]
                await entry.resources.aclose()

    async def aclose(self) -> None:
        """Close all sessions; safe to repeat."""
        entries = list(self._entries.values())
        self._entries.clear()
        for entry in entries:
            await entry.resources.aclose()
        self._group = None
        await self._tunnels.aclose()

    async def _open(self, offer: Offer, names: Names, resources: AsyncExitStack) -> Session:
        name = offer.shared_key
        shared_key = f"{name}:{self._user}" if name else self._user
        session = Session(self._attachables(offer, names), shared_key=shared_key)
        with translated(self._dialer.endpoint):
            if self._dialer.endpoint.wire is Wire.DOCKER:
                await tunnel.attach(session, self._dialer)
            else:
                await self._tunnel(session, resources)
        resources.push_async_callback(session.aclose)
        return session

    async def _tunnel(self, session: Session, resources: AsyncExitStack) -> None:
        # A connection of its own: bulk data would otherwise delay Solve and Status.
        channel = WireChannel(self._dialer)
        resources.callback(channel.close)
        await channel.__connect__()
        if self._group is None:
            # The group outlives the build that opened the session, up to `aclose`; its tasks
            # raise nothing, so it never cancels whoever happened to open it.
            self._group = await self._tunnels.enter_async_context(asyncio.TaskGroup())
        opened = asyncio.Event()
        task = self._group.create_task(tunnel.serve(session, channel, opened))

        async def end() -> None:
            task.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await asyncio.wait([task])

        resources.push_async_callback(end)
        await opened.wait()
