"""Registries over HTTP (OCI distribution-spec v1.1) as stores."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from bakex.errors import RegistryError
from bakex.model.reference import Reference
from bakex.model.secrets import SecretValue
from bakex.registry.connections import Connections
from bakex.registry.hosts import Hosts, check_blocked
from bakex.registry.login import OneCredential, admit
from bakex.registry.repository import Repository
from bakex.registry.retry import RetryPolicy
from bakex.registry.site import Site
from bakex.registry.source import Source
from bakex.registry.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bakex.config import Settings
    from bakex.interfaces import Clock, Keychain
    from bakex.registry.credential import Credential
    from bakex.registry.login import Admission
    from bakex.registry.tokens import Scope


_REACH_S = 5.0  # seconds; a registry that only the nodes reach is left to them


class RegistryClient:
    """Implements `bakex.interfaces.Registry`; all repositories share connections and tokens."""

    def __init__(
        self,
        *,
        keychain: Keychain,
        settings: Settings,
        clock: Clock,
        policy: RetryPolicy | None = None,
        certificates: Sequence[Path] | None = None,
        hosts: Hosts | None = None,
    ) -> None:
        """Take what it works with; nothing is opened yet.

        Args:
            keychain: Where credentials come from.
            settings: For proxies and certificates.
            clock: For waits and the life of tokens.
            policy: When requests are sent again.
            certificates: Instead of the usual directories of hosts' certificates.
            hosts: What is configured about registries; None to read the usual files.
        """
        self._hosts = hosts or Hosts(settings)
        self._keychain = keychain
        self._clock = clock
        connections = Connections(settings, self._hosts, certificates=certificates)
        policy = policy or RetryPolicy()
        self._transport = Transport(connections, clock=clock, policy=policy)
        # A mirror that does not work is not waited for: there is another place to ask.
        self._hasty = Transport(
            connections, clock=clock, policy=replace(policy, attempts=2, held=1, settle_s=())
        )
        self._sites: dict[str, Site] = {}
        self._repositories: dict[str, Repository] = {}

    def repository(self, reference: Reference, *, insecure: bool = False) -> Repository:
        """Return the repository that a reference is in; no request is made yet.

        Args:
            reference: Its tag and digest do not matter.
            insecure: Allow unverified TLS and plain HTTP for the host, from now on. Plain HTTP is
                always allowed for this machine itself.

        Raises:
            ConfigError: The host is blocked, or the configuration cannot be read.
        """
        rule = self._hosts.rule(reference)
        check_blocked(rule, reference)
        return self._repository(reference, insecure=insecure or rule.insecure)

    def source(
        self, reference: Reference, *, insecure: bool = False, mirrors: bool = True
    ) -> Source:
        """Return where to read a reference from: its mirrors, then its own repository.

        Nothing is to be written there; what was just pushed is read through `repository`.

        Args:
            reference: Its tag and digest may decide which mirrors are asked.
            insecure: As for `repository`.
            mirrors: Whether mirrors are asked, too.

        Raises:
            ConfigError: The reference is blocked, or the configuration cannot be read.
        """
        *others, own = self._hosts.endpoints(reference)
        found: list[Repository] = []
        for mirror in others if mirrors else ():
            there = Reference.parse(mirror.name)
            site = self._site(there.host, insecure=mirror.insecure)
            found.append(Repository(self._hasty, site, there.path))
        place = Reference.parse(own.name)
        found.append(self._repository(place, insecure=insecure or own.insecure))
        return Source(found)

    async def token_server(self, host: str) -> str:
        """Return the URL of a host's token server (`bakex.interfaces.TokenSource`)."""
        site = self._site(host, insecure=False)
        try:
            async with asyncio.timeout(_REACH_S):
                await self._transport.open(site)
        except (RegistryError, TimeoutError):
            return ""
        return site.auth.realm

    async def issue(
        self, host: str, service: str, scopes: Sequence[str]
    ) -> tuple[SecretValue, float]:
        """Get a token for somebody else (`bakex.interfaces.TokenSource`)."""
        site = self._site(host, insecure=False)
        await self._transport.open(site)
        token = await site.auth.issue(service, scopes)
        return SecretValue(token.value.encode()), token.life_s

    async def check_login(
        self,
        host: str,
        credential: Credential,
        scopes: frozenset[Scope] = frozenset(),
        *,
        insecure: bool = False,
    ) -> Admission:
        """Find out whether a host lets the owner of credentials in; they are used for nothing else.

        Args:
            host: ``docker.io`` for Docker Hub.
            credential: What is tried.
            scopes: What it must be good for; empty for nothing in particular.
            insecure: As for `repository`.

        Raises:
            UnauthorizedError: It does not.
            RegistryError: It does not answer, or failed.
            ConfigError: The host is blocked, or the configuration cannot be read.
        """
        named = Reference(host, next((scope.repository for scope in scopes), ""))
        rule = self._hosts.rule(named)
        check_blocked(rule, named)
        keychain = OneCredential(credential)
        site = Site(host, keychain=keychain, clock=self._clock, ask=self._transport.ask)
        site.insecure = insecure or rule.insecure
        return await admit(self._transport, site, credential, scopes)

    def _repository(self, reference: Reference, *, insecure: bool) -> Repository:
        site = self._site(reference.host, insecure=insecure)
        found = self._repositories.get(reference.repository)
        if found is None:
            found = Repository(self._transport, site, reference.path)
            self._repositories[reference.repository] = found
        return found

    def _site(self, host: str, *, insecure: bool) -> Site:
        site = self._sites.get(host)
        if site is None:
            site = Site(host, keychain=self._keychain, clock=self._clock, ask=self._transport.ask)
            self._sites[host] = site
        site.insecure = site.insecure or insecure
        return site

    async def aclose(self) -> None:
        """Drop the connections; safe to repeat."""
        await self._transport.aclose()
        await self._hasty.aclose()
