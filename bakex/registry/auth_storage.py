"""Keeping credentials where docker and its kin look for them, and removing them.

* The file is ``REGISTRY_AUTH_FILE`` where that is set, else docker's ``config.json``; for single
  repositories the one that buildx would read (`bakex.registry.scoped_configs`).
* Where the file names a helper for the host, or for all, that gets the secret; the file keeps an
  empty entry, as docker has it. Without a helper the file holds it, encoded but not encrypted.
* The file is replaced in one step, readable by its owner only; fields unknown to bakex stay.

Source: docker/cli cli/config/configfile and cli/config/credentials.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bakex._util.atomic import locked, replacing
from bakex.errors import ConfigError
from bakex.model.reference import HUB
from bakex.registry.auth_file import HUB_SERVER, nearest, normalized, read_auth_file
from bakex.registry.credential_helper import TOKEN_USER, HelperFailedError, ask, erase, store

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping

    from bakex.config import Settings
    from bakex.registry.auth_file import AuthFile
    from bakex.registry.credential import Credential

_MODE = 0o600
_LOCK_TIMEOUT_S = 30.0
_HUB_FOLDER = "registry-1.docker.io"  # of its names the one that docker's own tools write


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where credentials were put.

    Attributes:
        file: The configuration file.
        helper: The program that has the secret; empty if the file itself has it.
    """

    file: Path
    helper: str = ""


def storage(settings: Settings, host: str, repository: str = "", actions: str = "") -> Path:
    """Return the file in which credentials for a host are kept.

    Args:
        settings: For the places.
        host: ``docker.io`` for Docker Hub.
        repository: For that repository only; empty for all of the host.
        actions: For these actions only, separated by commas; empty for all.
    """
    if repository or actions:
        folder = _HUB_FOLDER if host == HUB else host
        place = f"{folder}/{repository}" if repository else folder
        name = f"{place}@{actions}" if actions else place
        return settings.buildx_config / "config" / name / "config.json"
    given = settings.environ.get("REGISTRY_AUTH_FILE")
    return Path(given) if given else settings.docker_config / "config.json"


async def keep(file: Path, host: str, credential: Credential, environ: Mapping[str, str]) -> Kept:
    """Keep credentials for a host, in place of those that are there.

    Raises:
        ConfigError: The file cannot be read or written, or its helper failed; it is as before.
    """
    async with _edited(file) as (fields, read):
        helper = _helper(read, host)
        if helper is not None:
            with _told(f"cannot keep the credentials for {host}"):
                await store(*helper, credential, environ)
        auths = _auths(fields)
        _drop(auths, host)
        auths[_key(host)] = {} if helper is not None else _entry(credential)
    return Kept(file=file, helper=f"docker-credential-{helper[0]}" if helper else "")


async def forget(file: Path, host: str, environ: Mapping[str, str]) -> bool:
    """Remove the credentials for a host; returns whether the file knew of any.

    Raises:
        ConfigError: The file cannot be read or written, or its helper failed; it is as before.
    """
    if read_auth_file(file) is None:
        return False
    async with _edited(file) as (fields, read):
        helper, held = _helper(read, host), False
        if helper is not None:
            with _told(f"cannot remove the credentials for {host}"):
                held = await ask(*helper, environ) is not None
                await erase(*helper, environ)
        auths = fields.get("auths")
        listed = isinstance(auths, dict) and _drop(cast("dict[str, Any]", auths), host)
        return held or listed


@asynccontextmanager
async def _edited(file: Path) -> AsyncGenerator[tuple[dict[str, Any], AuthFile | None], None]:
    """Yield a file's fields, to be changed, and what they mean; write them if they changed."""
    file = file.resolve()  # noqa: ASYNC240 - dotfiles are often links: what they lead to changes
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with locked(file.with_name(f".{file.name}.lock"), timeout_s=_LOCK_TIMEOUT_S):
            read = read_auth_file(file)
            fields = {} if read is None else _fields(file)
            before = json.dumps(fields)
            yield fields, read
            if json.dumps(fields) != before:
                _write(file, fields)
    except TimeoutError:
        raise ConfigError(f"{file} is locked by another program") from None
    except OSError as error:
        raise ConfigError(f"cannot write {file}", detail=error.strerror or "") from None


def _fields(file: Path) -> dict[str, Any]:
    raw = file.read_bytes()  # checked by `read_auth_file`
    return cast("dict[str, Any]", json.loads(raw)) if raw.strip() else {}


def _write(file: Path, fields: Mapping[str, Any]) -> None:
    try:
        owner = file.stat()
    except FileNotFoundError:
        owner = None
    with replacing(file, mode=_MODE) as new:
        if owner is not None:
            # With sudo and the user's HOME the file must stay the user's.
            with contextlib.suppress(PermissionError):
                os.fchown(new.fileno(), owner.st_uid, owner.st_gid)
        text = json.dumps(fields, indent="\t", ensure_ascii=False)
        new.write(text.encode())


def _auths(fields: dict[str, Any]) -> dict[str, Any]:
    auths = fields.get("auths")
    if not isinstance(auths, dict):
        auths = fields["auths"] = {}
    return cast("dict[str, Any]", auths)


def _drop(auths: dict[str, Any], host: str) -> bool:
    """Remove a host in all its spellings; namespaces below it are somebody else's."""
    found = [key for key in auths if normalized(key) == host]
    for key in found:
        del auths[key]
    return bool(found)


def _key(host: str) -> str:
    return HUB_SERVER if host == HUB else host


def _helper(read: AuthFile | None, host: str) -> tuple[str, str] | None:
    """Return the helper's name and the server that it is asked about."""
    if read is None:
        return None
    special = nearest(read.helpers, host, "")
    if special is not None:
        return special
    return (read.store, _key(host)) if read.store else None


def _entry(credential: Credential) -> dict[str, str]:
    if credential.is_token:
        # containers' tools pass an entry over that has no name and password, although empty.
        name = credential.username or TOKEN_USER
        return {"auth": _encoded(f"{name}:"), "identitytoken": credential.secret}
    return {"auth": _encoded(f"{credential.username}:{credential.secret}")}


def _encoded(pair: str) -> str:
    return base64.b64encode(pair.encode()).decode()


@contextlib.contextmanager
def _told(what: str) -> Generator[None, None, None]:
    try:
        yield
    except HelperFailedError as error:
        raise ConfigError(what, detail=f"{error}.") from None
