"""Registries for a run that may need none: the client is made when it is first used.

What it imports (HTTP, TLS, certificates) costs more than all else that a small bake does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.config import Settings
    from bakex.interfaces import Clock, Keychain
    from bakex.model.reference import Reference
    from bakex.model.secrets import SecretValue
    from bakex.registry.client import RegistryClient
    from bakex.registry.repository import Repository


class Registries:
    """Implements `bakex.interfaces.Registry` and `bakex.interfaces.TokenSource`."""

    def __init__(self, *, keychain: Keychain, settings: Settings, clock: Clock) -> None:
        """Take what the client works with; see `bakex.registry.client.RegistryClient`."""
        self._keychain = keychain
        self._settings = settings
        self._clock = clock
        self._client: RegistryClient | None = None

    def repository(self, reference: Reference, *, insecure: bool = False) -> Repository:
        """Return the repository that a reference is in; no request is made yet.

        Args:
            reference: Its tag and digest do not matter.
            insecure: Allow unverified TLS and plain HTTP for its host.

        Raises:
            ConfigError: The host is blocked, or the configuration cannot be read.
        """
        return self._used().repository(reference, insecure=insecure)

    async def token_server(self, host: str) -> str:
        """Return the URL of a host's token server (`bakex.interfaces.TokenSource`)."""
        return await self._used().token_server(host)

    async def issue(
        self, host: str, service: str, scopes: Sequence[str]
    ) -> tuple[SecretValue, float]:
        """Get a token for somebody else (`bakex.interfaces.TokenSource`)."""
        return await self._used().issue(host, service, scopes)

    async def aclose(self) -> None:
        """Drop the connections, if there are any; safe to repeat."""
        if self._client is not None:
            await self._client.aclose()

    def _used(self) -> RegistryClient:
        if self._client is None:
            from bakex.registry.client import RegistryClient  # noqa: PLC0415 - see above

            self._client = RegistryClient(
                keychain=self._keychain, settings=self._settings, clock=self._clock
            )
        return self._client
