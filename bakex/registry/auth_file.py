"""Files with registry credentials: docker's ``config.json`` and containers' ``auth.json``.

Keys are hosts in many spellings; in containers' files also namespaces, as ``host/team``. The
nearest one counts (containers-auth.json(5)). What ``docker login`` writes for the Hub is
``https://index.docker.io/v1/``.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast

from bakex.errors import ConfigError
from bakex.model.reference import HUB
from bakex.registry.credential import Credential

if TYPE_CHECKING:
    from pathlib import Path

HUB_SERVER = "https://index.docker.io/v1/"  # what docker login uses as the key
_HUB_NAMES = frozenset({HUB, "index.docker.io", "registry-1.docker.io"})
_MAX_FILE = 16 << 20
_NONE: Mapping[str, object] = {}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthFile:
    """What a file says.

    Attributes:
        helpers: By host or namespace: the helper's name, and the key as it was written.
        store: The helper for all others; empty for none.
    """

    path: Path
    helpers: Mapping[str, tuple[str, str]] = field(repr=False)
    store: str = ""
    auths: Mapping[str, Credential] = field(repr=False)


def normalized(key: str) -> str:
    """Return the host or namespace that a key stands for; all spellings of the Hub are one."""
    text = re.sub(r"^https?://", "", key.strip()).rstrip("/")
    text = re.sub(r"/v[12]$", "", text)
    host, slash, path = text.partition("/")
    return f"{HUB if host in _HUB_NAMES else host}{slash}{path}"


def nearest(entries: Mapping[str, _T], host: str, repository: str) -> _T | None:
    """Return the entry for a repository, the nearest namespace around it, or its host."""
    key = f"{host}/{repository}" if repository else host
    while key not in entries:
        key, slash, _ = key.rpartition("/")
        if not slash:
            return None
    return entries[key]


def read_auth_file(path: Path) -> AuthFile | None:
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
    if path.name == ".dockercfg":  # from before docker 1.7: what is now below "auths"
        fields = {"auths": fields}
    store = fields.get("credsStore")
    return AuthFile(
        path=path,
        helpers={
            normalized(key): (str(name), HUB_SERVER if normalized(key) == HUB else key)
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
    bearer, token = entry.get("registrytoken"), entry.get("identitytoken")
    if isinstance(bearer, str) and bearer:
        return Credential(secret=bearer, is_bearer=True)
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
