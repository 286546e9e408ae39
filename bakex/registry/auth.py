"""Authorization for one registry host: which header goes with a request.

* The host's first answer says how it wants to be convinced; every later 401 may change that.
* A token is asked for before the first request that needs it, for everything the work at hand
  needs: no body is sent only to be refused.
* Tokens are kept by scope; one for more serves for less. Requests that need the same token at the
  same time wait for a single exchange.
* Credentials go to this host and to the token server it names, to nobody else. A password never
  goes to a host that offers Bearer.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakex.errors import DeniedError, UnauthorizedError
from bakex.registry import challenge as challenges
from bakex.registry.challenge import Challenge
from bakex.registry.credential import Credential, basic
from bakex.registry.tokens import Scope, Token, covers, exchange, union

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from bakex.interfaces import Clock, Credentials, Keychain
    from bakex.registry.errors import Answer
    from bakex.registry.tokens import TokenRequest

_MARGIN = 0.9  # a token is renewed after this part of its life


@dataclass(frozen=True, slots=True)
class _Held:
    header: str = field(repr=False)
    until: float


class Authorizer:
    """Knows how to be let in by one host.

    Attributes:
        offline: Whether token servers are asked for an identity token, too; see `identity`.
    """

    def __init__(
        self,
        host: str,
        *,
        keychain: Keychain,
        clock: Clock,
        ask: Callable[[TokenRequest], Awaitable[Answer]],
    ) -> None:
        """Take what it works with.

        Args:
            host: As references name it.
            keychain: Where the host's credentials are.
            clock: For the life of tokens.
            ask: Sends a request to a token server, after checking its URL.
        """
        self._host = host
        self._keychain = keychain
        self._clock = clock
        self._ask = ask
        self._challenge: Challenge | None = None
        self._tokens: dict[frozenset[Scope], _Held] = {}
        self._locks: dict[frozenset[Scope], asyncio.Lock] = {}
        self._renewed: Credential | None = None
        self.offline = False

    def learn(self, values: Iterable[str]) -> None:
        """Take the WWW-Authenticate headers of an answer to a request without authorization."""
        self._challenge = challenges.preferred(challenges.parse(values))

    async def header(self, scopes: frozenset[Scope], wants: frozenset[Scope] = frozenset()) -> str:
        """Return the Authorization header for a request; empty for none.

        Args:
            scopes: What the request needs.
            wants: What to ask for if there is no token for that yet; `scopes` if empty.

        Raises:
            UnauthorizedError: The token server refused the credentials.
            RegistryError: The token server failed.
        """
        challenge = self._challenge
        if challenge is None:
            return ""
        if challenge.scheme == "basic":
            credentials = await self._known(scopes)
            named = credentials is not None and credentials.username
            return basic(credentials) if credentials is not None and named else ""
        return await self._token(challenge, scopes, wants or scopes, refused="")

    async def challenged(
        self, values: Iterable[str], scopes: frozenset[Scope], refused: str
    ) -> str | None:
        """Return another header to try after a 401; None if there is nothing else to try.

        Args:
            values: The answer's WWW-Authenticate headers.
            scopes: What the request needs.
            refused: The header that was sent; it is not used again.

        Raises:
            UnauthorizedError: The token server refused the credentials.
            RegistryError: The token server failed.
        """
        challenge = challenges.preferred(challenges.parse(values)) or self._challenge
        if challenge is None:
            return None
        if challenge.scheme == "basic" and self._challenge and self._challenge.scheme == "bearer":
            return None  # It took tokens: nothing that comes later gets the password instead.
        self._challenge = challenge
        if challenge.scheme == "basic":
            header = await self.header(scopes)
            return header if header and header != refused else None
        wanted = union([*scopes, *_demanded(challenge)])
        header = await self._token(challenge, wanted, wanted, refused=refused)
        return header if header != refused else None

    @property
    def realm(self) -> str:
        """The URL of the host's token server; empty if it has none, or did not answer yet."""
        challenge = self._challenge
        bearer = challenge is not None and challenge.scheme == "bearer"
        return challenge.parameters.get("realm", "") if challenge is not None and bearer else ""

    @property
    def asks_for_login(self) -> bool:
        """Whether the host wants any credentials, as far as its answers have told."""
        return self._challenge is not None

    @property
    def identity(self) -> Credential | None:
        """The last identity token that the token server handed out, if any."""
        return self._renewed

    async def issue(self, service: str, scopes: Iterable[str]) -> Token:
        """Get a token for somebody else, for these scopes and no more; it is not kept.

        Args:
            service: As the host's challenge named it.
            scopes: As challenges write them; what is not about repositories is left out.

        Raises:
            UnauthorizedError: The token server refused the credentials.
            RegistryError: The token server failed.
        """
        challenge = Challenge("bearer", {"realm": self.realm, "service": service})
        wanted = union(_scopes(scopes))
        credentials = await self._known(wanted)
        if isinstance(credentials, Credential) and credentials.is_bearer:
            return Token(value=credentials.secret, life_s=0.0)
        return await self._exchanged(challenge, wanted, credentials)

    async def _token(
        self,
        challenge: Challenge,
        scopes: frozenset[Scope],
        wants: frozenset[Scope],
        *,
        refused: str,
    ) -> str:
        async with self._locks.setdefault(wants, asyncio.Lock()):
            self._tokens = {
                granted: held
                for granted, held in self._tokens.items()
                if held.header != refused and held.until > self._clock.monotonic()
            }
            for granted, held in self._tokens.items():
                if covers(granted, scopes):
                    return held.header
            if wants != scopes:
                # Who may only read is refused here by some servers, and given less by others.
                with contextlib.suppress(UnauthorizedError, DeniedError):
                    return await self._fetch(challenge, wants)
            return await self._fetch(challenge, scopes)

    async def _fetch(self, challenge: Challenge, scopes: frozenset[Scope]) -> str:
        credentials = await self._known(scopes)
        if isinstance(credentials, Credential) and credentials.is_bearer:
            return f"Bearer {credentials.secret}"
        token = await self._exchanged(challenge, scopes, credentials)
        header = f"Bearer {token.value}"
        until = self._clock.monotonic() + token.life_s * _MARGIN
        self._tokens[scopes] = _Held(header, until)
        return header

    async def _exchanged(
        self, challenge: Challenge, scopes: frozenset[Scope], credentials: Credentials | None
    ) -> Token:
        steps = exchange(challenge, scopes, credentials, host=self._host, offline=self.offline)
        request = next(steps)
        token: Token | None = None
        while token is None:
            answer = await self._ask(request)
            try:
                request = steps.send(answer)
            except StopIteration as end:
                token = end.value
        known = credentials is not None and (credentials.is_token or self.offline)
        if token.refresh and known:
            self._renewed = Credential(secret=token.refresh, is_token=True)
        return token

    async def _known(self, scopes: frozenset[Scope]) -> Credentials | None:
        only = next(iter(scopes)) if len(scopes) == 1 else Scope("", frozenset())
        # The keychain remembers what it may: some helpers give passwords for minutes only.
        found = await self._keychain.credentials(self._host, only.repository, only.actions)
        if found is not None and found.is_token and self._renewed is not None:
            return self._renewed
        return found


def _demanded(challenge: Challenge) -> list[Scope]:
    """Return the scopes of a challenge; what is not about repositories is left out."""
    return _scopes(challenge.parameters.get("scope", "").split())


def _scopes(texts: Iterable[str]) -> list[Scope]:
    found: list[Scope] = []
    for text in texts:
        kind, _, rest = text.partition(":")
        name, _, actions = rest.rpartition(":")
        if kind == "repository" and name and actions:
            found.append(Scope(name, frozenset(actions.split(","))))
    return found
