"""How `bakex.testing.registry` lets clients in: not at all, by Basic, or by tokens."""

from __future__ import annotations

import base64
import json
import secrets
import threading
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from bakex.testing.registry_content import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping


class Access(Enum):
    """Who may do what."""

    OPEN = "open"
    BASIC = "basic"
    TOKEN = "token"  # noqa: S105 - the name of a scheme


@dataclass(slots=True)
class RegistryAuth:
    """Checks requests, and hands out tokens for exactly what was asked for.

    Attributes:
        access: Who may do what.
        users: Passwords by name.
        identities: Identity tokens that may be exchanged; each stands for some user.
        anonymous_pull: With tokens: reading needs no login.
        offline: Who asks for an identity token along with a token gets a new one.
        life_s: What answers say about the life of tokens; tokens end only by `revoke`.
        issued: The scopes of every token that was handed out, in order.
    """

    access: Access = Access.OPEN
    users: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    identities: frozenset[str] = field(default=frozenset(), repr=False)
    anonymous_pull: bool = False
    offline: bool = False
    life_s: int = 300
    issued: list[str] = field(default_factory=list[str])
    _tokens: dict[str, frozenset[tuple[str, str]]] = field(
        default_factory=dict[str, frozenset[tuple[str, str]]], repr=False
    )
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def is_bearer(self) -> bool:
        """Whether requests need tokens."""
        return self.access is Access.TOKEN

    def check(self, header: str, repository: str, action: str, realm: str) -> None:
        """Let a request pass.

        Args:
            header: Its Authorization header.
            repository: What it is about; empty for ``/v2/`` itself.
            action: ``pull``, ``push`` or ``delete``.
            realm: The URL of the token endpoint.

        Raises:
            Refusal: 401 with a challenge.
        """
        if self.access is Access.OPEN:
            return
        scheme, _, value = header.partition(" ")
        if self.access is Access.BASIC:
            if scheme.lower() == "basic" and self._user(value):
                return
            raise _unauthorized('Basic realm="registry"')
        granted = self._tokens.get(value, frozenset()) if scheme.lower() == "bearer" else None
        if granted is not None and value in self._tokens:
            if not repository or (repository, action) in granted:
                return
            error = ',error="insufficient_scope"'
        else:
            error = ',error="invalid_token"' if header else ""
        scope = f',scope="repository:{repository}:{_actions(action)}"' if repository else ""
        raise _unauthorized(f'Bearer realm="{realm}",service="registry"{scope}{error}')

    def token(self, method: str, header: str, query: str, form: bytes) -> bytes:
        """Answer a request to the token endpoint.

        Raises:
            Refusal: The credentials are not good.
        """
        fields = parse_qs(form.decode() if method == "POST" else query)
        if method == "POST":
            known = fields.get("refresh_token", [""])[0] in self.identities
        else:
            scheme, _, value = header.partition(" ")
            known = scheme.lower() == "basic" and self._user(value)
            if header and not known:
                raise Refusal(401, "UNAUTHORIZED", "incorrect username or password")
        if not known and not self.anonymous_pull:
            raise Refusal(401, "UNAUTHORIZED", "authentication required")
        scopes = " ".join(fields.get("scope", []))
        granted: set[tuple[str, str]] = set()
        for scope in scopes.split():
            name, _, actions = scope.removeprefix("repository:").rpartition(":")
            allowed = set(actions.split(",")) & ({"pull", "push", "delete"} if known else {"pull"})
            granted |= {(name, action) for action in allowed}
        value = secrets.token_urlsafe(24)
        # Under both names, as token.md allows: clients of OAuth look for the second one.
        document: dict[str, object] = {
            "token": value,
            "access_token": value,
            "expires_in": self.life_s,
        }
        with self._lock:
            self._tokens[value] = frozenset(granted)
            self.issued.append(scopes)
            if self.offline and known and fields.get("offline_token") == ["true"]:
                identity = secrets.token_urlsafe(24)
                self.identities |= {identity}
                document["refresh_token"] = identity
        return json.dumps(document).encode()

    def revoke(self) -> None:
        """End all tokens at once."""
        with self._lock:
            self._tokens.clear()

    def _user(self, value: str) -> bool:
        try:
            name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return False
        return name in self.users and secrets.compare_digest(self.users[name], password)


def _unauthorized(challenge: str) -> Refusal:
    headers = {"WWW-Authenticate": challenge}
    return Refusal(401, "UNAUTHORIZED", "authentication required", headers=headers)


def _actions(action: str) -> str:
    return "pull,push" if action == "push" else action
