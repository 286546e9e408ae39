"""From a Bearer challenge to a token, without I/O: a generator of requests that takes the answers.

Source: distribution's docs/spec/auth/token.md and oauth.md. With an identity token the exchange is
a POST (OAuth 2 refresh); where the server does not know that, and without one, it is a GET, with
the password as Basic credentials.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from bakex.errors import RegistryError
from bakex.registry.credential import basic
from bakex.registry.errors import refused
from bakex.registry.urls import origin

if TYPE_CHECKING:
    from bakex.interfaces import Credentials
    from bakex.registry.challenge import Challenge
    from bakex.registry.errors import Answer

CLIENT_ID = "bakex"
_DEFAULT_LIFE_S = 60.0  # token.md: what a client must assume when expires_in is missing
_NO_OAUTH = frozenset({400, 404, 405, 501})


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """What a token is for: actions on a repository."""

    repository: str
    actions: frozenset[str]

    def __str__(self) -> str:
        return f"repository:{self.repository}:{','.join(sorted(self.actions))}"


def pull(repository: str) -> Scope:
    """Return the scope for reading."""
    return Scope(repository, frozenset({"pull"}))


def push(repository: str) -> Scope:
    """Return the scope for writing; it includes reading, so one token serves a whole push."""
    return Scope(repository, frozenset({"pull", "push"}))


def delete(repository: str) -> Scope:
    """Return the scope for removing tags and manifests."""
    return Scope(repository, frozenset({"pull", "delete"}))


def union(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """Return the scopes with one entry for each repository."""
    merged: dict[str, frozenset[str]] = {}
    for scope in scopes:
        merged[scope.repository] = merged.get(scope.repository, frozenset()) | scope.actions
    return frozenset(Scope(repository, actions) for repository, actions in merged.items())


def covers(granted: Iterable[Scope], wanted: Iterable[Scope]) -> bool:
    """Return whether a token for some scopes is good for others."""
    held = {scope.repository: scope.actions for scope in granted}
    return all(scope.actions <= held.get(scope.repository, frozenset()) for scope in wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """One request to a token server; `repr` shows no credentials.

    Attributes:
        authorization: Value of the header; empty for none.
        form: The body of a POST; empty for a GET.
    """

    method: str
    url: str
    authorization: str = field(default="", repr=False)
    form: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token and how long it is good for.

    Attributes:
        refresh: A new identity token in place of the one that was used; empty if there is none.
    """

    value: str = field(repr=False)
    life_s: float
    refresh: str = field(default="", repr=False)


def exchange(
    challenge: Challenge,
    scopes: frozenset[Scope],
    credentials: Credentials | None,
    *,
    host: str,
    offline: bool = False,
) -> Generator[TokenRequest, Answer, Token]:
    """Ask for a token; yields requests, takes their answers, returns the token.

    Args:
        challenge: Where, and for which service.
        scopes: What it is to be good for.
        credentials: Who asks; None for nobody in particular.
        host: The registry, for messages.
        offline: Ask for an identity token, too, for logins to come without the password.

    Raises:
        UnauthorizedError: The credentials are not good.
        RegistryError: The token server failed or gave something else.
    """
    realm = challenge.parameters.get("realm", "")
    service = challenge.parameters.get("service", "")
    texts = sorted(str(scope) for scope in scopes)
    place = origin(realm, host)[1]
    if credentials is not None and credentials.is_token:
        form = {
            "grant_type": "refresh_token",
            "service": service,
            "client_id": CLIENT_ID,
            "scope": " ".join(texts),
            "refresh_token": credentials.secret,
        }
        answer = yield TokenRequest(method="POST", url=realm, form=urlencode(form).encode())
        if answer.status not in _NO_OAUTH:
            return _read(answer, place, host)
    named = credentials is not None and credentials.username
    answer = yield TokenRequest(
        method="GET",
        url=_with_query(realm, service, texts, offline=offline and bool(named)),
        authorization=basic(credentials) if credentials is not None and named else "",
    )
    return _read(answer, place, host)


def _with_query(realm: str, service: str, scopes: Iterable[str], *, offline: bool) -> str:
    parts = urlsplit(realm)
    query = parse_qsl(parts.query, keep_blank_values=True)
    query += [("service", service)] if service else []
    query += [("scope", scope) for scope in scopes]
    query += [("offline_token", "true"), ("client_id", CLIENT_ID)] if offline else []
    return urlunsplit(parts._replace(query=urlencode(query)))


def _read(answer: Answer, place: str, host: str) -> Token:
    if answer.status != 200:
        raise refused(answer, f"get a token from {place} for", host)
    try:
        document: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    fields: Mapping[str, object] = {}
    if isinstance(document, Mapping):
        fields = cast("Mapping[str, object]", document)
    value = fields.get("token") or fields.get("access_token")
    # What ends up in a header must not be able to add another one.
    if not isinstance(value, str) or not value.isprintable() or not value.isascii():
        raise RegistryError(f"the token server {place} gave no token")
    refresh = fields.get("refresh_token")
    return Token(
        value=value,
        life_s=_life_s(fields.get("expires_in")),
        refresh=refresh if isinstance(refresh, str) else "",
    )


def _life_s(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return float(value)
    return _DEFAULT_LIFE_S
