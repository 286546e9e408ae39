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

from bakex.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    def __init__(self, settings: Settings, roots: Sequence[Path] | None = None) -> None:
        """Take the settings; nothing is read yet.

        Args:
            settings: For ``SSL_CERT_FILE`` and the user's directories.
            roots: Instead of `certificate_roots`.
        """
        self._environ = settings.environ
        self._roots = certificate_roots(settings) if roots is None else tuple(roots)
        self._made: dict[tuple[str, bool], ssl.SSLContext] = {}

    def of(self, host: str, *, verify: bool = True) -> ssl.SSLContext:
        """Return the context for ``host[:port]``.

        Raises:
            ConfigError: A certificate file cannot be used.
        """
        directories = [root / host for root in self._roots if (root / host).is_dir()]
        key = (host if directories else "", verify)
        if key not in self._made:
            self._made[key] = self._make(directories, verify=verify)
        return self._made[key]

    def _make(self, directories: Sequence[Path], *, verify: bool) -> ssl.SSLContext:
        file = self._environ.get("SSL_CERT_FILE") or None
        directory = self._environ.get("SSL_CERT_DIR") or None
        current = Path(file or directory or ".")
        try:
            context = ssl.create_default_context(cafile=file, capath=directory)
            for place in directories:
                for current in sorted(place.glob("*.crt")):
                    context.load_verify_locations(cafile=current)
                for current in sorted(place.glob("*.cert")):
                    context.load_cert_chain(current, current.with_suffix(".key"))
        except OSError as error:  # ssl.SSLError is one, too
            raise ConfigError(
                f"cannot use the certificate file {current}", detail=str(error.args[-1])
            ) from None
        context.set_alpn_protocols(["http/1.1"])
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
