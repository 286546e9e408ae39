"""Where registry credentials come from: docker's configuration, containers' auth files, helpers.

Files, the first that knows a host wins: buildx's configurations for single repositories,
``REGISTRY_AUTH_FILE``, ``containers/auth.json`` below the runtime and the configuration directory,
docker's ``config.json``, ``~/.dockercfg``; docker's comes before containers' where
``DOCKER_CONFIG`` names it. In a file, as docker does: ``credHelpers`` for the host, then
``credsStore``, then ``auths``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.model.reference import HUB
from bakex.registry.auth_file import HUB_SERVER, AuthFile, nearest, normalized, read_auth_file
from bakex.registry.credential_helper import HelperFailedError, ask
from bakex.registry.scoped_configs import scoped_configs

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakex.config import Settings
    from bakex.registry.credential import Credential

_LOG = logging.getLogger(__name__)
# Hosts that the Hub stands behind: its login is good for them, as buildx has it.
_BEHIND_HUB = frozenset({"dhi.io", "registry.scout.docker.com"})
_FRESH_S = 290.0  # tokens of Google's registry, which its helper hands out, live for 300 seconds


@dataclass(frozen=True, slots=True)
class _Answer:
    credential: Credential | None = field(repr=False)
    until: float


class DockerKeychain:
    """Implements `bakex.interfaces.Keychain`. Files are read once; helpers are asked again later.

    A helper that fails is passed over, as docker does: the registry may need no login at all.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        helper_timeout_s: float = 30.0,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the settings; no file is read yet.

        Args:
            settings: For the places of the files and the helpers' environment.
            helper_timeout_s: How long one helper may take; some ask a cloud for a token.
            timer: Gives seconds, for the life of what helpers say.
        """
        self._settings = settings
        self._paths = auth_files(settings)
        self._timeout_s = helper_timeout_s
        self._timer = timer
        self._files: dict[Path, AuthFile | None] = {}
        self._helped: dict[tuple[str, str], _Answer] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def credentials(
        self, host: str, repository: str = "", actions: frozenset[str] = frozenset()
    ) -> Credential | None:
        """Return the credentials for a registry host (``docker.io`` for Docker Hub), if any.

        Args:
            host: The registry.
            repository: What they are for, where that is known: some hold for a part only.
            actions: Of ``pull``, ``push`` and ``delete``, what is to be done there.

        Raises:
            ConfigError: A configuration file is there but cannot be read.
        """
        host = normalized(host)
        found = await self._look_up(host, repository, actions)
        if found is None and host in _BEHIND_HUB:
            return await self._look_up(HUB, repository, actions)
        return found

    async def _look_up(
        self, host: str, repository: str, actions: frozenset[str]
    ) -> Credential | None:
        scoped = scoped_configs(self._settings, host, repository, actions) if repository else ()
        for path in (*scoped, *self._paths):
            file = self._read(path)
            if file is None:
                continue
            found = await self._in_file(file, host, repository)
            if found is not None:
                return found
        return None

    async def places(self, host: str) -> tuple[Path, ...]:
        """Return the files that have credentials for all of a host, the one that counts first.

        Those for single repositories are left out.

        Raises:
            ConfigError: A configuration file is there but cannot be read.
        """
        host = normalized(host)
        found: list[Path] = []
        for path in self._paths:
            file = self._read(path)
            if file is not None and await self._in_file(file, host, "") is not None:
                found.append(path)
        return tuple(found)

    def _read(self, path: Path) -> AuthFile | None:
        if path not in self._files:
            self._files[path] = read_auth_file(path)
        return self._files[path]

    async def _in_file(self, file: AuthFile, host: str, repository: str) -> Credential | None:
        default = HUB_SERVER if host == HUB else host
        special = nearest(file.helpers, host, repository)
        for helper in (special, (file.store, default) if file.store else None):
            if helper is not None and (found := await self._ask(*helper)) is not None:
                return found
        return nearest(file.auths, host, repository)

    async def _ask(self, name: str, server: str) -> Credential | None:
        key = (name, server)
        async with self._locks.setdefault(key, asyncio.Lock()):
            known = self._helped.get(key)
            if known is not None and known.until > self._timer():
                return known.credential
            try:
                found = await ask(name, server, self._settings.environ, timeout_s=self._timeout_s)
            except HelperFailedError as error:
                _LOG.warning("no credentials for %s: %s", normalized(server), error)
                found = None
            self._helped[key] = _Answer(found, self._timer() + _FRESH_S)
            return found


def auth_files(settings: Settings) -> tuple[Path, ...]:
    """Return the files that may hold credentials, in the order in which they are asked."""
    environ = settings.environ
    docker = settings.docker_config / "config.json"
    config = Path(environ.get("XDG_CONFIG_HOME") or settings.home / ".config")
    containers = [config / "containers" / "auth.json"]
    if environ.get("XDG_RUNTIME_DIR"):
        containers.insert(0, Path(environ["XDG_RUNTIME_DIR"]) / "containers" / "auth.json")
    explicit = [Path(environ["REGISTRY_AUTH_FILE"])] if environ.get("REGISTRY_AUTH_FILE") else []
    old = settings.home / ".dockercfg"
    if environ.get("DOCKER_CONFIG"):
        return (*explicit, docker, *containers)
    return (*explicit, *containers, docker, old)
