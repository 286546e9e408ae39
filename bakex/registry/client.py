"""Registries over HTTP (OCI distribution-spec v1.1) as stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.registry.connections import Connections
from bakex.registry.repository import Repository
from bakex.registry.retry import RetryPolicy
from bakex.registry.site import Site
from bakex.registry.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bakex.config import Settings
    from bakex.interfaces import Clock, Keychain
    from bakex.model.reference import Reference


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
    ) -> None:
        """Take what it works with; nothing is opened yet.

        Args:
            keychain: Where credentials come from.
            settings: For proxies and certificates.
            clock: For waits and the life of tokens.
            policy: When requests are sent again.
            certificates: Instead of the usual directories of hosts' certificates.
        """
        self._keychain = keychain
        self._clock = clock
        connections = Connections(settings, certificates=certificates)
        self._transport = Transport(connections, clock=clock, policy=policy or RetryPolicy())
        self._sites: dict[str, Site] = {}
        self._repositories: dict[str, Repository] = {}

    def repository(self, reference: Reference, *, insecure: bool = False) -> Repository:
        """Return the repository that a reference is in; no request is made yet.

        Args:
            reference: Its tag and digest do not matter.
            insecure: Allow unverified TLS and plain HTTP for the host, from now on. Plain HTTP is
                always allowed for this machine itself.
        """
        site = self._sites.get(reference.host)
        if site is None:
            site = Site(
                reference.host,
                keychain=self._keychain,
                clock=self._clock,
                ask=self._transport.ask,
            )
            self._sites[reference.host] = site
        site.insecure = site.insecure or insecure
        found = self._repositories.get(reference.repository)
        if found is None:
            found = Repository(self._transport, site, reference.path)
            self._repositories[reference.repository] = found
        return found

    async def aclose(self) -> None:
        """Drop the connections; safe to repeat."""
        await self._transport.aclose()
