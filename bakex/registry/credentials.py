"""Where registry credentials come from: docker's configuration, containers' auth files, helpers.

Files, the first that knows a host wins: ``REGISTRY_AUTH_FILE``, ``containers/auth.json`` below the
runtime and the configuration directory, docker's ``config.json``; docker's comes before containers'
where ``DOCKER_CONFIG`` names it. In a file, as docker does: ``credHelpers`` for the host, then
``credsStore``, then ``auths``.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bakex.errors import ConfigError
from bakex.model.reference import HUB
from bakex.registry.credential import Credential
from bakex.registry.credential_helper import HelperFailedError, ask

if TYPE_CHECKING:
    from bakex.config import Settings

_LOG = logging.getLogger(__name__)
_HUB_SERVER = "https://index.docker.io/v1/"  # what docker login uses as the key
_HUB_NAMES = frozenset({HUB, "index.docker.io", "registry-1.docker.io"})
_MAX_FILE = 16 << 20
_NONE: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class _AuthFile:
    path: Path
    helpers: Mapping[str, tuple[str, str]] = field(repr=False)  # host -> helper, key as written
    store: str = ""
    auths: Mapping[str, Credential] = field(repr=False)


class DockerKeychain:
    """Implements `bakex.interfaces.Keychain`. Every host is looked up once and remembered.

    A helper that fails is passed over, as docker does: the registry may need no login at all.
    """

    def __init__(self, settings: Settings, *, helper_timeout_s: float = 30.0) -> None:
        """Take the settings; no file is read yet.

        Args:
            settings: For the places of the files and the helpers' environment.
            helper_timeout_s: How long one helper may take; some ask a cloud for a token.
        """
        self._environ = settings.environ
        self._paths = auth_files(settings)
        self._timeout_s = helper_timeout_s
        self._found: dict[str, Credential | None] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def credentials(self, host: str) -> Credential | None:
        """Return the credentials for a registry host (``docker.io`` for Docker Hub), if any.

        Raises:
            ConfigError: A configuration file is there but cannot be read.
        """
        host = normalized(host)
        async with self._locks.setdefault(host, asyncio.Lock()):
            if host not in self._found:
                self._found[host] = await self._look_up(host)
            return self._found[host]

    async def _look_up(self, host: str) -> Credential | None:
        for path in self._paths:
            file = read_auth_file(path)
            if file is not None and (found := await self._in_file(file, host)) is not None:
                return found
        return None

    async def _in_file(self, file: _AuthFile, host: str) -> Credential | None:
        default = _HUB_SERVER if host == HUB else host
        asked = [file.helpers.get(host), (file.store, default) if file.store else None]
        for helper in asked:
            if helper is None:
                continue
            name, server = helper
            try:
                found = await ask(name, server, self._environ, timeout_s=self._timeout_s)
            except HelperFailedError as error:
                _LOG.warning("no credentials for %s: %s", host, error)
                continue
            if found is not None:
                return found
        return file.auths.get(host)


def auth_files(settings: Settings) -> tuple[Path, ...]:
    """Return the files that may hold credentials, in the order in which they are asked."""
    environ = settings.environ
    docker = settings.docker_config / "config.json"
    config = Path(environ.get("XDG_CONFIG_HOME") or settings.home / ".config")
    containers = [config / "containers" / "auth.json"]
    if environ.get("XDG_RUNTIME_DIR"):
        containers.insert(0, Path(environ["XDG_RUNTIME_DIR"]) / "containers" / "auth.json")
    explicit = [Path(environ["REGISTRY_AUTH_FILE"])] if environ.get("REGISTRY_AUTH_FILE") else []
    if environ.get("DOCKER_CONFIG"):
        return (*explicit, docker, *containers)
    return (*explicit, *containers, docker)


def normalized(key: str) -> str:
    """Return the host that a key of an auth file stands for; all spellings of the Hub are one."""
    text = re.sub(r"^https?://", "", key.strip()).rstrip("/")
    text = re.sub(r"/v[12]$", "", text)
    return HUB if text in _HUB_NAMES else text


def read_auth_file(path: Path) -> _AuthFile | None:
    """Return what a file says; None if there is no such file.

    Raises:
        ConfigError: It is not readable, or is not what it should be.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_FILE)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"cannot read {path}", detail=error.strerror or "") from None
    try:
        document: object = json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError):
        # The parser's own message could quote the file.
        raise ConfigError(f"{path} is not valid JSON") from None
    if not isinstance(document, Mapping):
        raise ConfigError(f"{path} does not hold a JSON object")
    fields = cast("Mapping[str, object]", document)
    store = fields.get("credsStore")
    return _AuthFile(
        path=path,
        helpers={
            normalized(key): (str(name), _HUB_SERVER if normalized(key) == HUB else key)
            for key, name in _object(fields, "credHelpers").items()
        },
        store=store if isinstance(store, str) else "",
        auths=_auths(path, _object(fields, "auths")),
    )


def _object(fields: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = fields.get(key)
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else _NONE


def _auths(path: Path, entries: Mapping[str, object]) -> dict[str, Credential]:
    found: dict[str, Credential] = {}
    for key in entries:
        credential = _entry(path, key, _object(entries, key))
        if credential is not None:
            found.setdefault(normalized(key), credential)
    return found


def _entry(path: Path, key: str, entry: Mapping[str, object]) -> Credential | None:
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Credential(secret=token, is_token=True)
    auth = entry.get("auth")
    if isinstance(auth, str) and auth:
        try:
            text = base64.b64decode(auth, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise ConfigError(f"{path}: the entry for {key} is not valid base64") from None
        name, _, secret = text.partition(":")
        return Credential(username=name, secret=secret.rstrip("\0")) if name else None
    user, password = entry.get("username"), entry.get("password")
    if isinstance(user, str) and isinstance(password, str) and user:
        return Credential(username=user, secret=password)
    return None
