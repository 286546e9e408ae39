"""Which connection a URL gets: directly or through a proxy, and with which TLS context."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx

from bakex.errors import ConfigError
from bakex.registry.lane import IDLE_S, Lane
from bakex.registry.lanes import Lanes
from bakex.registry.proxies import proxy_for
from bakex.registry.tls import Contexts
from bakex.registry.urls import origin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bakex.config import Settings
    from bakex.registry.hosts import Hosts

_SINGLE = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_S)


class Connections:
    """Opens connections as the settings say."""

    def __init__(
        self, settings: Settings, hosts: Hosts, *, certificates: Sequence[Path] | None = None
    ) -> None:
        """Take the settings; nothing is opened yet.

        Args:
            settings: For proxies and certificates.
            hosts: For more certificates.
            certificates: Instead of the usual directories of hosts' certificates.
        """
        self._environ = settings.environ
        self._contexts = Contexts(settings, certificates, trust=hosts.trust)
        self._unverified: set[tuple[str, str, int]] = set()
        self.transport = Lanes(self.connect)

    def allow_unverified(self, base: str) -> None:
        """Accept any certificate from one origin."""
        self._unverified.add(origin(base))

    def connect(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        """Return a transport for one connection to the origin of a URL.

        Raises:
            ConfigError: The proxy or a certificate cannot be used.
        """
        scheme, host, port = origin(str(url))
        proxy = proxy_for(scheme, host, port, self._environ)
        if proxy is None:
            return Lane(None if scheme == "http" else self._context(url))
        try:
            return httpx.AsyncHTTPTransport(
                verify=self._context(url),
                limits=_SINGLE,
                trust_env=False,
                proxy=httpx.Proxy(proxy),
            )
        except (ValueError, httpx.InvalidURL, ImportError):
            # The URL is not shown: it may hold a password.
            raise ConfigError(
                f"the proxy for {host} cannot be used",
                hint="check HTTPS_PROXY and HTTP_PROXY: they take http:// and https:// URLs",
            ) from None

    def _context(self, url: httpx.URL) -> ssl.SSLContext:
        if url.scheme == "http":
            # httpx wants one in any case, and loading the authorities for nothing takes 20 ms.
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        verify = origin(str(url)) not in self._unverified
        return self._contexts.of(url.netloc.decode(), verify=verify)
