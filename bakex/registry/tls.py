"""TLS contexts for registries: the system's authorities, and what is configured for a host.

As docker and containers do: below ``/etc/docker/certs.d``, ``/etc/containers/certs.d`` and the
user's ``containers/certs.d``, a directory named ``host[:port]`` may hold ``*.crt`` files (more
authorities) and pairs of ``NAME.cert`` and ``NAME.key`` (client certificates). ``SSL_CERT_FILE``
and ``SSL_CERT_DIR`` replace the system's authorities.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from bakex._util.tls import client_context
from bakex.errors import ConfigError
from bakex.registry.hosts import Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bakex.config import Settings


def certificate_roots(settings: Settings) -> tuple[Path, ...]:
    """Return the directories below which hosts have their certificates."""
    config = Path(settings.environ.get("XDG_CONFIG_HOME") or settings.home / ".config")
    return (
        Path("/etc/docker/certs.d"),
        Path("/etc/containers/certs.d"),
        config / "containers" / "certs.d",
    )


class Contexts:
    """Makes the context of each host once; they are expensive."""

    def __init__(
        self,
        settings: Settings,
        roots: Sequence[Path] | None = None,
        *,
        trust: Callable[[str], Trust] | None = None,
    ) -> None:
        """Take the settings; nothing is read yet.

        Args:
            settings: For ``SSL_CERT_FILE`` and the user's directories.
            roots: Instead of `certificate_roots`.
            trust: Says what else is configured for a host.
        """
        self._environ = settings.environ
        self._roots = certificate_roots(settings) if roots is None else tuple(roots)
        self._trust = trust
        self._made: dict[tuple[str, bool], ssl.SSLContext] = {}

    def of(self, host: str, *, verify: bool = True) -> ssl.SSLContext:
        """Return the context for ``host[:port]``.

        Raises:
            ConfigError: A certificate file cannot be used.
        """
        trust = self._configured(host)
        key = (host if trust.authorities or trust.pairs else "", verify)
        if key not in self._made:
            self._made[key] = self._make(trust, verify=verify)
        return self._made[key]

    def _configured(self, host: str) -> Trust:
        given = Trust() if self._trust is None else self._trust(host)
        authorities, pairs = list(given.authorities), list(given.pairs)
        for root in self._roots:
            authorities += sorted((root / host).glob("*.crt"))
            pairs += [(c, c.with_suffix(".key")) for c in sorted((root / host).glob("*.cert"))]
        return Trust(authorities=tuple(authorities), pairs=tuple(pairs))

    def _make(self, trust: Trust, *, verify: bool) -> ssl.SSLContext:
        file = self._environ.get("SSL_CERT_FILE") or None
        directory = self._environ.get("SSL_CERT_DIR") or None
        current = Path(file or directory or ".")
        try:
            context = client_context(authorities=file, directory=directory)
            for current in trust.authorities:
                context.load_verify_locations(cafile=current)
            for current, private in trust.pairs:
                context.load_cert_chain(current, private)
        except OSError as error:  # ssl.SSLError is one, too
            raise ConfigError(
                f"cannot use the certificate file {current}", detail=str(error.args[-1])
            ) from None
        context.set_alpn_protocols(["http/1.1"])
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
